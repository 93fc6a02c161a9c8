import { clusterOf, nodeRef, type FlowId, type NodeRef } from '../../../../domain/base/ids';
import type { FunctionSpec, TopologyCluster } from '../../../../domain/topology/topology';
import type { FlowBound, FlowEvent, FlowStarted } from '../../../../domain/flow/events';
import { trailerV1, type Descriptor } from '../../../../dataplane/descriptor/codec';
import { NO_FRAME_NUMBER } from '../../../../dataplane/frames/slots';
import { ORACLE, ORACLE_PORT, askedFrom, definition as asker } from './asker';
import { ACK, numbered, numberIn, RST, tcp, udp } from './frames';
import { cluster, TestGrid, type TestGridOptions } from './test-grid';

const CLIENT = '10.0.0.1';
const SERVER = '10.9.0.1';

const request = (n: number, port = 5000): Uint8Array =>
  udp({ from: CLIENT, to: SERVER, fromPort: port, toPort: 80, payload: numbered(n) });
const answer = (n: number, port = 5000): Uint8Array =>
  udp({ from: ORACLE, to: CLIENT, fromPort: ORACLE_PORT, toPort: askedFrom(port), payload: numbered(n) });

interface Shape extends Partial<TestGridOptions> {
  readonly config?: { readonly [key: string]: unknown };
  readonly askers?: number;
  readonly failure?: 'backup' | 'redirect' | 'discard';
  readonly exits?: number;
  /** Of the askers' cluster. */
  readonly more?: Partial<TopologyCluster>;
  /** The function of the stage behind. */
  readonly behind?: FunctionSpec;
}

const STRICT: FunctionSpec = { name: 'packet-filter', config: { mode: 'strict' } };

/** INODE, askers, a stage of two behind them, INODEs. */
function gridOf({
  behind = STRICT,
  config = {},
  askers = 2,
  failure = 'redirect',
  exits = 1,
  more,
  ...options
}: Shape = {}): TestGrid {
  return new TestGrid({
    clusters: [
      cluster(1, 1, { role: 'inode' }),
      cluster(2, askers, { failure, function: { name: 'asker', config }, ...more }),
      cluster(3, 2, { function: behind }),
      cluster(4, exits, { role: 'inode' }),
    ],
    functions: [asker],
    ...options,
  });
}

const out = (g: TestGrid): (readonly [network: number, n: number])[] =>
  g.left.map(({ network, bytes }) => [network, numberIn(bytes)]);

function eventsOf<Type extends FlowEvent['type']>(g: TestGrid, type: Type): Extract<FlowEvent, { type: Type }>[] {
  return g.allEvents().filter((event): event is Extract<FlowEvent, { type: Type }> => event.type === type);
}

const bounds = (g: TestGrid): readonly FlowBound[] => eventsOf(g, 'FlowBound');

function startOf(g: TestGrid, flow: FlowId): FlowStarted {
  return eventsOf(g, 'FlowStarted').find((event) => event.flow === flow && event.observedAs === 'ingress')!;
}

/** What was sent over internal links of a flow: from, to, descriptor. */
function travels(g: TestGrid, flow: FlowId): { from: NodeRef; to: NodeRef; descriptor: Descriptor }[] {
  return g.taps.flatMap(({ kind, from, to, bytes }) => {
    const read = kind === 'sent' ? trailerV1.decode(bytes) : undefined;
    return read?.ok === true && read.descriptor.flowId === flow ? [{ from, to, descriptor: read.descriptor }] : [];
  });
}

const liveFlows = (g: TestGrid): number => g.total(({ flowsPrimary }) => flowsPrimary);
const counted = (g: TestGrid, name: string): number => g.total((node) => node.counted?.[name] ?? 0);

describe('flows that functions open', () => {
  test('FG-320: a secondary flow has an ID of its own, begins at the function, and is told with its parent', () => {
    const g = gridOf();
    const slots = g.freeSlots();
    g.inject(1, request(1));
    g.settle();
    g.inject(1, request(2));
    g.settle();
    expect([...out(g)].sort(([, a], [, b]) => a - b)).toEqual([
      [4, 1],
      [4, 2],
      [4, 1001],
      [4, 1002],
    ]);
    const [bound, ...more] = bounds(g);
    expect(more).toEqual([]);
    const [parent, secondary] = [startOf(g, bound!.parent), startOf(g, bound!.flow)];
    expect(parent).toMatchObject({ network: 1, path: 1 });
    expect(secondary).toMatchObject({ network: 0, path: 0, start: 'first-packet', wireId: parent.wireId });
    expect(secondary.key).toMatchObject({ a: CLIENT, aPort: askedFrom(5000), b: ORACLE, bPort: ORACLE_PORT });
    expect(secondary.route).toEqual(parent.route.slice(1));
    expect(bound!.by).toBe(parent.route[1]);
    const questions = travels(g, bound!.flow);
    expect(questions.map(({ from, descriptor }) => [clusterOf(from), descriptor.sequence])).toEqual([
      [2, 1],
      [3, 1],
      [2, 2],
      [3, 2],
    ]);
    expect(counted(g, 'secondary')).toBe(1);
    expect(counted(g, 'mapped-by-tuple')).toBe(1);
    expect(g.total(({ created }) => created)).toBe(2);
    expect(g.total(({ inFlight }) => inFlight)).toBe(0);
    expect(g.freeSlots()).toBe(slots);
  });

  test('FG-321: what answers it goes back through the same nodes and ends at the function', () => {
    const g = gridOf({ askers: 3 });
    for (const port of [5000, 5001, 5002, 5003]) {
      g.inject(1, request(1, port));
      g.settle();
      g.inject(4, answer(7, port));
      g.settle();
    }
    expect(out(g).map(([network]) => network)).toEqual([4, 4, 4, 4, 4, 4, 4, 4]);
    expect(counted(g, 'answers')).toBe(4);
    expect(g.total(({ consumed }) => consumed)).toBe(4);
    expect(bounds(g)).toHaveLength(4);
    for (const { flow, by } of bounds(g)) {
      const { route } = startOf(g, flow);
      const there = travels(g, flow).filter(({ descriptor }) => (descriptor.flags & 0x10) === 0);
      const back = travels(g, flow).filter(({ descriptor }) => (descriptor.flags & 0x10) !== 0);
      expect([there[0]!.from, ...there.map(({ to }) => to)]).toEqual(route);
      expect([back[0]!.from, ...back.map(({ to }) => to)]).toEqual([...route].reverse());
      expect(back.at(-1)!.to).toBe(by);
    }
  });

  test('FG-321: an answer that the function lets go on has nowhere to go', () => {
    const g = gridOf({ config: { returns: true } });
    g.inject(1, request(1));
    g.settle();
    g.inject(4, answer(7));
    g.settle();
    expect(out(g)).not.toContainEqual([1, 7]);
    expect(g.dropped('no-egress')).toBe(1);
  });

  test('FG-320: it opens behind the function also where its parent ends, and against the direction of its parent', () => {
    const proxy = gridOf({ config: { consumes: true } });
    proxy.inject(1, request(1));
    proxy.settle();
    expect(out(proxy)).toEqual([[4, 1001]]);
    expect(startOf(proxy, bounds(proxy)[0]!.flow).route.map(clusterOf)).toEqual([2, 3, 4]);

    const back = gridOf({ config: { direction: 'back' } });
    back.inject(1, request(1));
    back.settle();
    back.inject(1, answer(7));
    back.settle();
    expect(out(back)).toContainEqual([1, 1001]);
    expect(startOf(back, bounds(back)[0]!.flow).route.map(clusterOf)).toEqual([2, 1]);
    expect(counted(back, 'answers')).toBe(1);
  });

  test('FG-322: it ends with its last connection, everywhere, and its parent lives on', () => {
    const g = gridOf({ timing: { udpIdleMs: 60_000 } });
    const slots = g.freeSlots();
    g.inject(1, request(1));
    g.settle();
    g.inject(4, answer(7));
    g.settle();
    const { flow, parent } = bounds(g)[0]!;
    // Replies and requests keep the parent alive; nobody asks the oracle.
    for (let second = 0; second < 70; second += 10) {
      g.now += 10_000_000;
      g.inject(4, udp({ from: SERVER, to: CLIENT, fromPort: 80, toPort: 5000, payload: numbered(9) }));
      g.settle();
      g.beat();
    }
    expect(eventsOf(g, 'FlowEnded')).toEqual([expect.objectContaining({ flow, end: 'idle', packets: [1, 1] })]);
    expect(liveFlows(g)).toBe(4);
    expect(parent).not.toBe(flow);
    g.groups.forEach((group) => group.endFlows(g.now));
    g.settle();
    expect(liveFlows(g)).toBe(0);
    expect(g.freeSlots()).toBe(slots);
  });

  test('FG-322: a TCP connection of a function begins with its SYN, and ends when the other side refuses it', () => {
    const g = gridOf({ config: { tcp: true }, behind: { name: 'pass', config: {} } });
    const ends = {
      from: ORACLE,
      to: CLIENT,
      fromPort: ORACLE_PORT,
      toPort: askedFrom(5000),
      payload: new Uint8Array(0),
    };
    g.inject(1, request(1));
    g.settle();
    const { flow } = bounds(g)[0]!;
    expect(startOf(g, flow).start).toBe('syn');
    g.inject(4, tcp({ ...ends, flags: RST | ACK }));
    g.settle();
    g.beats(4);
    for (let i = 0; i < 40; i++) {
      g.now += 1_000_000;
      g.beat();
    }
    expect(counted(g, 'answers')).toBe(1);
    expect(eventsOf(g, 'FlowEnded')).toContainEqual(expect.objectContaining({ flow, end: 'rst', packets: [1, 1] }));
    // Asked again it is another flow: the function's node has forgotten the one before.
    g.inject(1, request(2));
    g.settle();
    expect(bounds(g)).toHaveLength(2);
  });

  test('FG-320: its type is that of the first policy that fits it, those of one network left out', () => {
    const policy = { match: {}, paths: ['there', 'back'], criteria: 'static' as const };
    const g = gridOf({
      policies: [
        { ...policy, id: 1, name: 'elsewhere', flowType: 5, typeName: 'elsewhere', match: { networks: [4] } },
        {
          ...policy,
          id: 2,
          name: 'oracle',
          flowType: 7,
          typeName: 'oracle',
          match: { port: [[ORACLE_PORT, ORACLE_PORT]] },
        },
        { ...policy, id: 3, name: 'all', flowType: 9, typeName: 'other' },
      ],
    });
    g.inject(1, request(1));
    g.settle();
    expect(startOf(g, bounds(g)[0]!.flow).flowType).toBe(7);
    expect(startOf(g, bounds(g)[0]!.parent).flowType).toBe(9);
  });

  test('FG-323: it falls to the node that its parent falls to, which goes on with it', () => {
    const g = gridOf({ askers: 4, failure: 'backup', config: { stateKind: 'exported' } });
    const ports = Array.from({ length: 12 }, (_, i) => 5000 + i);
    for (const port of ports) g.inject(1, request(1, port));
    g.settle();
    for (const port of ports) g.inject(4, answer(2, port));
    g.settle();
    const victim = bounds(g)[0]!.by;
    const hit = bounds(g).filter(({ by }) => by === victim);
    g.beat();
    g.kill(victim);
    g.beats(8);
    const heirOf = (flow: FlowId): NodeRef | undefined =>
      eventsOf(g, 'FlowTakenOver').find((event) => event.flow === flow && event.from === victim)?.to;
    for (const { flow, parent } of hit) {
      expect(heirOf(flow)).toBeDefined();
      expect(heirOf(flow)).toBe(heirOf(parent));
    }
    const before = counted(g, 'answers');
    g.left.length = 0;
    for (const port of ports) g.inject(1, request(3, port));
    g.settle();
    for (const port of ports) g.inject(4, answer(4, port));
    g.settle();
    g.beats(8);
    expect(out(g).filter(([network, n]) => network === 4 && n === 1003)).toHaveLength(12);
    expect(counted(g, 'answers') - before).toBe(12);
    expect(bounds(g)).toHaveLength(12);
    for (const { flow } of hit) {
      // It numbers anew, from what it asks again because of frames that it held.
      const sent = travels(g, flow).filter(({ from }) => from === heirOf(flow));
      expect(sent.map(({ descriptor }) => descriptor.sequence)).toEqual(sent.map((_, i) => i + 1));
      expect(sent.length).toBeGreaterThan(0);
    }
  });

  test('FG-323: an heir that has seen nothing of it is given the same flow', () => {
    const g = gridOf({ askers: 3, failure: 'redirect' });
    g.inject(1, request(1));
    g.settle();
    const { flow, by } = bounds(g)[0]!;
    g.kill(by);
    g.beats(8);
    g.inject(1, request(2));
    g.settle();
    g.beats(2);
    expect(out(g)).toContainEqual([4, 1002]);
    expect(bounds(g)).toHaveLength(1);
    const heir = eventsOf(g, 'FlowRerouted').find((event) => event.flow === flow)!.to;
    expect(travels(g, flow).at(-1)!.descriptor).toMatchObject({ sequence: 1 });
    g.inject(4, answer(7));
    g.settle();
    expect(g.group(heir).statistics(heir).counted?.['answers']).toBe(1);
  });

  test('FG-323: when the INODE that owns it dies, another one owns it, and ends it', () => {
    const g = gridOf({ exits: 3, behind: { name: 'pass', config: {} }, timing: { udpIdleMs: 2000 } });
    g.inject(1, request(1));
    g.settle();
    const { flow, by } = bounds(g)[0]!;
    const owner = startOf(g, flow).route.at(-1)!;
    g.beat();
    g.kill(owner);
    g.beats(8);
    const other = [1, 2, 3].map((node) => nodeRef(4, node)).find((ref) => ref !== owner)!;
    g.inject(4, answer(7), other);
    g.settle();
    g.inject(1, request(2));
    g.settle();
    expect(g.group(by).statistics(by).counted?.['answers']).toBe(1);
    expect(out(g)).toContainEqual([4, 1002]);
    for (let i = 0; i < 6; i++) {
      g.now += 1_000_000;
      g.beat();
    }
    expect(eventsOf(g, 'FlowEnded').map((event) => event.flow)).toContain(flow);
    expect(liveFlows(g)).toBe(0);
  });

  test('FG-40: a re-pinned one carries the new ID from the function on and back', () => {
    const g = gridOf();
    g.inject(1, request(1));
    g.settle();
    const { flow } = bounds(g)[0]!;
    g.change(g.topology.clusters);
    for (const group of g.groups) group.repin(1, { version: 2, wireId: 2 });
    g.beats(3);
    expect(g.groups[0].reportLiveWireIds()).toEqual([2]);
    g.taps.length = 0;
    g.inject(1, request(2));
    g.settle();
    g.inject(4, answer(7));
    g.settle();
    expect(travels(g, flow).map(({ descriptor }) => descriptor.wireId)).toEqual([2, 2, 2, 2]);
    expect(counted(g, 'answers')).toBe(1);
  });

  test.each(['asker', 'pass'])(
    'FG-327: congestion moves no flow away from a function that joins flows (%s)',
    (name) => {
      const g = gridOf({
        failure: 'redirect',
        config: name === 'asker' ? { port: 53 } : {},
        more: {
          ...(name === 'pass' ? { function: { name: 'pass', config: {} } } : {}),
          congestion: { above: 50, below: 20, framesPerSecond: 400 },
        },
      });
      for (let n = 1; n <= 20; n++) {
        for (let port = 5000; port < 5006; port++) g.inject(1, request(n, port));
        g.settle();
        g.beat();
      }
      expect(g.total(({ congestions }) => congestions)).toBeGreaterThan(0);
      const moved = g.total(({ flowsMovedAway }) => flowsMovedAway);
      if (name === 'pass') expect(moved).toBeGreaterThan(0);
      else expect(moved).toBe(0);
    },
  );

  test('FG-324: where no flow is to be had its frames go the way of the frame that caused them', () => {
    const g = gridOf();
    const ports = Array.from({ length: 12 }, (_, i) => 5000 + i);
    for (const port of ports) {
      // The oracle itself speaks to the client first: the connection belongs to a flow already, at this node or another.
      g.inject(4, answer(7, port));
      g.settle();
      g.inject(1, request(1, port));
      g.settle();
    }
    expect(out(g).filter(([network, n]) => network === 4 && n === 1001)).toHaveLength(12);
    expect(bounds(g)).toEqual([]);
    expect(counted(g, 'unmatched')).toBeGreaterThan(0);
    expect(counted(g, 'unmatched') + counted(g, 'mapped-by-tuple')).toBe(12);
    expect(counted(g, 'secondary')).toBe(0);
  });

  test('FG-324: offers that are lost are repeated, and frames wait no longer than that takes', () => {
    const g = gridOf();
    const slots = g.freeSlots();
    let isCut = true;
    // Control frames alone are lost: flow type 0.
    g.damages = (to, bytes) => isCut && clusterOf(to) === 4 && isOffer(bytes);
    g.inject(1, request(1));
    g.settle();
    expect(out(g)).toEqual([[4, 1]]);
    expect(g.total(({ inFlight }) => inFlight)).toBe(1);
    isCut = false;
    g.beat();
    expect(out(g)).toEqual([
      [4, 1],
      [4, 1001],
    ]);
    expect(bounds(g)).toHaveLength(1);
    isCut = true;
    g.inject(1, request(2, 5001));
    g.settle();
    g.beats(8);
    expect(out(g)).toContainEqual([4, 1002]);
    expect(bounds(g)).toHaveLength(1);
    expect(counted(g, 'unmatched')).toBe(1);
    expect(g.total(({ inFlight }) => inFlight)).toBe(0);
    expect(g.freeSlots()).toBe(slots);
  });

  test('FG-324: a node that dies takes the frames that wait with it, counted', () => {
    const g = gridOf();
    const slots = g.freeSlots();
    g.damages = (to, bytes) => clusterOf(to) === 4 && isOffer(bytes);
    g.inject(1, request(1));
    g.settle();
    const victim = [1, 2].map((n) => nodeRef(2, n)).find((ref) => g.group(ref).statistics(ref).inFlight === 1)!;
    g.kill(victim);
    expect(g.dropped('node-dead')).toBe(1);
    expect(g.freeSlots()).toBe(slots);
  });

  test('FG-320: created frames of it have no frame number, and nothing of the offer leaves', () => {
    const g = gridOf();
    g.inject(1, request(1));
    g.settle();
    const made = g.left.filter(({ frameNo }) => frameNo === NO_FRAME_NUMBER);
    expect(made.map(({ bytes }) => numberIn(bytes))).toEqual([1001]);
    expect(made[0]!.bytes).toEqual(
      udp({ from: CLIENT, to: ORACLE, fromPort: askedFrom(5000), toPort: ORACLE_PORT, payload: numbered(1001) }),
    );
  });
});

function isOffer(bytes: Uint8Array): boolean {
  const read = trailerV1.decode(bytes);
  return read.ok && read.descriptor.flowType === 0 && read.descriptor.flowId >>> 24 === 17;
}
