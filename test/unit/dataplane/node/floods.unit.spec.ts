import { nodeRef, type NodeRef } from '../../../../domain/base/ids';
import type { FloodSettings, TopologyCluster } from '../../../../domain/topology/topology';
import { trailerV1 } from '../../../../dataplane/descriptor/codec';
import { DF_FLOOD, DF_REVERSE } from '../../../../dataplane/frames/layout';
import { icmpUnreachable, fragmentsOf, numbered, RST, SYN, tcp, udp } from './frames';
import { cluster, TestGrid, type TestGridOptions } from './test-grid';

const SERVER = '10.9.0.1';
const STAGE = 2;
/** What a NAT shows in place of its inside. */
const OUTSIDE = '203.0.113.1';

/** What a stage of `n` nodes between two INODE clusters looks like. */
function stage(n: number, more: Partial<TopologyCluster> = {}): TopologyCluster[] {
  return [cluster(1, 1, { role: 'inode' }), cluster(STAGE, n, more), cluster(3, 1, { role: 'inode' })];
}

/** Few entries fit: INODEs of 16 places take 11, and keep two of them back. */
const SMALL = { flows: 16, connections: 16 };

/** One thread that also hosts stage nodes which are to join. */
const EIGHT = [[nodeRef(1, 1), ...Array.from({ length: 8 }, (_, i) => nodeRef(STAGE, i + 1)), nodeRef(3, 1)]];

class Flooded extends TestGrid {
  constructor(options: Partial<TestGridOptions> = {}) {
    super({ clusters: stage(4), limits: SMALL, timing: { udpIdleMs: 500, tcpIdleMs: 500 }, ...options });
  }

  /** A UDP frame of flow `n`, from its client or its server. */
  talk(n: number, reply = false): number {
    const ends = { from: `10.0.0.${n}`, to: SERVER, fromPort: 4000 + n, toPort: 53 };
    const back = { from: ends.to, to: ends.from, fromPort: ends.toPort, toPort: ends.fromPort };
    const frameNo = this.inject(reply ? 4 : 1, udp({ ...(reply ? back : ends), payload: numbered(n) }));
    this.settle();
    return frameNo;
  }

  /** What was sent to a node of the stage for a frame. */
  sent(frameNo: number): { node: NodeRef; flags: number; sequence: number; flow: number; wireId: number }[] {
    return this.taps
      .filter((tap) => tap.frameNo === frameNo && tap.kind === 'sent' && tap.to >>> 7 === STAGE)
      .map(({ bytes, to }) => {
        const decoded = trailerV1.decode(bytes);
        if (!decoded.ok) throw new Error('no descriptor');
        const { flags, sequence, flowId, wireId } = decoded.descriptor;
        return { node: to, flags, sequence, flow: flowId, wireId };
      });
  }

  nodeOf(frameNo: number): NodeRef {
    const [first] = this.sent(frameNo);
    if (first === undefined) throw new Error(`frame ${frameNo} did not reach the stage`);
    return first.node;
  }

  isFlooded(frameNo: number): boolean {
    return (this.sent(frameNo)[0]!.flags & DF_FLOOD) !== 0;
  }

  /** Flows until the tables are short of room, and then as many without an entry. */
  flood(flows = 30): void {
    for (let n = 1; n <= flows; n++) this.talk(n);
  }
}

const droppedNothing = (grid: TestGrid): void =>
  expect(grid.total(({ dropped }) => Object.keys(dropped).length)).toBe(0);

describe('a flood of new flows', () => {
  test('FG-160: without room for entries frames go on with flag 7 and sequence 0, both ways, and are counted', () => {
    const grid = new Flooded();
    grid.flood();
    const last = grid.talk(30);
    expect(grid.sent(last)).toMatchObject([{ flags: expect.any(Number), sequence: 0 }]);
    expect(grid.isFlooded(last)).toBe(true);
    const reply = grid.talk(30, true);
    expect(grid.sent(reply)[0]!.flags & (DF_FLOOD | DF_REVERSE)).toBe(DF_FLOOD | DF_REVERSE);
    expect(grid.left).toHaveLength(32);
    expect(grid.left.at(-1)).toMatchObject({ network: 1, frameNo: reply });
    droppedNothing(grid);
    const flooded = grid.total((node) => node.flooded);
    expect(flooded).toBeGreaterThan(15);
    expect(flooded).toBeLessThan(32);
  });

  test('FG-160: more new flows a second than configured are carried without entries, those allowed have one', () => {
    const flood: FloodSettings = { newFlowsPerSecond: 5, flowsPerNode: 1000 };
    const grid = new Flooded({ flood, limits: { flows: 1024, connections: 1024 } });
    const frames = Array.from({ length: 20 }, (_, n) => grid.talk(n + 1));
    expect(frames.map((frame) => grid.isFlooded(frame)).indexOf(true)).toBe(5);
    expect(frames.filter((frame) => grid.isFlooded(frame))).toHaveLength(15);
    expect(grid.allEvents().filter(({ type }) => type === 'FloodBegan')).toMatchObject([{ cause: 'rate', flow: 0 }]);
    grid.beats(60);
    expect(grid.allEvents().filter(({ type }) => type === 'FloodEnded')).toMatchObject([{ frames: 15, flow: 0 }]);
  });

  test('FG-232: a flow that nobody remembers is not translated but refused, until it has an entry', () => {
    const flood: FloodSettings = { newFlowsPerSecond: 5, flowsPerNode: 1000 };
    const spec = { name: 'nat', config: { addresses: [OUTSIDE] } };
    const clusters = stage(2, { failure: 'backup', function: spec });
    const grid = new Flooded({ clusters, flood, limits: { flows: 1024, connections: 1024 } });
    const sources = (): string[] =>
      grid.left.filter(({ network }) => network === 4).map(({ bytes }) => bytes.subarray(26, 30).join('.'));
    const frames = Array.from({ length: 20 }, (_, n) => grid.talk(n + 1));
    const refused = frames.filter((frame) => grid.isFlooded(frame));
    expect(refused).toHaveLength(15);
    expect(grid.dropped('nat-needs-entry')).toBe(15);
    expect(sources()).toEqual(new Array(5).fill(OUTSIDE));
    // When there is room again, the next frame gives the flow an entry: it is translated, and so is the reply.
    grid.beats(60);
    grid.talk(20);
    expect(grid.dropped('nat-needs-entry')).toBe(15);
    expect(sources()).toHaveLength(6);
    const { bytes } = grid.left.at(-1)!;
    const port = new DataView(bytes.buffer, bytes.byteOffset).getUint16(34);
    grid.inject(4, udp({ from: SERVER, to: OUTSIDE, fromPort: 53, toPort: port, payload: numbered(1) }));
    grid.settle();
    expect(grid.left.at(-1)).toMatchObject({ network: 1 });
    expect(grid.left.at(-1)!.bytes.subarray(30, 34).join('.')).toBe('10.0.0.20');
  });

  test('FG-160: frames without an entry are not shadowed', () => {
    const grid = new Flooded({ clusters: stage(4, { failure: 'backup', function: { name: 'tally', config: {} } }) });
    grid.flood();
    expect(grid.sent(0)).toHaveLength(2);
    expect(grid.sent(29)).toHaveLength(1);
    expect(grid.isFlooded(29)).toBe(true);
  });

  test('FG-160: a cluster in mode copy gets copies of frames without an entry, and nobody waits for it', () => {
    const clusters = [
      cluster(1, 1, { role: 'inode' }),
      cluster(STAGE, 2),
      cluster(5, 2, { mode: 'copy' }),
      cluster(6, 2),
      cluster(3, 1, { role: 'inode' }),
    ];
    const members = clusters.map(({ id }) => ({ cluster: id }));
    const links = [{ id: 1, name: 'VN-1', kind: 'switch' as const, members, control: false, mtu: 9000 }];
    const grid = new Flooded({ clusters, links });
    grid.flood();
    const hops = (frameNo: number): string[] =>
      grid.taps
        .filter((tap) => tap.frameNo === frameNo && tap.kind === 'sent')
        .map(({ from, to }) => `${from >>> 7}>${to >>> 7}`);
    expect(grid.isFlooded(29)).toBe(true);
    expect(hops(29).sort()).toEqual(['1>2', '2>5', '2>6', '6>3']);
    expect(hops(grid.talk(30, true)).sort()).toEqual(['2>1', '3>6', '6>2', '6>5']);
    expect(grid.left).toHaveLength(31);
    expect(grid.total(({ dropped }) => dropped['replica-end'] ?? 0)).toBe(grid.total(({ replicated }) => replicated));
  });

  test('FG-161: flows without an entry stay on their nodes, both ways, while members join and drain', () => {
    const grid = new Flooded({ groups: EIGHT });
    grid.flood();
    const nodes = new Map(Array.from({ length: 30 }, (_, i) => [i + 1, grid.nodeOf(i)]));
    const draining = stage(8).map((each) =>
      each.id === STAGE
        ? {
            ...each,
            members: each.members.map((member) =>
              member.node <= 2 ? { ...member, state: 'draining' as const } : member,
            ),
          }
        : each,
    );
    grid.change(draining);
    for (let n = 1; n <= 30; n++) {
      expect(grid.nodeOf(grid.talk(n, true))).toBe(nodes.get(n));
      expect(grid.nodeOf(grid.talk(n))).toBe(nodes.get(n));
    }
    droppedNothing(grid);
    // Their topology is live, and its members are bound, until the flows may be idle.
    const isBound = (): boolean => grid.group(nodeRef(STAGE, 1)).statistics(nodeRef(STAGE, 1)).boundByFlood;
    expect(grid.groups[0]!.reportLiveWireIds()).toContain(1);
    expect(isBound()).toBe(true);
    expect(grid.group(nodeRef(STAGE, 8)).statistics(nodeRef(STAGE, 8)).boundByFlood).toBe(false);
    grid.beats(70);
    expect(grid.groups[0]!.reportLiveWireIds()).not.toContain(1);
    expect(isBound()).toBe(false);
  });

  test('FG-162: when there is room, a flow gets an entry with the ID, topology and node that it had', () => {
    const grid = new Flooded({ groups: EIGHT });
    grid.flood();
    const [before] = grid.sent(29);
    grid.change(stage(8));
    // Those with entries fall idle, while flow 30 goes on.
    for (let i = 0; i < 80; i++) {
      if (i % 10 === 0) grid.talk(30, true);
      grid.beat();
    }
    const [after] = grid.sent(grid.talk(30));
    expect(after).toMatchObject({ node: before!.node, flow: before!.flow, wireId: before!.wireId, sequence: 1 });
    expect(after!.flags & DF_FLOOD).toBe(0);
    expect(grid.allEvents().at(-1)).toMatchObject({ type: 'FlowStarted', flow: before!.flow, wireId: before!.wireId });
    const reply = grid.talk(30, true);
    expect(grid.isFlooded(reply)).toBe(false);
    expect(grid.nodeOf(reply)).toBe(before!.node);
  });

  test('FG-162: a connection that begins when there is room again is new, and takes the newest topology', () => {
    const grid = new Flooded({ groups: EIGHT });
    grid.flood();
    grid.change(stage(8));
    for (let i = 0; i < 80; i++) {
      if (i % 10 === 0) grid.talk(30, true);
      grid.beat();
    }
    const ends = { from: '10.0.1.1', to: SERVER, fromPort: 5000, toPort: 80, payload: numbered(1) };
    const first = grid.inject(1, tcp({ ...ends, flags: SYN }));
    grid.settle();
    expect(grid.sent(first)).toMatchObject([{ wireId: 2, sequence: 1 }]);
  });

  test('FG-163: both ends find the same way, whichever end is heard first, by policies that ask for a port', () => {
    const clusters = [
      cluster(1, 1, { role: 'inode' }),
      cluster(STAGE, 4),
      cluster(5, 4),
      cluster(3, 1, { role: 'inode' }),
    ];
    const policy = { typeName: 'x', criteria: 'static' as const };
    const grid = new Flooded({
      clusters,
      paths: [
        { id: 1, name: 'long', from: [1], to: 4, clusters: [1, STAGE, 5, 3] },
        { id: 2, name: 'short', from: [1], to: 4, clusters: [1, STAGE, 3] },
        { id: 3, name: 'back', from: [4], to: 1, clusters: [3, STAGE, 1] },
      ],
      policies: [
        { id: 1, name: 'dns', flowType: 1, match: { port: [[53, 53]] }, paths: ['long'], ...policy },
        { id: 2, name: 'rest', flowType: 2, match: {}, paths: ['short', 'back'], ...policy },
      ],
      links: [
        [1, STAGE],
        [STAGE, 5],
        [5, 3],
        [STAGE, 3],
      ].map(([a, b], i) => ({
        id: i + 1,
        name: `VN-${i + 1}`,
        kind: 'switch' as const,
        members: [{ cluster: a! }, { cluster: b! }],
        control: false,
        mtu: 9000,
      })),
    });
    grid.flood();
    // The server's frame comes first: it runs against a flow of the first policy.
    const reply = grid.talk(77, true);
    const request = grid.talk(77);
    expect(grid.sent(reply)[0]!.flags & DF_REVERSE).toBe(DF_REVERSE);
    expect(grid.sent(request)[0]!.flags & DF_REVERSE).toBe(0);
    const nodes = (frameNo: number): NodeRef[] =>
      grid.taps.filter((tap) => tap.frameNo === frameNo && tap.kind === 'sent').map(({ to }) => to);
    expect(nodes(request)).toHaveLength(3);
    expect(nodes(reply).slice(0, 2).reverse()).toEqual(nodes(request).slice(0, 2));
  });

  test('FG-164: later fragments, before or after their first one, and quoting ICMP errors go its way', () => {
    const grid = new Flooded();
    grid.flood();
    const ends = { from: '10.0.0.200', to: SERVER, fromPort: 4200, toPort: 53 };
    const whole = udp({ ...ends, payload: numbered(1, 64) });
    const [first, later] = fragmentsOf(whole, 7);
    const node = grid.nodeOf(send(grid, 1, whole));
    const early = grid.inject(1, later!);
    grid.settle();
    expect(grid.sent(early)).toHaveLength(0);
    expect(grid.nodeOf(send(grid, 1, first!))).toBe(node);
    expect(grid.nodeOf(early)).toBe(node);
    expect(grid.nodeOf(send(grid, 1, later!))).toBe(node);
    const error = send(grid, 4, icmpUnreachable('10.9.0.254', whole));
    expect(grid.nodeOf(error)).toBe(node);
    expect(grid.left.at(-1)).toMatchObject({ network: 1, frameNo: error });
    droppedNothing(grid);
  });

  test('FG-165: when a node dies its flows go to one next node, and the others stay', () => {
    const grid = new Flooded();
    grid.flood();
    const before = new Map(Array.from({ length: 21 }, (_, i) => [i + 10, grid.nodeOf(grid.talk(i + 10))]));
    const victim = before.get(30)!;
    grid.kill(victim);
    grid.beats(5);
    for (const [n, node] of before) {
      const after = grid.nodeOf(grid.talk(n));
      expect(grid.nodeOf(grid.talk(n, true))).toBe(after);
      if (node === victim) expect(after).not.toBe(victim);
      else if (grid.isFlooded(n - 1)) expect(after).toBe(node);
    }
  });

  test('FG-166: nodes of other groups know of the flood before the next frame comes', () => {
    const grid = new Flooded({
      clusters: stage(2),
      groups: [[nodeRef(1, 1)], [nodeRef(STAGE, 1), nodeRef(STAGE, 2)], [nodeRef(3, 1)]],
    });
    grid.flood();
    // The far INODE floods as well, although no flow of its own has come.
    const opposite = grid.inject(
      4,
      udp({ from: SERVER, to: '10.0.3.1', fromPort: 7000, toPort: 53, payload: numbered(1) }),
    );
    grid.settle();
    expect(grid.isFlooded(opposite)).toBe(true);
    for (let n = 20; n <= 30; n++) expect(grid.nodeOf(grid.talk(n, true))).toBe(grid.nodeOf(n - 1));
    droppedNothing(grid);
  });

  test('FG-160: copies of entries at other INODEs go with the flow, and do not fill tables', () => {
    const clusters = stage(2).map((each) => (each.role === 'inode' ? cluster(each.id, 3, { role: 'inode' }) : each));
    const grid = new Flooded({ clusters });
    for (let n = 1; n <= 40; n++) {
      const ends = { from: `10.0.0.${n}`, to: SERVER, fromPort: 4000 + n, toPort: 80, payload: numbered(n) };
      send(grid, 1, tcp({ ...ends, flags: SYN }));
      send(grid, 1, tcp({ ...ends, flags: RST }));
      grid.beats(20);
    }
    expect(grid.left).toHaveLength(80);
    expect(grid.total((node) => node.flooded + node.untracked)).toBe(0);
  });

  test('FG-160: flows that begin at both ends before either knows of the flood are carried where there is no room', () => {
    const grid = new Flooded({ clusters: stage(1) });
    for (let n = 1; n <= 30; n++) {
      const [here, there] = [`10.0.0.${n}`, `10.9.0.${n}`];
      grid.inject(1, udp({ from: here, to: there, fromPort: 4000 + n, toPort: 53, payload: numbered(n) }));
      grid.inject(4, udp({ from: there, to: here, fromPort: 6000 + n, toPort: 53, payload: numbered(n) }));
    }
    grid.settle();
    expect(grid.left).toHaveLength(60);
    expect(grid.total(({ untracked }) => untracked)).toBeGreaterThan(0);
    droppedNothing(grid);
  });
});

function send(grid: TestGrid, network: number, bytes: Uint8Array): number {
  const frameNo = grid.inject(network, bytes);
  grid.settle();
  return frameNo;
}
