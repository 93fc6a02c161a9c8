import { checkActions, scheduleActions } from '../../../../../runtime/programs/up/schedule';

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
      checkActions({ ...nothing, ...options }, ['AB'], ['AB-1', 'AB-2'], true);
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
