import { chainId, clusterOf, nodeOf, nodeRef, type NodeRef } from '../../../../domain/base/ids';
import { createPrng } from '../../../../domain/base/prng';
import type { ClusterMode, FailurePolicy, Topology, TopologyCluster } from '../../../../domain/topology/topology';
import { nodeKey } from '../../../../dataplane/descriptor/node-table';
import { D_FLAGS, DF_REPLICA } from '../../../../dataplane/frames/layout';
import { createChecker, type Verdicts } from '../../../../projections/verdicts';
import { numbered, numberIn, udp } from './frames';
import { cluster, TestGrid, type TestGridOptions } from './test-grid';

const SECRET = new Uint8Array(32).fill(7);
const CLIENT = '10.0.0.1';
const SERVER = '10.9.0.1';

/** IA → AB → AC → AD → IB, all on one switch. */
export const [IA, AB, AC, AD, IB] = [1, 2, 3, 4, 5];
export type Modes = readonly [ab: ClusterMode, ac: ClusterMode, ad: ClusterMode];

export interface ModeShape {
  readonly failure?: FailurePolicy;
  readonly selection?: 'centralized' | 'distributed';
  readonly inodes?: number;
  /** Function of each stage. */
  readonly function?: string;
  readonly seed?: number;
  readonly functions?: TestGridOptions['functions'];
}

/** A grid whose clusters' modes are switched for flows that live; nodes are drained one by one, in random order. */
export class ModeGrid {
  readonly grid: TestGrid;
  readonly refs: NodeRef[];
  /** Frames sent on each port, by the network that they go to. */
  readonly sent = new Map<number, { 1: number; 4: number }>();
  private readonly prng;
  private readonly checker = createChecker({ keysOf: (ref) => [nodeKey(SECRET, clusterOf(ref), nodeOf(ref), 1)] });
  private readonly topologies: Topology[];

  constructor(
    modes: Modes,
    private readonly shape: ModeShape = {},
  ) {
    this.prng = createPrng(shape.seed ?? 1);
    const clusters = this.clustersIn(modes);
    this.refs = clusters.flatMap(({ id, members }) => members.map(({ node }) => nodeRef(id, node)));
    this.grid = new TestGrid({
      clusters,
      selection: shape.selection ?? 'centralized',
      groups: this.refs.map((ref) => [ref]),
      slots: 8192,
      ...(shape.functions === undefined ? {} : { functions: shape.functions }),
      links: [
        {
          id: 1,
          name: 'VN-1',
          kind: 'switch',
          members: [IA, AB, AC, AD, IB].map((id) => ({ cluster: id })),
          control: false,
          mtu: 9000,
        },
      ],
    });
    this.topologies = [this.grid.topology];
  }

  /** Publishes other modes, which flows that live take from the next hello rounds on. */
  switchTo(modes: Modes): void {
    const { version: before } = this.grid.topology;
    this.grid.change(this.clustersIn(modes));
    this.topologies.push(this.grid.topology);
    const { version, wireId } = this.grid.topology;
    for (const ref of this.refs) {
      for (let from = 1; from <= before; from++) this.grid.group(ref).repin(from, { version, wireId, modes: true });
    }
  }

  /** A frame of a flow to a network. */
  send(port: number, to: 1 | 4): void {
    const sent = this.sent.get(port) ?? { 1: 0, 4: 0 };
    this.sent.set(port, sent);
    const payload = numbered(++sent[to]);
    if (to === 4) this.grid.inject(1, udp({ from: CLIENT, to: SERVER, fromPort: port, toPort: 53, payload }));
    else this.grid.inject(4, udp({ from: SERVER, to: CLIENT, fromPort: 53, toPort: port, payload }));
  }

  /** A frame either way, each through the whole grid. */
  exchange(port: number): void {
    for (const to of [4, 1] as const) {
      this.send(port, to);
      this.grid.settle();
    }
  }

  /** A hello interval with frames of these flows, while nodes run in random order. */
  busyRound(ports: readonly number[]): void {
    const { grid } = this;
    grid.now += grid.topology.timing.helloMs * 1000;
    for (const ref of this.refs) {
      grid.group(ref).tick(grid.now);
      for (let n = this.prng.below(3); n > 0; n--) {
        this.send(ports[this.prng.below(ports.length)], this.prng.below(2) === 0 ? 4 : 1);
        for (let steps = this.prng.below(8); steps > 0; steps--) this.step();
      }
    }
    // Rounds come one at a time, with the rings drained between them: silence would be a death.
    grid.settle();
  }

  below(n: number): number {
    return this.prng.below(n);
  }

  kill(ref: NodeRef): void {
    this.grid.kill(ref);
    this.refs.splice(this.refs.indexOf(ref), 1);
  }

  /** Numbers of the frames of a flow that left to a network, in order. */
  arrived(port: number, network: 1 | 4): number[] {
    const at = network === 4 ? 34 : 36;
    return this.grid.left
      .filter(({ network: to, bytes }) => to === network && ((bytes[at] << 8) | bytes[at + 1]) === port)
      .map(({ bytes }) => numberIn(bytes));
  }

  /** All frames that were sent have left, in order and once. */
  expectWhole(): void {
    for (const [port, sent] of this.sent) {
      for (const to of [4, 1] as const) {
        const all = Array.from({ length: sent[to] }, (_, i) => i + 1);
        expect([port, to, this.arrived(port, to)]).toEqual([port, to, all]);
      }
    }
  }

  /** From which stage to which frames of an exchange go: originals in order, copies sorted. */
  hops(port: number): { originals: string[]; copies: string[] } {
    const from = this.grid.taps.length;
    this.exchange(port);
    const found = { originals: [] as string[], copies: [] as string[] };
    for (const { kind, from: node, to, bytes } of this.grid.taps.slice(from)) {
      if (kind !== 'sent' || node >>> 7 === to >>> 7) continue;
      const at = bytes.length - bytes[bytes.length - 1];
      if (!isForEmitter(bytes, at, to)) continue;
      const isCopy = (bytes[at + D_FLAGS] & DF_REPLICA) !== 0;
      (isCopy ? found.copies : found.originals).push(`${node >>> 7}>${to >>> 7}`);
    }
    found.copies.sort();
    return found;
  }

  verdicts(): Verdicts {
    this.grid.settle();
    this.checker.observeStanding(this.topologies, []);
    for (const record of this.grid.taps) this.checker.observe(record);
    for (const [ref, events] of this.grid.events) {
      for (const event of events) this.checker.observeFlowEvent(chainId(ref, 1), event);
    }
    return this.checker.verdicts({ nodes: this.refs.map((ref) => this.grid.group(ref).statistics(ref)) });
  }

  /** Wire IDs that live flows carry. */
  wires(): number[] {
    return [...new Set(this.grid.groups.flatMap((group) => group.reportLiveWireIds()))];
  }

  private step(): void {
    this.grid.group(this.refs[this.prng.below(this.refs.length)]).run(this.grid.now);
  }

  private clustersIn(modes: Modes): TopologyCluster[] {
    const { failure = 'redirect', inodes = 1, function: name = 'pass' } = this.shape;
    const stage = (id: number, mode: ClusterMode): TopologyCluster =>
      cluster(id, 3, { failure, mode, function: { name, config: {} } });
    return [
      cluster(IA, inodes, { role: 'inode' }),
      stage(AB, modes[0]),
      stage(AC, modes[1]),
      stage(AD, modes[2]),
      cluster(IB, inodes, { role: 'inode' }),
    ];
  }
}

function isForEmitter(bytes: Uint8Array, at: number, to: NodeRef): boolean {
  for (let i = 0; i < bytes[at + 40]; i++) {
    if (bytes[at + 41 + 2 * i] === clusterOf(to)) return (bytes[at + 42 + 2 * i] & 0x7f) === nodeOf(to);
  }
  return false;
}
