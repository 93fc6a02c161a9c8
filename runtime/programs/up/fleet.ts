import {
  chainId,
  clusterOf,
  nodeName,
  nodeOf,
  nodeRef,
  type ChainId,
  type Incarnation,
  type NodeRef,
} from '../../../domain/base/ids';
import { FlowgridError } from '../../../domain/base/errors';
import { carriesFlows, nodesOf } from '../../../domain/cluster/state';
import type { GridState } from '../../../domain/grid-state';
import type { NodeState } from '../../../domain/node/state';
import type { ChainHead } from '../../../domain/seams/event-log';
import type { ClusterRole } from '../../../domain/topology/topology';
import type { DataplaneHost } from '../../agent/dataplane-host';
import { FlowSpool } from '../../agent/flow-spool';
import type { ControlPlane } from '../../control/control-plane';

/** A node that this program hosts, in its present life. */
export interface HostedLife {
  readonly ref: NodeRef;
  readonly name: string;
  readonly role: ClusterRole;
  readonly incarnation: Incarnation;
  alive: boolean;
  spool: FlowSpool;
}

/** Whether the grid counts on a node now; spares wait. */
export function takesPart({ spare, status }: NodeState): boolean {
  const waits = spare && status === 'admitted';
  return !waits && status !== 'removed' && status !== 'discovered';
}

/** The nodes that this program hosts, and what it does for them as their agent: hellos, spools, lives. */
export class Fleet {
  private readonly lives = new Map<NodeRef, HostedLife>();
  /** The state whose nodes are all hosted. */
  private hostedFor: GridState | undefined;
  /** The last life of each node that was removed: one that is admitted again is another. */
  private readonly dismissed = new Map<NodeRef, Incarnation>();

  constructor(
    private readonly host: DataplaneHost,
    private readonly control: ControlPlane,
    /** Chains that the log has already: a life that goes on in this process continues its chain. */
    private readonly chains: ReadonlyMap<ChainId, ChainHead>,
  ) {}

  /**
   * Hosts every node that the grid counts on and that is not hosted yet; spares wait. Those that were members before stay
   * hosted, warm, in the life that they have.
   */
  async hostMembers(state: GridState): Promise<void> {
    if (this.hostedFor?.clusters === state.clusters) return;
    this.hostedFor = state;
    for (const cluster of Object.values(state.clusters)) {
      if (!carriesFlows(cluster)) continue;
      const { id, name, role } = cluster.settings;
      for (const node of nodesOf(cluster)) {
        const ref = nodeRef(id, node.node);
        if (!takesPart(node) || this.lives.has(ref)) continue;
        const next = Math.max(1, node.incarnation) + (node.status === 'failed' ? 1 : 0);
        const incarnation = Math.max(next, 1 + (this.dismissed.get(ref) ?? 0));
        await this.host.add(ref, incarnation, role);
        this.host.setReachable(ref, true);
        this.lives.set(ref, this.life(ref, nodeName(name, node.node), role, incarnation));
        // Hosted beside nodes that have installed it, the node has too: one that was recovering, or had not yet
        // acknowledged, when the program before this one died waits for nothing else.
        this.control.hello(ref, incarnation);
        this.control.acknowledgeTopology(ref, state.topology.version);
      }
    }
  }

  /** Stops hosting nodes that the grid has removed, once they carry nothing; call when what they observed is shipped. */
  async dismissRemoved({ clusters }: GridState): Promise<void> {
    const removed = [...this.lives.values()].filter(
      ({ ref, alive }) => alive && clusters[clusterOf(ref)]?.nodes[nodeOf(ref)]?.status === 'removed',
    );
    if (removed.length === 0) return;
    const statistics = await this.host.statistics();
    for (const { ref, incarnation } of removed) {
      const counted = statistics.find(({ node }) => node === ref);
      if (counted === undefined || counted.flowsPrimary + counted.flowsBackup + counted.inFlight > 0) continue;
      this.host.setReachable(ref, false);
      await this.host.remove(ref);
      this.dismissed.set(ref, incarnation);
      this.lives.delete(ref);
    }
  }

  /** Every living node says hello to the control plane. */
  hello(): void {
    for (const life of this.lives.values()) if (life.alive) this.control.hello(life.ref, life.incarnation);
  }

  /** Acknowledges an installed topology for every living node. */
  acknowledge(version: number): void {
    for (const { ref, alive } of this.lives.values()) if (alive) this.control.acknowledgeTopology(ref, version);
  }

  acknowledgeRetirement(version: number): void {
    for (const { ref, alive } of this.lives.values()) if (alive) this.control.acknowledgeRetirement(ref, version);
  }

  /** Tells the control plane which wire IDs live flows carry. */
  reportWires(wires: readonly number[]): void {
    for (const { ref, alive, role } of this.lives.values()) {
      if (alive && role === 'inode') this.control.reportLiveWires(ref, wires);
    }
  }

  /** The node is gone at once, with what it had not shipped; nobody is told. */
  async kill(ref: NodeRef): Promise<void> {
    const life = this.require(ref);
    if (!life.alive) throw new FlowgridError('usage', `${life.name} is dead already`);
    life.alive = false;
    await this.host.kill(ref);
  }

  /** A killed node returns, empty, as a new incarnation. */
  async revive(ref: NodeRef): Promise<void> {
    const life = this.require(ref);
    if (life.alive) throw new FlowgridError('usage', `${life.name} is alive`);
    const incarnation = life.incarnation + 1;
    await this.host.revive(ref, incarnation);
    this.host.setReachable(ref, true);
    this.lives.set(ref, this.life(ref, life.name, life.role, incarnation));
    this.control.hello(ref, incarnation);
    this.control.acknowledgeTopology(ref, this.control.state.topology.version);
  }

  /**
   * The spool for what is to be told about an earlier life's flows: of the life that goes on with that chain, or else of
   * the same node's next life, or else of any INODE.
   */
  spoolFor(chain: ChainId): FlowSpool {
    const lives = [...this.lives.values()].filter(({ alive }) => alive);
    const heir =
      lives.find(({ spool }) => spool.chain === chain) ??
      lives.find(({ ref }) => chain.startsWith(chainId(ref, 0).slice(0, -1))) ??
      lives.find(({ role }) => role === 'inode');
    if (heir === undefined) throw new FlowgridError('internal', `nobody is left to tell about chain ${chain}`);
    return heir.spool;
  }

  get(ref: NodeRef): HostedLife | undefined {
    return this.lives.get(ref);
  }

  all(): Iterable<HostedLife> {
    return this.lives.values();
  }

  private life(ref: NodeRef, name: string, role: ClusterRole, incarnation: Incarnation): HostedLife {
    const chain = chainId(ref, incarnation);
    return {
      ref,
      name,
      role,
      incarnation,
      alive: true,
      spool: new FlowSpool(chain, undefined, this.chains.get(chain)),
    };
  }

  private require(ref: NodeRef): HostedLife {
    const life = this.lives.get(ref);
    if (life === undefined) throw new FlowgridError('not-found', `node ${ref} is not hosted here`);
    return life;
  }
}
