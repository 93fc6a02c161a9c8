import { rehearse } from '../../../../../runtime/programs/up/rehearsal';
import { checkActions, scheduleActions } from '../../../../../runtime/programs/up/schedule';

const AB = [1, 2, 3].map((node) => ({ cluster: 'AB', name: `AB-${node}`, spare: node === 3 }));
const nothing = { kills: [], revives: [], scales: [] };

describe('what happens during a run', () => {
  it('is put in order of frames', () => {
    const options = {
      kills: [{ node: 'AB-1', fraction: 0.5 }],
      revives: [{ node: 'AB-1', fraction: 0.75 }],
      scales: [{ cluster: 'AB', nodes: 4, fraction: 0 }],
    };
    expect(scheduleActions(options, 100)).toEqual([
      { atFrame: 0, action: { kind: 'scale', cluster: 'AB', nodes: 4 } },
      { atFrame: 50, action: { kind: 'kill', node: 'AB-1' } },
      { atFrame: 75, action: { kind: 'revive', node: 'AB-1' } },
    ]);
  });

  it('never lies behind the last frame', () => {
    expect(scheduleActions({ ...nothing, kills: [{ node: 'AB', fraction: 1 }] }, 10)[0]!.atFrame).toBe(9);
  });

  it('is refused when it names what is not there, with what is', () => {
    const check = (options: Partial<typeof nothing>) => () =>
      checkActions({ ...nothing, ...options }, ['AB'], AB, true);
    expect(check({ kills: [{ node: 'AB', fraction: 0.5 }] as never[] })).not.toThrow();
    expect(check({ kills: [{ node: 'ZZ-9', fraction: 0.5 }] as never[] })).toThrow('--kill ZZ-9');
    expect(check({ revives: [{ node: 'AB', fraction: 0.5 }] as never[] })).toThrow('--revive AB');
    expect(check({ scales: [{ cluster: 'AB-1', nodes: 2, fraction: 0 }] as never[] })).toThrow('--scale AB-1');
  });

  it('is refused without a capture', () => {
    const kills = [{ node: 'AB', fraction: 0.5 }];
    expect(() => checkActions({ ...nothing, kills }, ['AB'], [], false)).toThrow('there is none');
  });
});

describe('a run gone through before it begins', () => {
  const kill = (node: string) => ({ atFrame: 0, action: { kind: 'kill' as const, node } });
  const revive = (node: string) => ({ atFrame: 0, action: { kind: 'revive' as const, node } });
  const scale = (nodes: number) => ({ atFrame: 0, action: { kind: 'scale' as const, cluster: 'AB', nodes } });
  const story =
    (...actions: Parameters<typeof rehearse>[0]) =>
    () =>
      rehearse(actions, AB);

  it.each([
    [[kill('AB-1'), revive('AB-1'), kill('AB-1')]],
    [[kill('AB'), revive('AB-2')]],
    [[scale(3), kill('AB'), kill('AB'), kill('AB')]],
    [[kill('AB'), scale(2), scale(1)]],
  ])('lets happen what can: %j', (actions) => {
    expect(story(...actions)).not.toThrow();
  });

  it.each([
    [[kill('AB-1'), kill('AB-1')], '--kill AB-1: it is dead by then'],
    [[kill('AB'), kill('AB'), kill('AB')], '--kill AB: nobody of its cluster lives by then'],
    [[revive('AB-1')], '--revive AB-1: it is alive by then'],
    [[scale(4)], '--scale AB=4: it has 2 living nodes and 1 spares by then'],
    [[kill('AB'), scale(3)], '--scale AB=3: it has 1 living nodes and 1 spares by then'],
  ])('refuses what cannot: %j', (actions, message) => {
    expect(story(...actions)).toThrow(message);
  });
});
