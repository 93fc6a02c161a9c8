import {
  DEFAULT_TIMING,
  type FlowPolicy,
  type FunctionSpec,
  type Topology,
  type VirtualLink,
} from '../../../../domain/topology/topology';
import { FlowsProjection, routeAt } from '../../../../projections';
import { recorder } from '../../../../dataplane/functions/recorder';
import { cloneOf } from '../../../../dataplane/select/replica';
import { D_FLAGS, D_FLOW_ID, DF_REPLICA } from '../../../../dataplane/frames/layout';
import { ACK, FIN, numbered, SYN, tcp, udp } from './frames';
import { cluster, TestGrid } from './test-grid';

const [IA, AB, CANARY, REC, IB] = [1, 2, 3, 4, 5];
/** Hello rounds in which a UDP flow that is silent ends. */
const IDLE_BEATS = (DEFAULT_TIMING.udpIdleMs + 1_000) / DEFAULT_TIMING.helloMs;
const CLIENT = '10.0.0.1';
const SERVER = '10.9.0.1';

const ALL: readonly VirtualLink[] = [
  {
    id: 1,
    name: 'VN-1',
    kind: 'switch',
    members: [IA, AB, CANARY, REC, IB].map((id) => ({ cluster: id })),
    control: false,
    mtu: 9000,
  },
];

/** Originals go by way of AB, clones by way of CANARY; a recorder stands behind both. */
function replicating(
  canary: FunctionSpec['name'],
  ends = 'forward',
  selection?: 'distributed',
  replicateTo: string | undefined = 'trial',
): TestGrid {
  const policy: FlowPolicy = {
    id: 1,
    name: 'all',
    flowType: 9,
    typeName: 'other',
    match: {},
    paths: ['there', 'back'],
    criteria: 'static',
    ...(replicateTo === '' ? {} : { replicateTo }),
  };
  return new TestGrid({
    clusters: [
      cluster(IA, 1, { role: 'inode' }),
      cluster(AB, 3, { failure: 'backup' }),
      cluster(CANARY, 2, { function: { name: canary, config: {} } }),
      cluster(REC, 2, { function: { name: 'recorder', config: { ends } } }),
      cluster(IB, 2, { role: 'inode' }),
    ],
    networks: [
      { id: 1, name: 'EN-1', cluster: IA, tagged: false },
      { id: 4, name: 'EN-4', cluster: IB, tagged: false },
    ],
    links: ALL,
    paths: [
      { id: 1, name: 'there', from: [1], to: 4, clusters: [IA, AB, REC, IB] },
      { id: 2, name: 'back', from: [4], to: 1, clusters: [IB, REC, AB, IA] },
      { id: 3, name: 'trial', from: [1], to: 4, clusters: [IA, CANARY, REC, IB] },
    ],
    policies: [policy],
    functions: [recorder],
    ...(selection === undefined ? {} : { selection }),
  });
}

const request = (n: number, port = 5000): Uint8Array =>
  udp({ from: CLIENT, to: SERVER, fromPort: port, toPort: 53, payload: numbered(n) });
const reply = (n: number, port = 5000): Uint8Array =>
  udp({ from: SERVER, to: CLIENT, fromPort: 53, toPort: port, payload: numbered(n) });

interface Hop {
  readonly from: number;
  readonly to: number;
  readonly flow: number;
  readonly isReplica: boolean;
}

/** What crossed the links, hellos and shadow copies left out. */
function hops(grid: TestGrid): Hop[] {
  return grid.taps.flatMap(({ kind, from, to, bytes }) => {
    if (kind !== 'sent') return [];
    const at = bytes.length - bytes[bytes.length - 1];
    const flow = new DataView(bytes.buffer, bytes.byteOffset).getUint32(at + D_FLOW_ID);
    const isReplica = (bytes[at + D_FLAGS] & DF_REPLICA) !== 0;
    const isShadow = from >>> 7 === AB ? false : to >>> 7 === AB && !grid.taps.some((tap) => tap.from === to);
    return isShadow ? [] : [{ from: from >>> 7, to: to >>> 7, flow, isReplica }];
  });
}

function counted(grid: TestGrid, name: string): number {
  return grid.total((node) => node.counted?.[name] ?? 0);
}

/** in + created + copied + replicated = out + consumed + dropped + suppressed + in flight. */
function expectBalance(grid: TestGrid): void {
  const into = grid.total((node) => node.externalIn + node.received + node.created + node.copied + node.replicated);
  const dropped = grid.total((node) => Object.values(node.dropped).reduce((sum, n) => sum + n, 0));
  const out = grid.total((node) => node.externalOut + node.sent + node.consumed + node.suppressed + node.inFlight);
  expect(out + dropped).toBe(into);
}

describe('FG-170: a clone has an ID, a path and flag 3 of its own', () => {
  test.each([undefined, 'distributed'] as const)('both ways, and its original leaves unchanged (%s)', (selection) => {
    const grid = replicating('pass', 'none', selection);
    grid.inject(1, request(1));
    grid.settle();
    grid.inject(4, reply(2));
    grid.settle();
    expect(grid.left.map(({ network, bytes }) => [network, Buffer.from(bytes)])).toEqual([
      [4, Buffer.from(request(1))],
      [1, Buffer.from(reply(2))],
    ]);
    const [relation] = grid.allEvents().filter((event) => event.type === 'FlowReplicated');
    expect(relation).toMatchObject({ clone: cloneOf(relation.flow), path: 3, topologySeq: 1 });
    const clones = hops(grid).filter(({ isReplica }) => isReplica);
    expect(clones.map(({ flow, from, to }) => [flow, from, to])).toEqual(
      [
        [IA, CANARY],
        [CANARY, REC],
        [REC, IB],
        [IB, REC],
        [REC, CANARY],
        [CANARY, IA],
      ].map(([from, to]) => [cloneOf(relation.flow), from, to]),
    );
    expect(grid.dropped('replica-end')).toBe(2);
    expect(grid.total((node) => node.replicated)).toBe(2);
    expectBalance(grid);
  });

  test('flows that begin at the far end are replicated on the path the other way round', () => {
    const grid = replicating('pass', 'none');
    grid.inject(4, reply(1));
    grid.inject(1, request(2));
    grid.settle();
    const clones = hops(grid).filter(({ isReplica }) => isReplica);
    expect(clones.map(({ from, to }) => [from, to])).toEqual(
      expect.arrayContaining([
        [IB, REC],
        [REC, CANARY],
        [CANARY, IA],
        [IA, CANARY],
        [CANARY, REC],
        [REC, IB],
      ]),
    );
    expect(grid.left).toHaveLength(2);
  });

  test('it ends with its original: nothing of it stays at either end', () => {
    const grid = replicating('pass', 'none');
    const ends = { from: CLIENT, to: SERVER, fromPort: 5000, toPort: 80, payload: numbered(0) };
    const back = { from: SERVER, to: CLIENT, fromPort: 80, toPort: 5000, payload: numbered(0) };
    const exchange: readonly [number, Uint8Array][] = [
      [1, tcp({ ...ends, flags: SYN, seq: 1 })],
      [4, tcp({ ...back, flags: SYN | ACK, seq: 1, ack: 2 })],
      [1, tcp({ ...ends, flags: ACK, seq: 2, ack: 2 })],
      [1, tcp({ ...ends, flags: FIN | ACK, seq: 26, ack: 2 })],
      [4, tcp({ ...back, flags: FIN | ACK, seq: 2, ack: 51 })],
      [1, tcp({ ...ends, flags: ACK, seq: 51, ack: 27 })],
    ];
    for (const [network, frame] of exchange) {
      grid.inject(network, frame);
      grid.settle();
    }
    grid.beats(2000);
    const [relation] = grid.allEvents().filter((event) => event.type === 'FlowReplicated');
    expect(grid.allEvents().filter(({ type }) => type === 'FlowEnded')).toMatchObject([
      { flow: relation.flow },
      { flow: relation.clone, packets: [4, 2] },
    ]);
    expect(grid.total((node) => node.flowsPrimary + node.flowsBackup)).toBe(0);
    expectBalance(grid);
  });

  test('FG-231: the log tells its route, its original, and what the recorder found when both have ended', () => {
    const grid = replicating('tally');
    for (let n = 0; n < 3; n++) {
      grid.inject(1, request(n));
      grid.settle();
    }
    grid.beats(IDLE_BEATS);
    const flows = new FlowsProjection();
    for (const event of grid.allEvents()) flows.apply('', event);
    const [relation] = grid.allEvents().filter((event) => event.type === 'FlowReplicated');
    const [clone] = flows.find(relation.clone);
    const stops = routeAt(clone, Infinity).map(({ node }) => node);
    expect(stops.map((ref) => ref >>> 7)).toEqual([IA, CANARY, REC, IB]);
    const canary = grid.taps.find(
      ({ kind, from, to }) => kind === 'sent' && from >>> 7 === CANARY && to >>> 7 === REC,
    )!;
    expect([stops[1], stops[2]]).toEqual([canary.from, canary.to]);
    expect(clone).toMatchObject({ cloned: { original: relation.flow, path: 3 }, ended: { end: 'idle' } });
    expect(clone.changes.map(({ event }) => event)).toMatchObject([
      { type: 'FlowReplicated' },
      { type: 'CloneCompared', original: relation.flow, direction: 'forward', frames: [3, 3], differing: 3 },
    ]);
  });
});

describe('FG-171: a recorder compares the original with its replica', () => {
  test('equal when the stages under test agree', () => {
    const grid = replicating('pass');
    for (let n = 0; n < 20; n++) {
      grid.inject(1, request(n, 5000 + (n % 4)));
      grid.inject(4, reply(n, 5000 + (n % 4)));
      grid.settle();
    }
    expect(grid.left).toHaveLength(40);
    expect(counted(grid, 'compared')).toBe(40);
    expect(counted(grid, 'differing')).toBe(0);
    expectBalance(grid);
  });

  test('different when the replica’s path has a node that changes frames', () => {
    const grid = replicating('tally');
    for (let n = 0; n < 10; n++) {
      grid.inject(1, request(n));
      grid.settle();
    }
    expect(grid.left.map(({ bytes }) => Buffer.from(bytes))).toEqual(
      Array.from({ length: 10 }, (_, n) => Buffer.from(request(n))),
    );
    expect([counted(grid, 'compared'), counted(grid, 'differing')]).toEqual([10, 10]);
  });

  test.each([
    ['both', 10, 5, 0],
    ['forward', 5, 10, 5],
    ['reverse', 5, 5, 5],
    ['none', 0, 10, 10],
  ])('with ends: %s it ends the replica there', (ends, consumed, throughCanary, ended) => {
    const grid = replicating('pass', ends);
    for (let n = 0; n < 5; n++) {
      grid.inject(1, request(n));
      grid.settle();
      grid.inject(4, reply(n));
      grid.settle();
    }
    expect(grid.total((node) => node.consumed)).toBe(consumed);
    expect(grid.dropped('replica-end')).toBe(ended);
    const intoCanary = hops(grid).filter(({ to, isReplica }) => isReplica && to === CANARY).length;
    expect(intoCanary).toBe(throughCanary);
    expect(grid.left).toHaveLength(10);
  });
});

describe('FG-172: nothing that happens to a replica touches its original', () => {
  test('the loss of a node of its path moves it, and the original stays', () => {
    const grid = replicating('pass', 'none');
    for (let n = 0; n < 4; n++) {
      grid.inject(1, request(n));
      grid.settle();
    }
    const victim = grid.taps.find(({ kind, from }) => kind === 'sent' && from >>> 7 === CANARY)!.from;
    grid.kill(victim);
    grid.beats(6);
    for (let n = 4; n < 8; n++) {
      grid.inject(1, request(n));
      grid.settle();
    }
    expect(grid.left.map(({ bytes }) => Buffer.from(bytes))).toEqual(
      Array.from({ length: 8 }, (_, n) => Buffer.from(request(n))),
    );
    expect(grid.dropped('replica-end')).toBe(8);
    const [relation] = grid.allEvents().filter((event) => event.type === 'FlowReplicated');
    const moves = grid.allEvents().filter(({ type }) => type === 'FlowRerouted' || type === 'FlowTakenOver');
    // Told by the stages on both sides of it.
    const move = { type: 'FlowRerouted', flow: relation.clone, from: victim };
    expect(moves).toMatchObject([move, move]);
  });

  test('no slot is lost, whatever ends where', () => {
    const grid = replicating('pass', 'both');
    const free = grid.freeSlots();
    for (let n = 0; n < 50; n++) {
      grid.inject(n % 2 === 0 ? 1 : 4, n % 2 === 0 ? request(n, 5000 + n) : reply(n, 5000 + n - 1));
      grid.settle();
    }
    grid.beats(10);
    expect(grid.freeSlots()).toBe(free);
  });
});

describe('a flow that runs is replicated when an operator asks', () => {
  const ask = (grid: TestGrid, ...orders: Topology['replications'] & object) => {
    grid.change(grid.topology.clusters, [], orders);
    grid.settle();
  };
  const flowOf = (grid: TestGrid): number => grid.allEvents().find(({ type }) => type === 'FlowStarted')!.flow;
  const copied = (grid: TestGrid): number => grid.total((node) => node.replicated);
  const exchange = (grid: TestGrid, n: number, port = 5000): void => {
    grid.inject(1, request(n, port));
    grid.settle();
    grid.inject(4, reply(n, port));
    grid.settle();
  };

  test.each([undefined, 'distributed'] as const)(
    'FG-345: from then on, both ways, until asked to stop (%s)',
    (selection) => {
      const grid = replicating('pass', 'none', selection, '');
      exchange(grid, 1);
      exchange(grid, 1, 5001);
      const flow = flowOf(grid);
      ask(grid, { flow, path: 'trial', order: 9 });
      expect(copied(grid)).toBe(0);
      for (let n = 2; n <= 4; n++) {
        exchange(grid, n);
        exchange(grid, n, 5001);
      }
      expect(copied(grid)).toBe(6);
      const told = grid.allEvents().filter((event) => event.type === 'FlowReplicated');
      expect(told).toMatchObject([{ flow, clone: cloneOf(flow), path: 3, topologySeq: 2 }]);
      const clones = hops(grid).filter(({ isReplica }) => isReplica);
      expect(new Set(clones.map((hop) => hop.flow))).toEqual(new Set([cloneOf(flow)]));
      ask(grid);
      exchange(grid, 5);
      expect(copied(grid)).toBe(6);
      expect(grid.allEvents().filter((event) => event.type === 'FlowEnded')).toMatchObject([
        { flow: cloneOf(flow), packets: [3, 3] },
      ]);
      expect(grid.left).toHaveLength(18);
      expect(grid.total(({ flowsPrimary }) => flowsPrimary)).toBe(8);
      expectBalance(grid);
    },
  );

  test('FG-345: once for an order, and anew for another', () => {
    const grid = replicating('pass', 'none', undefined, '');
    exchange(grid, 1);
    const flow = flowOf(grid);
    const order = { flow, path: 'trial', order: 9 };
    ask(grid, order);
    ask(grid, order);
    ask(grid);
    ask(grid, order);
    exchange(grid, 2);
    expect(copied(grid)).toBe(0);
    ask(grid, { ...order, order: 12 });
    exchange(grid, 3);
    expect(copied(grid)).toBe(2);
    ask(grid, { flow: flow + 1, path: 'trial', order: 13 }, { flow, path: 'nowhere', order: 14 });
    exchange(grid, 4);
    expect(copied(grid)).toBe(2);
    expect(grid.left).toHaveLength(8);
    expectBalance(grid);
  });

  test('FG-347: a recorder compares such a clone from its first frame on', () => {
    const grid = replicating('pass', 'forward', undefined, '');
    for (let n = 1; n <= 5; n++) exchange(grid, n);
    ask(grid, { flow: flowOf(grid), path: 'trial', order: 9 });
    for (let n = 6; n <= 9; n++) exchange(grid, n);
    expect([counted(grid, 'compared'), counted(grid, 'differing')]).toEqual([8, 0]);
  });
});
