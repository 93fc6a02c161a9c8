import type { PlacedLife, ToldLife } from '../../adapters/codec/agent-messages';
import {
  chainId,
  clusterOf,
  nodeOf,
  nodeRef,
  type ChainId,
  type Incarnation,
  type NodeRef,
} from '../../domain/base/ids';
import type { ClusterRole } from '../../domain/topology/topology';
import type { NodeHost } from './dataplane-host';
import { type FlowSpool } from './flow-spool';

/** The part of a dataplane that hosts nodes. */
export type LifeHost = Pick<NodeHost, 'add' | 'kill' | 'revive' | 'remove' | 'setReachable'>;

/** A node in the life that it lives here. */
export interface HostedLife {
  readonly ref: NodeRef;
  readonly name: string;
  readonly role: ClusterRole;
  readonly incarnation: Incarnation;
  readonly spool: FlowSpool;
  draining: boolean;
}

/**
 * The nodes that an agent hosts, brought to what the log says of their places. A life that was declared over ends before
 * the next begins, so that no node is ever two. What a life observed is kept until it is shipped, however it ended.
 */
export class AgentNodes {
  private readonly lives = new Map<NodeRef, HostedLife>();
  /** Spools of lives that are over and have not shipped everything. */
  private readonly leftover = new Map<ChainId, FlowSpool>();

  constructor(
    private readonly host: LifeHost,
    private readonly newSpool: (chain: ChainId) => FlowSpool,
    /** Takes what the nodes have observed into their spools: before a life ends. */
    private readonly harvest: () => Promise<void>,
  ) {}

  /** Hosts exactly these; true if anything changed. */
  async follow(placed: readonly PlacedLife[]): Promise<boolean> {
    let hasChanged = false;
    const wanted = new Set(placed.map(({ cluster, node }) => nodeRef(cluster, node)));
    for (const life of [...this.lives.values()]) {
      if (wanted.has(life.ref)) continue;
      await this.end(life);
      hasChanged = true;
    }
    for (const place of placed) if (await this.live(place)) hasChanged = true;
    return hasChanged;
  }

  get(ref: NodeRef): HostedLife | undefined {
    return this.lives.get(ref);
  }

  all(): Iterable<HostedLife> {
    return this.lives.values();
  }

  /** Their lives, as hellos and reports tell them. */
  told(): ToldLife[] {
    return Array.from(this.lives.values(), ({ ref, incarnation }) => ({
      cluster: clusterOf(ref),
      node: nodeOf(ref),
      incarnation,
    }));
  }

  /** Every spool that may have something to ship; empty ones of lives that are over are forgotten. */
  spools(): FlowSpool[] {
    for (const [chain, spool] of this.leftover) if (spool.isEmpty) this.leftover.delete(chain);
    return [...this.leftover.values(), ...Array.from(this.lives.values(), ({ spool }) => spool)];
  }

  /** Begins the life that a place names, ending an older one; true if anything changed. */
  private async live({ cluster, node, incarnation, role, name, draining }: PlacedLife): Promise<boolean> {
    const ref = nodeRef(cluster, node);
    const present = this.lives.get(ref);
    if (present !== undefined && present.incarnation >= incarnation) {
      present.draining = draining;
      return false;
    }
    if (present === undefined) {
      await this.host.add(ref, incarnation, role);
    } else {
      await this.harvest();
      await this.host.kill(ref);
      this.leftover.set(present.spool.chain, present.spool);
      await this.host.revive(ref, incarnation);
    }
    this.host.setReachable(ref, true);
    const spool = this.newSpool(chainId(ref, incarnation));
    this.lives.set(ref, { ref, name, role, incarnation, spool, draining });
    return true;
  }

  private async end(life: HostedLife): Promise<void> {
    await this.harvest();
    this.host.setReachable(life.ref, false);
    await this.host.remove(life.ref);
    this.leftover.set(life.spool.chain, life.spool);
    this.lives.delete(life.ref);
  }
}
