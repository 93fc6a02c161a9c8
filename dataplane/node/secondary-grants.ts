import { clusterOf, type FlowId, type NodeRef } from '../../domain/base/ids';
import type { Classifier } from '../classify/classifier';
import type { CompiledPolicies } from '../classify/policies';
import {
  C_FLOW,
  F_EMITTER,
  F_ID,
  F_NET_FWD,
  F_NET_REV,
  F_TYPE,
  F_WIRE,
  K_NETWORK,
  S_CONN,
  S_KEY,
  S_LEN,
  S_NETWORK,
  S_OFF,
  S_REASON,
  S_SRC_IS_B,
  SLOT_FRAME,
} from '../frames/layout';
import { reason } from '../frames/reasons';
import type { ConnectionTable } from '../flows/connection-table';
import { WAY_OUT } from '../kernels/kernels';
import { pathOf } from '../select/path-policy';
import { successorOf } from '../select/route';
import type { TopologyView } from '../select/topology-view';
import type { FlowAllocation } from './allocation';
import type { FlowLifecycle } from './lifecycle';
import type { Node } from './node';
import type { Grant, Offer } from './offers';
import type { Siblings } from './siblings';

/** What the parser and the connection table may say of a frame that opens, or is of, a connection of its own. */
const CONNECTIONS: readonly number[] = [0, reason('new-connection'), reason('slow-connection'), reason('tcp-control')];

/**
 * The INODE's answer to frames that functions opened flows with ([0062]). It is the one by which the frame leaves, so that
 * replies find the flow as those of any other do: by the connection that was registered here. It owns the flow: it gives the
 * ID, tells of the beginning, and ends it when its last connection does.
 */
export class SecondaryGrants {
  private readonly list: number;
  private policies: CompiledPolicies | undefined;

  constructor(
    private readonly node: Node,
    private readonly connections: ConnectionTable,
    private readonly siblings: Siblings,
    private readonly allocation: FlowAllocation,
    private readonly lifecycle: FlowLifecycle,
  ) {
    this.list = node.ctx.allocateList(1);
  }

  /** Takes the policies by which new flows get their types. */
  configure(policies: CompiledPolicies): void {
    this.policies = policies;
  }

  /** The answer to an offer; `seed` keys the flow hash. Undefined: it is not this node's to answer, or cannot be now. */
  answer(classifier: Classifier, seed: number, offer: Offer): Grant | undefined {
    const { ctx, ref } = this.node;
    const parent = this.node.flows.find(offer.parent);
    if (parent !== 0 && ctx.arena.u16[(parent + F_EMITTER) >>> 1] !== ref) return undefined;
    const view = ctx.topologies.of(offer.wireId);
    const slot = view === undefined ? -1 : ctx.takeSlot();
    if (slot < 0 || view === undefined) return undefined;
    ctx.arena.u16[(ctx.slot(slot) + S_NETWORK) >>> 1] = this.networkOf(parent, view, offer);
    const flow = this.flowFor(classifier, seed, slot, view, offer);
    ctx.slots.free(slot);
    return this.grantOf(flow, offer);
  }

  /** The flow of the frame offered, made if need be; 0 = it gets none. */
  private flowFor(classifier: Classifier, seed: number, slot: number, view: TopologyView, offer: Offer): number {
    const { ctx } = this.node;
    const { u8, u16, u32 } = ctx.arena;
    const address = ctx.slot(slot);
    if (u16[(address + S_NETWORK) >>> 1] === 0) return 0;
    u32[(address + S_OFF) >>> 2] = SLOT_FRAME;
    u32[(address + S_LEN) >>> 2] = offer.frame.length;
    u8.set(offer.frame, address + SLOT_FRAME);
    ctx.kernels.parse(ctx.one(this.list, slot), 1, seed, ~seed >>> 0, WAY_OUT);
    ctx.kernels.lookupConnections(this.connections.address, this.list, 1);
    if (!CONNECTIONS.includes(u16[(address + S_REASON) >>> 1])) return 0;
    const connection = classifier.current(address);
    if (connection !== 0) return this.known(u32[(connection + C_FLOW) >>> 2], offer);
    return this.make(classifier, address, view, offer);
  }

  /** The network that the parent's frames of the offer's direction leave to; 0 = none that this node knows. */
  private networkOf(parent: number, view: TopologyView, { reverse, flowType, route }: Offer): number {
    const { u16 } = this.node.ctx.arena;
    if (parent !== 0) return u16[(parent + (reverse === 0 ? F_NET_REV : F_NET_FWD)) >>> 1];
    const path = reverse === 0 ? pathOf(view, flowType, route.map(clusterOf)) : undefined;
    return path?.to ?? 0;
  }

  /** The flow of a connection that is known: it is the offerer's if it began there, or has fallen to it since. */
  private known(flow: number, { via }: Offer): number {
    const { node } = this;
    if (flow === 0 || !node.isSecondary(flow) || !node.emits(flow)) return 0;
    const [begin] = node.routeOf(flow);
    if (begin === via[0]) return flow;
    const hasFallen = node.obituary.isDeadIn(node.viewOf(flow), begin) && node.heirs.nextFor(flow, begin) === via[0];
    return hasFallen ? flow : 0;
  }

  private make(classifier: Classifier, address: number, view: TopologyView, offer: Offer): number {
    const { node, lifecycle } = this;
    if (!node.flood.admitsNewFlow()) return 0;
    const flowType = lifecycle.typeOf(this.policyOf(address));
    const route = [...offer.via, node.ref];
    const suits = (id: FlowId): boolean => this.fallsTo(id, view, offer.via[0], offer.heirs);
    const flow = flowType === 0 ? 0 : this.allocation.allocateSecondary(address, flowType, view, route, suits);
    if (flow === 0) return 0;
    if (!classifier.observeLeaving(address, flow, false, node.ctx.now)) {
      this.lifecycle.forgetUnbegun(flow);
      node.flood.exhausted();
      return 0;
    }
    this.siblings.announce(node.ctx.arena.u32[(address + S_CONN) >>> 2]);
    lifecycle.secondaryBegan(flow, address, offer.parent, offer.via[0]);
    return flow;
  }

  /** The policy for the connection that a parsed frame opens, as an index; −1 = none matches. */
  private policyOf(address: number): number {
    const { arena } = this.node.ctx;
    const at = (address + S_KEY + K_NETWORK) >>> 1;
    const network = arena.u16[at];
    // It comes from no network: policies for those of one do not concern it.
    arena.u16[at] = 0;
    const policy = this.policies?.match(arena, address, arena.u8[address + S_SRC_IS_B] === 1) ?? -1;
    arena.u16[at] = network;
    return policy;
  }

  /** Whether a flow with this ID falls to the same nodes in turn as its parent when `begin` dies. */
  private fallsTo(id: FlowId, view: TopologyView, begin: NodeRef, heirs: readonly NodeRef[]): boolean {
    let at = begin;
    return heirs.every((heir) => (at = successorOf(view, at, id, this.node.obituary)) === heir);
  }

  private grantOf(flow: number, { token, via }: Offer): Grant {
    const { u8, u16, u32 } = this.node.ctx.arena;
    if (flow === 0) return { token, via, flow: 0, flowType: 0, wireId: 0, route: [], order: [] };
    return {
      token,
      via,
      flow: u32[(flow + F_ID) >>> 2],
      flowType: u16[(flow + F_TYPE) >>> 1],
      wireId: u8[flow + F_WIRE],
      route: this.node.routeOf(flow),
      order: this.node.side.order[this.node.aux(flow)] ?? [],
    };
  }
}
