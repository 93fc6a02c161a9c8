import { SimClock } from '../../adapters/sim/sim-clock';
import { stateHash } from '../../adapters/codec/hash';
import { createMemoryLog } from '../../adapters/log/memory';
import { chainId, clusterOf, nodeOf, type ChainId, type Micros, type NodeRef } from '../../domain/base/ids';
import type { CommandBody } from '../../domain/commands';
import type { TopologyEvent } from '../../domain/events';
import type { FlowEvent } from '../../domain/flow/events';
import type { Commit } from '../../domain/log/commit';
import type { NodeStatistics } from '../../domain/node/statistics';
import type { TapRecord } from '../../domain/seams/tap';
import type { ClusterSettings } from '../../domain/cluster/events';
import { canonicalState } from '../../domain/grid-state';
import { stampedTopology } from '../../domain/topology/state';
import {
  DEFAULT_TIMING,
  type Congestion,
  type FailurePolicy,
  type FunctionSpec,
  type SelectorKind,
  type Topology,
} from '../../domain/topology/topology';
import { nodeKey } from '../../dataplane/descriptor/node-table';
import type { NodeLimits } from '../../dataplane/node/node-group';
import { NOW, stateAt } from '../../projections';
import { createChecker, type Acknowledged, type Checker, type Verdicts } from '../../projections/verdicts';
import type { GridHarvest } from '../../runtime/agent/dataplane-host';
import { createControlPlane, type ControlPlane } from '../../runtime/control/control-plane';
import { Conductor, TopologyOrders } from '../../runtime/programs/up/conductor';
import { Fleet } from '../../runtime/programs/up/fleet';
import { TwoGroupHost } from './two-group-host';

const SECRET = new Uint8Array(32).fill(7);
export const START_MS = 1_700_000_000_000;

/** One cluster of ANODEs of a {@link PublishedGrid}; INODEs stand before the first and behind the last. */
export interface StageShape {
  readonly nodes: number;
  readonly spares?: number;
  readonly failure: FailurePolicy;
  readonly selector: SelectorKind;
  /** Default: `pass`. */
  readonly function?: FunctionSpec;
  /** Default: nodes take what comes. */
  readonly congestion?: Congestion;
}

export interface PublishedGridOptions {
  readonly stages: readonly StageShape[];
  readonly inodes?: number;
  readonly selection: Topology['selection'];
  readonly seed?: number;
  readonly udpIdleMs?: number;
  readonly limits?: Partial<NodeLimits>;
  /** MTU of the first link, which is narrow; all are wide by default. */
  readonly narrow?: number;
  /** Whether every cluster shares a link with every other; by default each does with its neighbours on the path. */
  readonly meshed?: boolean;
  /** Whether the INODEs before the first stage also stand behind the last, so that paths return to them ([0049]). */
  readonly returning?: boolean;
  /** The node that can be cut off from publications. */
  readonly apart: NodeRef;
  /** Sees every tap record, after the checker. */
  readonly onTap?: (record: TapRecord) => void;
  readonly onFlowEvent?: (node: NodeRef, event: FlowEvent, chain: ChainId) => void;
  readonly onCommit?: (commit: Commit<TopologyEvent>) => void;
  /** A frame left the grid at an external network. */
  readonly onLeft?: (network: number, frameNo: number, bytes: Uint8Array) => void;
}

/** The INODEs' cluster, then stages 2, 3 …, then the far INODEs', if there are others. */
export const ENTRANCE = 1;
export const CLIENT_NETWORK = 1;
export const SERVER_NETWORK = 2;

/**
 * The real control plane over a log in memory, and real nodes, kept in step by the conductor of `flowgrid up` on a
 * simulated clock: everything but the traffic is the product.
 */
export class PublishedGrid {
  readonly checker: Checker = createChecker({ keysOf: (ref) => [nodeKey(SECRET, clusterOf(ref), nodeOf(ref), 1)] });
  readonly host: TwoGroupHost;
  readonly control: ControlPlane;
  readonly fleet: Fleet;
  readonly conductor: Conductor;
  readonly exit: number;
  /** Numbers of the frames that have left. */
  readonly left = new Set<number>();
  frames = 0;
  private readonly deadLives: NodeStatistics[] = [];
  private readonly clock = new SimClock(START_MS);
  private commands = 0;
  private readonly commits: Commit<TopologyEvent>[] = [];
  private readonly acknowledged: Acknowledged[] = [];

  constructor(private readonly options: PublishedGridOptions) {
    this.exit = options.returning === true ? ENTRANCE : options.stages.length + 2;
    const orders = new TopologyOrders();
    this.host = new TwoGroupHost({
      secret: SECRET,
      apart: options.apart,
      slots: 4096,
      bytes: 96 * 1024 * 1024,
      limits: { flows: 2048, connections: 4096, ...options.limits },
      output: (network, _at, frameNo, bytes, start, length) => {
        this.left.add(frameNo);
        options.onLeft?.(network, frameNo, bytes.slice(start, start + length));
      },
      fetch: () => this.live(),
    });
    this.control = createControlPlane({
      log: createMemoryLog(),
      clock: this.clock,
      timers: this.clock,
      name: 'MA-1',
      listeners: [orders],
      onCommit: (commit) => {
        this.commits.push(commit);
        this.checker.observeCommit(commit);
        options.onCommit?.(commit);
      },
    });
    this.fleet = new Fleet(this.host, this.control, new Map());
    this.conductor = new Conductor(
      {
        host: this.host,
        control: this.control,
        clock: this.clock,
        fleet: this.fleet,
        orders,
        onAppended: async () => undefined,
        onHarvest: (harvest) => this.observe(harvest),
        onRound: () => undefined,
      },
      START_MS * 1000,
    );
  }

  /** Creates the grid, hosts its nodes, and waits until they carry flows. */
  async up(): Promise<this> {
    await this.control.start();
    for (const body of this.creation()) await this.command(body);
    await this.fleet.hostMembers(this.control.state);
    this.fleet.hello();
    await this.conductor.obey();
    await this.conductor.idle(1);
    return this;
  }

  get now(): Micros {
    return this.conductor.now;
  }

  async command(body: CommandBody): Promise<void> {
    const id = `operator/${++this.commands}`;
    const outcome = await this.control.submit({ id, by: 'operator:test', deadline: this.clock.now() + 10_000, body });
    if (outcome.status === 'rejected') throw new Error(`${body.type}: ${outcome.rejection.message}`);
    if (outcome.status === 'accepted') this.acknowledged.push({ commandId: id, seq: outcome.seq });
  }

  /** A frame arrives, and the grid comes to rest. Returns its number. */
  async send(network: number, bytes: Uint8Array): Promise<number> {
    const frameNo = this.frames++;
    const write = (target: Uint8Array, at: number): number => {
      target.set(bytes, at);
      return bytes.length;
    };
    if (!this.host.inject(network, this.now, frameNo, write)) throw new Error(`frame ${frameNo} could not enter`);
    await this.host.settle(this.now);
    return frameNo;
  }

  /** A further hello round, with what the control plane wants of it. */
  async round(): Promise<void> {
    await this.conductor.idle(1);
  }

  async kill(ref: NodeRef): Promise<void> {
    await this.conductor.harvest();
    this.checker.observeDeath(ref);
    await this.fleet.kill(ref);
    const last = (await this.host.statistics()).find(({ node }) => node === ref);
    if (last !== undefined) this.deadLives.push(last);
  }

  async revive(ref: NodeRef): Promise<void> {
    await this.fleet.revive(ref);
    this.checker.observeRevival(ref);
    await this.conductor.obey();
  }

  /** Brings a stage to `wanted` serving nodes: spares join, or the last ones drain and leave. */
  async scale(stage: number, wanted: number): Promise<void> {
    const nodes = Object.values(this.control.state.clusters[stage]!.nodes);
    const serving = nodes.filter(({ status }) => status === 'active');
    const spares = nodes.filter(({ status, spare }) => spare && status === 'admitted');
    for (const { node, weight } of spares.slice(0, Math.max(0, wanted - serving.length))) {
      await this.command({ type: 'AdmitNode', data: { cluster: stage, node, weight, spare: false } });
    }
    for (const { node } of serving.slice(wanted)) {
      await this.command({ type: 'DrainNode', data: { cluster: stage, node, withinMs: 0, thenRemove: true } });
    }
    await this.conductor.obey();
    await this.fleet.hostMembers(this.control.state);
    this.fleet.hello();
    await this.conductor.obey();
  }

  /** What the checker makes of everything so far, with the nodes' counters, the log and its fold as evidence. */
  async verdicts(): Promise<Verdicts> {
    await this.conductor.harvest();
    const isOver = (each: NodeStatistics): boolean =>
      this.deadLives.some((dead) => dead.node === each.node && dead.incarnation === each.incarnation);
    const statistics = await this.host.statistics();
    const dead = this.deadLives.map(
      (old) => statistics.find((each) => each.node === old.node && each.incarnation === old.incarnation) ?? old,
    );
    const { seq } = this.control.head;
    const rebuilt = stateHash(canonicalState(stateAt(this.commits, { ...NOW, seq })));
    return this.checker.verdicts({
      nodes: statistics.filter((each) => !isOver(each)),
      dead,
      replay: { seq, live: this.control.stateHash(), rebuilt },
      durability: {
        acknowledged: this.acknowledged,
        logged: new Map(this.commits.map(({ commandId, seq: at }) => [commandId, at])),
      },
    });
  }

  private observe(harvest: GridHarvest): void {
    for (const record of harvest.taps) {
      this.checker.observe(record);
      this.options.onTap?.(record);
    }
    for (const { node, events } of harvest.events) {
      const life = this.fleet.get(node);
      if (life?.alive !== true) continue;
      for (const event of events) {
        const chain = chainId(node, life.incarnation);
        this.checker.observeFlowEvent(chain, event);
        this.options.onFlowEvent?.(node, event, chain);
      }
    }
  }

  private async live(): Promise<Awaited<ReturnType<TwoGroupHost['options']['fetch']>>> {
    const { topology } = this.control.state;
    const texts = await Promise.all(topology.live.map(({ version }) => this.control.published(version)));
    return {
      live: texts.filter((text) => text !== undefined),
      stamped: stampedTopology(topology)?.version ?? 0,
    };
  }

  private creation(): CommandBody[] {
    const {
      stages,
      selection,
      seed = 7,
      udpIdleMs = DEFAULT_TIMING.udpIdleMs,
      inodes = 1,
      narrow,
      meshed,
    } = this.options;
    const cluster = (id: number, role: ClusterSettings['role'], more: Partial<ClusterSettings> = {}): CommandBody => ({
      type: 'CreateCluster',
      data: {
        id,
        name: role === 'inode' ? `I${id}` : `A${id}`,
        role,
        failure: 'redirect',
        selector: 'hash',
        mode: 'through',
        whenEmpty: 'drop',
        function: { name: 'pass', config: {} },
        originates: false,
        ...more,
      },
    });
    const admit = (id: number, count: number, spares = 0): CommandBody[] =>
      Array.from({ length: count + spares }, (_, i) => ({
        type: 'AdmitNode',
        data: { cluster: id, node: i + 1, weight: 1, spare: i >= count },
      }));
    const { exit } = this;
    const ids = [ENTRANCE, ...stages.map((_, i) => i + 2), exit];
    return [
      {
        type: 'CreateGrid',
        data: {
          name: 'published',
          seed,
          selection,
          timing: { ...DEFAULT_TIMING, udpIdleMs },
          networks: [
            { id: CLIENT_NETWORK, name: 'EN-1', cluster: ENTRANCE, tagged: false },
            { id: SERVER_NETWORK, name: 'EN-2', cluster: exit, tagged: false },
          ],
          capture: null,
        },
      },
      cluster(ENTRANCE, 'inode'),
      ...stages.map(({ failure, selector, function: spec = { name: 'pass', config: {} }, congestion }, i) =>
        cluster(i + 2, 'anode', { failure, selector, function: spec, ...(congestion && { congestion }) }),
      ),
      ...(exit === ENTRANCE ? [] : [cluster(exit, 'inode')]),
      ...ids.slice(1).map((id, i): CommandBody => ({
        type: 'CreateVirtualLink',
        data: {
          id: i + 1,
          name: `VN-${i + 1}`,
          kind: 'switch',
          members: (meshed === true ? [...new Set(ids)] : [ids[i]!, id]).map((each) => ({ cluster: each })),
          control: false,
          mtu: 9000,
          ...(i === 0 && narrow !== undefined ? { mtu: narrow, narrow: true } : {}),
        },
      })),
      {
        type: 'DefineFlowPath',
        data: { id: 1, name: 'there', from: [CLIENT_NETWORK], to: SERVER_NETWORK, clusters: ids },
      },
      {
        type: 'DefineFlowPath',
        data: { id: 2, name: 'back', from: [SERVER_NETWORK], to: CLIENT_NETWORK, clusters: [...ids].reverse() },
      },
      {
        type: 'DefinePolicy',
        data: {
          id: 1,
          name: 'all',
          flowType: 1,
          typeName: 'all',
          match: {},
          paths: ['there', 'back'],
          criteria: 'static',
        },
      },
      ...admit(ENTRANCE, inodes),
      ...stages.flatMap(({ nodes, spares }, i) => admit(i + 2, nodes, spares)),
      ...(exit === ENTRANCE ? [] : admit(exit, inodes)),
    ];
  }
}
