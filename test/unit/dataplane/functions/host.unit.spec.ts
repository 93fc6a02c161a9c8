import { join } from 'node:path';
import { isFlowgridError } from '../../../../domain/base/errors';
import { CONSUME, FORWARD, drop, type FunctionDefinition } from '../../../../dataplane/functions/index';
import { FunctionRegistry } from '../../../../dataplane/functions/registry';
import { packet } from './packets';
import { Rig, type Arrival } from './rig';

const BYTES = packet({ from: '10.0.0.1', to: '192.0.2.80', payload: 'abc' });

function rigOf(
  process: ReturnType<FunctionDefinition['create']>['process'],
  emitter?: (context: Parameters<FunctionDefinition['create']>[1]) => void,
): Rig {
  const registry = new FunctionRegistry();
  registry.register({
    name: 'probe',
    summary: 'a function of the test',
    create: (_config, context) => {
      emitter?.(context);
      return { stateKind: 'per-flow', reads: 'headers', dropReasons: ['first', 'second'], process };
    },
  });
  return new Rig({ name: 'probe', config: {} }, undefined, 1, registry);
}

/** The error of a function that cannot be made. */
function refusal(name: string, config: Record<string, unknown>): { code: string; message: string; remedy?: string } {
  try {
    new Rig({ name, config });
  } catch (error) {
    if (isFlowgridError(error)) return error;
  }
  throw new Error(`${name} was accepted`);
}

describe('function host', () => {
  test('FG-110: verdicts become reasons and are counted', () => {
    const verdicts = [FORWARD, CONSUME, drop(1)];
    const rig = rigOf((_frame, flow) => verdicts[(flow.sequence - 1) % 3]);
    expect([1, 2, 3].map(() => rig.run({ bytes: BYTES }).reason)).toEqual(['none', 'consumed', 'second']);
    expect(rig.host.counters).toMatchObject({ processed: 3, forwarded: 1, consumed: 1 });
  });

  test('FG-111: now never steps back in a direction, whatever the other does; random is the frame’s own', () => {
    const seen: string[] = [];
    const rig = rigOf((frame, flow) => {
      seen.push(`${flow.reverse} ${frame.now}`);
      return FORWARD;
    });
    for (const [reverse, at] of [
      [false, 100],
      [true, 50],
      [false, 90],
      [true, 60],
      [true, 55],
    ] as const)
      rig.run({ bytes: BYTES, reverse, at });
    expect(seen).toEqual(['false 100', 'true 50', 'false 100', 'true 60', 'true 60']);
    const draws = (arrival: Partial<Arrival>): number[] => {
      const drawn: number[] = [];
      rigOf((frame) => {
        drawn.push(frame.random(), frame.random());
        return FORWARD;
      }).run({ bytes: BYTES, sequence: 7, ...arrival });
      return drawn;
    };
    expect(draws({})).toEqual(draws({}));
    expect(
      new Set([...draws({}), ...draws({ sequence: 8 }), ...draws({ reverse: true }), ...draws({ flow: 5 })]).size,
    ).toBe(8);
  });

  test('FG-113: export carries the time that the flow had reached', () => {
    const times: number[] = [];
    const probe = (): Rig =>
      rigOf((frame) => {
        times.push(frame.now);
        return FORWARD;
      });
    const first = probe();
    first.run({ bytes: BYTES, at: 900, flow: 5 });
    const heir = probe();
    heir.host.importFlow(5, first.host.exportFlow(5)!);
    heir.run({ bytes: BYTES, at: 100, flow: 5 });
    first.host.flowEnded(5);
    first.run({ bytes: BYTES, at: 100, flow: 5 });
    expect(times).toEqual([900, 900, 100]);
  });

  test('FG-116: a function that throws costs its frame alone', () => {
    const rig = rigOf((_frame, flow) => {
      if (flow.sequence === 1) throw new Error('bug');
      return FORWARD;
    });
    expect(rig.run({ bytes: BYTES }).reason).toBe('function-drop');
    expect(rig.run({ bytes: BYTES }).reason).toBe('none');
    expect(rig.host.counters.failed).toBe(1);
  });

  test('FG-115: a frame is marked altered only if a byte of it changed', () => {
    const set = (dscp: number): boolean =>
      rigOf((frame) => {
        frame.setDscp(dscp);
        return FORWARD;
      }).run({ bytes: BYTES }).altered;
    expect([set(0), set(8)]).toEqual([false, true]);
  });

  test('a function may create frames, onward and back', () => {
    let context: Parameters<FunctionDefinition['create']>[1] | undefined;
    const rig = rigOf(
      () => {
        const answer = context!.emitter.create(20)!;
        answer.setByte(12, 0x88);
        context!.emitter.send('back');
        return CONSUME;
      },
      (given) => (context = given),
    );
    const outcome = rig.run({ bytes: BYTES });
    expect(outcome.reason).toBe('consumed');
    expect(outcome.created).toEqual([
      { back: true, bytes: Uint8Array.from([...Array<number>(12).fill(0), 0x88, ...Array<number>(7).fill(0)]) },
    ]);
    expect(rig.host.counters.created).toBe(1);
    expect(context!.emitter.create(20)).toBeUndefined();
  });

  test('pass is trivial: no frame is looked at', () => {
    const rig = new Rig({ name: 'pass', config: {} });
    expect(rig.host.trivial).toBe(true);
    expect(rig.run({ bytes: BYTES })).toMatchObject({ reason: 'none', altered: false, bytes: BYTES });
  });
});

describe('FG-117: wrong functions are refused by place and remedy', () => {
  test.each([
    ['nothing-like-it', {}, 'not-found', 'there is none of that name'],
    ['packet-filter', { mood: 'strict' }, 'invalid-grid', 'mood is not known here'],
    ['packet-filter', { mode: 'loose' }, 'invalid-grid', 'mode is "loose"'],
    ['packet-filter', { rules: [{ action: 'allow', port: 80 }] }, 'invalid-grid', 'rules[0]: port is not known here'],
    [
      'packet-filter',
      { rules: [{ action: 'allow', from: ['10.0.0.0/33'] }] },
      'invalid-grid',
      'from[0] is "10.0.0.0/33"',
    ],
    ['packet-filter', { rules: [{ action: 'allow', ports: ['90-80'] }] }, 'invalid-grid', 'ports[0] is "90-80"'],
    ['nat', {}, 'invalid-grid', 'addresses is missing'],
    ['nat', { addresses: ['2001:db8::1'] }, 'invalid-grid', 'addresses[0]'],
    ['rate-limiter', { rate: 0 }, 'invalid-grid', 'rate is 0'],
    ['ids', { signatures: [{ name: 'x', hex: '9' }] }, 'invalid-grid', 'hex is not a sequence'],
    ['pass', { speed: 1 }, 'invalid-grid', 'speed is not known here'],
    ['module', {}, 'invalid-grid', 'path is missing'],
    ['module', { path: './not-there.js' }, 'not-found', 'cannot be loaded'],
    ['module', { path: join(__dirname, 'packets') }, 'invalid-grid', 'exports no definition'],
  ])('%s %j', (name, config, code, message) => {
    const error = refusal(name, config);
    expect(error.code).toBe(code);
    expect(error.message).toContain(message);
    expect(error.remedy).toEqual(expect.any(String));
  });

  test('a name can be taken only once', () => {
    const registry = new FunctionRegistry();
    expect(() =>
      registry.register({
        name: 'pass',
        summary: '',
        create: () => ({ stateKind: 'stateless', reads: 'nothing', dropReasons: [], process: () => FORWARD }),
      }),
    ).toThrow('the name is taken');
  });
});
