import { nodeRef } from '../../../../domain/base/ids';
import { CONSUME, FORWARD, type FunctionDefinition } from '../../../../dataplane/functions/index';
import { numbered, numberIn, udp } from './frames';
import { cluster, TestGrid } from './test-grid';

const INSIDE = '10.0.0.1';
const OUTSIDE = '10.9.0.1';
const request = (n: number, port: number): Uint8Array =>
  udp({ from: INSIDE, to: OUTSIDE, fromPort: port, toPort: 53, payload: numbered(n) });
const reply = (n: number, port: number): Uint8Array =>
  udp({ from: OUTSIDE, to: INSIDE, fromPort: 53, toPort: port, payload: numbered(n) });

/** Consumes what comes from port 6000 and sends, because of it, `made` in order: frames of whatever flows. */
function proxy(made: Uint8Array[], stateKind: 'stateless' | 'exported' = 'stateless'): FunctionDefinition {
  return {
    name: 'proxy',
    summary: 'sends frames of other flows',
    create: (_config, { emitter }) => ({
      stateKind,
      reads: 'headers',
      emits: 'mapped',
      dropReasons: [],
      process(frame) {
        if (frame.sourcePort !== 6000) return FORWARD;
        for (const bytes of made) {
          const view = emitter.create(bytes.length);
          view?.bytes.set(bytes, view.offset);
          emitter.sendMapped('back');
        }
        return CONSUME;
      },
    }),
  };
}

function gridOf(definition: FunctionDefinition, members = 1): TestGrid {
  return new TestGrid({
    clusters: [
      cluster(1, 1, { role: 'inode' }),
      cluster(2, members, { function: { name: 'proxy', config: {} }, failure: members > 1 ? 'backup' : 'redirect' }),
      cluster(3, 1, { role: 'inode' }),
    ],
    groups: [[nodeRef(1, 1)], ...Array.from({ length: members }, (_, i) => [nodeRef(2, i + 1)]), [nodeRef(3, 1)]],
    functions: [definition],
  });
}

const out = (g: TestGrid): (readonly [network: number, n: number])[] =>
  g.left.map(({ network, bytes }) => [network, numberIn(bytes)]);

describe('frames that a function creates', () => {
  test('FG-178: they leave as frames of the flow that they belong to, both ways, and nothing else is said of it', () => {
    const g = gridOf(proxy([request(11, 5000), reply(12, 5000)]));
    const slots = g.freeSlots();
    g.inject(1, request(1, 5000));
    g.settle();
    g.inject(1, request(2, 6000));
    g.settle();
    g.inject(1, request(3, 5000));
    g.inject(4, reply(4, 5000));
    g.settle();
    expect([...out(g)].sort(([, a], [, b]) => a - b)).toEqual([
      [4, 1],
      [4, 3],
      [1, 4],
      [4, 11],
      [1, 12],
    ]);
    expect(g.left.find(({ bytes }) => numberIn(bytes) === 11)?.bytes).toEqual(request(11, 5000));
    const observed = g.allEvents().map((event) => (event.type === 'FlowStarted' ? event.observedAs : event.type));
    expect(observed.sort()).toEqual(['egress', 'ingress', 'ingress']);
    expect(g.total(({ created }) => created)).toBe(2);
    expect(g.total(({ counted }) => counted?.['mapped-by-tuple'] ?? 0)).toBe(2);
    expect(g.freeSlots()).toBe(slots);
  });

  test('FG-129: what belongs to no flow and opens none goes on the path of the frame that caused it, counted', () => {
    const notIp = request(11, 7000);
    notIp.set([0x88, 0xcc], 12);
    const g = gridOf(proxy([notIp]));
    g.inject(1, request(2, 6000));
    g.settle();
    expect(out(g)).toEqual([[1, 11]]);
    expect(g.total(({ counted }) => counted?.unmatched ?? 0)).toBe(1);
  });

  test('FG-178: what an heir creates because of frames that it held leaves too', () => {
    const g = gridOf(proxy([request(11, 7000)], 'exported'), 2);
    g.inject(1, request(2, 6000));
    g.group(nodeRef(1, 1)).run(g.now);
    const { to } = g.taps.filter(({ kind }) => kind === 'sent')[0];
    g.kill(to);
    g.settle();
    g.beats(6);
    expect(out(g)).toEqual([[1, 11]]);
    expect(g.total(({ created }) => created)).toBe(1);
  });
});
