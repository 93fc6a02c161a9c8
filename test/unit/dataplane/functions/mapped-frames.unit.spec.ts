import {
  CONSUME,
  FORWARD,
  tupleText,
  type Emitter,
  type FunctionDefinition,
  type PacketFunction,
} from '../../../../dataplane/functions/index';
import { FunctionRegistry } from '../../../../dataplane/functions/registry';
import { packet, type PacketText } from './packets';
import { Rig } from './rig';

const BASE: PacketText = {
  proto: 'udp',
  from: '10.0.0.1',
  to: '192.0.2.80',
  sourcePort: 1000,
  port: 53,
  payload: 'ask',
};
/** What makes the functions below send something: a frame of another flow. */
const TRIGGER = packet({ ...BASE, from: '10.0.0.2', sourcePort: 2000 });
const FIRST = 0x01000001;
const SECOND = 0x01000002;

/** A function that is given frames of the first flow, and sends `bytes` when it is given one of the second. */
function rigThatSends(
  bytes: Uint8Array,
  more: Partial<PacketFunction> & { verdict?: number; begin?: (emitter: Emitter) => void } = {},
): Rig {
  const { verdict = FORWARD, begin, ...own } = more;
  const definition: FunctionDefinition = {
    name: 'sender',
    summary: 'sends a frame that the test made',
    create: (_config, { emitter }) => {
      begin?.(emitter);
      return {
        stateKind: 'opaque',
        reads: 'headers',
        emits: 'mapped',
        dropReasons: [],
        process(_frame, flow) {
          if (flow.id === FIRST && !flow.replica) return verdict;
          const made = emitter.create(bytes.length);
          made?.bytes.set(bytes, made.offset);
          emitter.sendMapped('back');
          return CONSUME;
        },
        ...own,
      };
    },
  };
  const registry = new FunctionRegistry();
  registry.register(definition);
  return new Rig({ name: 'sender', config: {} }, undefined, 1, registry);
}

describe('frames that a function sends by the flow mapper', () => {
  test('FG-127: what a tunnel kept and sends in another wrapping is found by its bytes, once', () => {
    const strip = (text: Partial<PacketText>): Uint8Array => packet({ ...BASE, ...text }).fill(0, 40, 42);
    const wrapped = strip({ from: '198.51.100.7' });
    const rig = rigThatSends(wrapped, { verdict: CONSUME });
    rig.run({ bytes: strip({}), flow: FIRST });
    expect(rig.run({ bytes: TRIGGER, flow: SECOND }).created).toEqual([
      { bytes: wrapped, back: false, flow: FIRST, reverse: false },
    ]);
    expect(rig.run({ bytes: TRIGGER, flow: SECOND }).created).toEqual([{ bytes: wrapped, back: true }]);
    expect(rig.host.counted()).toMatchObject({ 'mapped-by-bytes': 1, unmatched: 1 });
  });

  test('FG-128: what a function let go is not looked for by its bytes', () => {
    const rig = rigThatSends(packet({ ...BASE, from: '198.51.100.7' }).fill(0, 40, 42));
    rig.run({ bytes: packet(BASE).fill(0, 40, 42), flow: FIRST });
    expect(rig.run({ bytes: TRIGGER, flow: SECOND }).created).toMatchObject([{ back: true }]);
    expect(rig.host.counted()).toMatchObject({ 'mapped-by-bytes': 0, unmatched: 1 });
  });

  test('FG-127: what a proxy originates anew goes on as the flow, and its answer goes against it', () => {
    const onward = packet({ ...BASE, payload: 'asked by the proxy' });
    const answer = packet({ ...BASE, from: BASE.to, to: BASE.from, sourcePort: 53, port: 1000, payload: 'told' });
    for (const [bytes, reverse] of [
      [onward, false],
      [answer, true],
    ] as const) {
      const rig = rigThatSends(bytes, { verdict: CONSUME });
      rig.run({ bytes: packet(BASE), flow: FIRST });
      expect(rig.run({ bytes: TRIGGER, flow: SECOND }).created).toEqual([{ bytes, back: false, flow: FIRST, reverse }]);
      expect(rig.host.counted()).toMatchObject({ 'mapped-by-tuple': 1 });
    }
  });

  test('FG-127: what belongs to the flow of the frame at hand takes the direction that it is found in', () => {
    const answer = packet({ ...BASE, from: BASE.to, to: '10.0.0.2', sourcePort: 53, port: 2000, payload: 'told' });
    const rig = rigThatSends(answer);
    expect(rig.run({ bytes: TRIGGER, flow: SECOND }).created).toEqual([{ bytes: answer, back: true }]);
    expect(rig.host.counted()).toMatchObject({ 'mapped-by-tuple': 1, unmatched: 0 });
  });

  test('FG-127: what a translator sends is found by the translation that it declared, until it withdraws it', () => {
    const outer = packet({ ...BASE, from: '198.51.100.1', sourcePort: 6000 });
    const translation = {
      inner: tupleText(17, '0a000001', 1000, 'c0000250', 53),
      outer: tupleText(17, 'c6336401', 6000, 'c0000250', 53),
    };
    let emitter: Emitter | undefined;
    const rig = rigThatSends(outer, { begin: (given) => (emitter = given) });
    emitter?.declare(translation);
    rig.run({ bytes: packet(BASE), flow: FIRST });
    expect(rig.run({ bytes: TRIGGER, flow: SECOND }).created).toMatchObject([{ flow: FIRST, reverse: false }]);
    emitter?.withdraw(translation);
    expect(rig.run({ bytes: TRIGGER, flow: SECOND }).created).toEqual([{ bytes: outer, back: true }]);
    expect(rig.host.counted()).toMatchObject({ 'mapped-by-translation': 1, unmatched: 1 });
  });

  test('FG-178: flows that leave elsewhere or have ended match nothing, and clones stay with themselves', () => {
    const bytes = packet({ ...BASE, payload: 'anew' });
    const rig = rigThatSends(bytes);
    const given = { bytes: packet(BASE), flow: FIRST };
    rig.run(given);
    rig.elsewhere.add(FIRST);
    expect(rig.run({ bytes: TRIGGER, flow: SECOND }).created).toEqual([{ bytes, back: true }]);
    rig.elsewhere.clear();
    expect(rig.run({ bytes: TRIGGER, flow: SECOND }).created).toMatchObject([{ flow: FIRST }]);
    expect(rig.run({ bytes: TRIGGER, flow: 0x01800002, replica: true }).created).toEqual([{ bytes, back: true }]);
    rig.host.flowEnded(FIRST);
    expect(rig.run({ bytes: TRIGGER, flow: SECOND }).created).toEqual([{ bytes, back: true }]);
    expect(rig.host.counted()).toMatchObject({ 'mapped-by-tuple': 1, unmatched: 3 });
  });

  test('FG-178: who does not declare it cannot, and who does must have frames parsed', () => {
    const rig = rigThatSends(TRIGGER, { emits: undefined });
    rig.run({ bytes: TRIGGER, flow: SECOND });
    expect(rig.host.counters.failed).toBe(1);
    expect(() => rigThatSends(TRIGGER, { reads: 'bytes' })).toThrow('sends mapped frames, but reads bytes');
  });
});
