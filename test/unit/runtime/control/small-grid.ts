import { SimClock } from '../../../../adapters/sim/sim-clock';
import { createMemoryLog } from '../../../../adapters/log/memory';
import type { MemoryLog, MemoryStore } from '../../../../adapters/log/memory';
import { nodeRef, type NodeRef } from '../../../../domain/base/ids';
import type { CommandBody, Outcome } from '../../../../domain/commands';
import type { ClusterSettings } from '../../../../domain/cluster/events';
import type { GridState } from '../../../../domain/grid-state';
import { DEFAULT_TIMING, type PublishedTopology } from '../../../../domain/topology/topology';
import { createControlPlane, type ControlPlane } from '../../../../runtime/control/control-plane';
import type { Alert } from '../../../../runtime/control/effects';
import type { TopologyListener, WireMove } from '../../../../runtime/control/publication';

/** Clusters of the small grid: INODEs 1 and 3, ANODEs 2 with a spare. */
export const INGRESS = 1;
export const FILTER = 2;
export const EGRESS = 3;
export const START = 1_700_000_000_000;

/** What brings the small grid about, in order. */
export function smallGridCommands(filters = 3): CommandBody[] {
  const cluster = (id: number, name: string, role: ClusterSettings['role']): CommandBody => ({
    type: 'CreateCluster',
    data: {
      id,
      name,
      role,
      failure: role === 'inode' ? 'redirect' : 'backup',
      selector: 'hash',
      mode: 'through',
      whenEmpty: 'drop',
      function: { name: 'pass', config: {} },
      originates: false,
    },
  });
  const admit = (id: number, node: number, spare = false): CommandBody => ({
    type: 'AdmitNode',
    data: { cluster: id, node, weight: 1, spare },
  });
  return [
    {
      type: 'CreateGrid',
      data: {
        name: 'small',
        seed: 7,
        selection: 'centralized',
        timing: DEFAULT_TIMING,
        networks: [
          { id: 1, name: 'EN-1', cluster: INGRESS, tagged: false },
          { id: 2, name: 'EN-2', cluster: EGRESS, tagged: false },
        ],
        capture: null,
      },
    },
    cluster(INGRESS, 'IA', 'inode'),
    cluster(FILTER, 'AB', 'anode'),
    cluster(EGRESS, 'IC', 'inode'),
    { type: 'DefineFlowPath', data: { id: 1, name: 'main', from: [1], to: 2, clusters: [INGRESS, FILTER, EGRESS] } },
    {
      type: 'DefinePolicy',
      data: { id: 1, name: 'all', flowType: 1, typeName: 'all', match: {}, paths: ['main'], criteria: 'static' },
    },
    admit(INGRESS, 1),
    ...Array.from({ length: filters }, (_, i) => admit(FILTER, i + 1)),
    admit(FILTER, filters + 1, true),
    admit(EGRESS, 1),
  ];
}

/** Nodes that obey at once: they install, acknowledge and forget as they are told, as long as they live. */
export class ObedientNodes implements TopologyListener {
  plane!: ControlPlane;
  readonly lives = new Map<NodeRef, number>();
  readonly topologies: PublishedTopology[] = [];
  readonly applied_: number[] = [];
  readonly moves: WireMove[] = [];
  readonly retiredVersions: number[] = [];
  /** Wire IDs that flows of FNODEs carry, besides the stamped one. */
  readonly carried = new Set<number>();
  stampedWire = 0;

  published(topology: PublishedTopology): void {
    this.topologies.push(topology);
    for (const ref of this.lives.keys()) this.plane.acknowledgeTopology(ref, topology.topology.version);
  }

  applied(version: number, wireId: number): void {
    this.applied_.push(version);
    this.stampedWire = wireId;
    this.report();
  }

  repin(move: WireMove): void {
    this.moves.push(move);
    if (this.carried.delete(move.wireId)) this.carried.add(move.toWireId);
    this.report();
  }

  retiring(version: number): void {
    for (const ref of this.lives.keys()) this.plane.acknowledgeRetirement(ref, version);
  }

  retired(version: number): void {
    this.retiredVersions.push(version);
  }

  /** FNODEs say which wire IDs live. */
  report(): void {
    for (const ref of this.lives.keys()) this.plane.reportLiveWires(ref, [...this.carried, this.stampedWire]);
  }

  /** Every living node says hello. */
  hello(): void {
    for (const [ref, incarnation] of this.lives) this.plane.hello(ref, incarnation);
  }
}

/** A control plane over a memory log, with obedient nodes and a simulated clock. */
export class SmallGrid {
  readonly clock = new SimClock(START);
  readonly nodes = new ObedientNodes();
  readonly alerts: Alert[] = [];
  readonly log: MemoryLog;
  plane: ControlPlane;
  private commands = 0;

  constructor(
    private readonly filters = 3,
    store?: MemoryStore,
    private readonly snapshotEvery = 1_000,
    private readonly onCommit: (state: GridState) => void = () => undefined,
    private readonly anchorWithinMs?: number,
  ) {
    this.log = createMemoryLog(store === undefined ? {} : { store });
    this.plane = this.makePlane('MA-1');
  }

  /** Another leader over the same log, with the same nodes. */
  makePlane(name: string): ControlPlane {
    this.plane = createControlPlane({
      log: this.log,
      clock: this.clock,
      timers: this.clock,
      name,
      listeners: [this.nodes],
      autoscale: true,
      onAlert: (alert) => this.alerts.push(alert),
      snapshotEvery: this.snapshotEvery,
      onCommit: (_, state) => this.onCommit(state),
      ...(this.anchorWithinMs === undefined ? {} : { anchorWithinMs: this.anchorWithinMs }),
    });
    this.nodes.plane = this.plane;
    return this.plane;
  }

  /** Starts, creates the grid, lets all members say hello and waits until the first topology is applied. */
  async up(): Promise<this> {
    await this.plane.start();
    for (const body of smallGridCommands(this.filters)) void this.submit(body);
    await this.plane.settle();
    this.nodes.lives.set(nodeRef(INGRESS, 1), 1);
    this.nodes.lives.set(nodeRef(EGRESS, 1), 1);
    for (let node = 1; node <= this.filters; node++) this.nodes.lives.set(nodeRef(FILTER, node), 1);
    await this.helloRound();
    return this;
  }

  submit(body: CommandBody, id = `operator/${++this.commands}`): Promise<Outcome> {
    return this.plane.submit({ id, by: 'operator:test', deadline: this.clock.now() + 10_000, body });
  }

  async helloRound(): Promise<void> {
    this.nodes.hello();
    await this.plane.settle();
  }

  /** Grid time passes in hello intervals, everybody who lives saying hello. */
  async pass(ms: number): Promise<void> {
    const until = this.clock.now() + ms;
    while (this.clock.now() < until) {
      this.clock.advanceTo(Math.min(until, this.clock.now() + DEFAULT_TIMING.helloMs));
      await this.helloRound();
    }
  }

  statusOf(cluster: number, node: number): string | undefined {
    return this.plane.state.clusters[cluster]?.nodes[node]?.status;
  }
}
