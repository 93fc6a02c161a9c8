import type { FlowId } from '../../domain/base/ids';
import type { FlowPath, FlowPolicy } from '../../domain/topology/topology';
import type { FlowGuard, StatelessChoice } from '../classify/ports';
import { isBareSyn } from '../classify/tcp';
import {
  F_ID,
  F_NET_FWD,
  S_CONN,
  S_FLAGS,
  S_FLOW,
  S_NETWORK,
  S_PROTO,
  S_REASON,
  S_REVERSE,
  S_SRC_IS_B,
  SF_START,
} from '../frames/layout';
import { reason } from '../frames/reasons';
import { expandSeed } from '../headers/key-hash';
import { PROTO_TCP } from '../headers/numbers';
import { constantFieldsHash, StatelessLegs, statelessFlowId, type Leg } from '../select/stateless-route';
import { itinerary } from '../select/path-policy';
import type { TopologyView } from '../select/topology-view';
import type { Node } from './node';

const NO_PATH = reason('no-path');
const NO_MEMBER = reason('no-member');
const REFUSALS = { 'cluster-drop': reason('cluster-drop'), 'no-member': NO_MEMBER, 'no-egress': reason('no-egress') };

/** A flow without an entry that is to get one: where it is, it stays. */
export interface Adoption {
  readonly view: TopologyView;
  readonly leg: Leg;
  readonly id: FlowId;
}

/** How frames enter the grid that no table knows, while a flood lasts and as long as its flows may live. */
export class StatelessIngress implements FlowGuard {
  private seed = 0;
  private seedWords: Uint32Array = new Uint32Array(0);
  private legs: StatelessLegs | undefined;
  private legsOf: TopologyView | undefined;
  private adoption: Adoption | undefined;
  private lastLeg: Leg | undefined;

  constructor(
    private readonly node: Node,
    /** Whether a flow ID of this kind may be given to a flow that gets an entry. */
    private readonly isFree: (id: FlowId) => boolean,
  ) {}

  /** Takes the grid's seed. */
  configure(seed: number): void {
    this.seed = seed;
    this.seedWords = expandSeed(seed, ~seed >>> 0);
  }

  get isActive(): boolean {
    return this.node.flood.isOn || this.node.flood.pinned !== undefined;
  }

  admits(slot: number, begins: boolean): boolean {
    this.adoption = undefined;
    const { flood } = this.node;
    if (!flood.admitsNewFlow()) return false;
    const view = flood.pinned;
    return view === undefined || begins || this.mayAdopt(slot, view);
  }

  exhausted(): void {
    this.node.flood.exhausted();
  }

  /** The flow that {@link admits} found to have been carried without an entry; told once. */
  takeAdoption(): Adoption | undefined {
    const { adoption } = this;
    this.adoption = undefined;
    return adoption;
  }

  carry(slot: number, keySlot: number, fromB: boolean): boolean {
    const { arena } = this.node.ctx;
    const view = this.node.flood.pinned ?? this.node.ctx.topologies.active;
    const legs = view === undefined ? undefined : this.legsFor(view);
    const leg = legs?.find(arena, keySlot, fromB, arena.u16[(slot + S_NETWORK) >>> 1]);
    if (leg === undefined || legs === undefined) return this.refuse(slot, NO_PATH);
    return this.carryOn(slot, leg, this.idOf(keySlot), legs.reverse);
  }

  carryLike(slot: number, choice: StatelessChoice): boolean {
    return this.carryOn(slot, choice.leg, choice.flow, choice.reverse);
  }

  /** Allocates: for fragments only. */
  choiceOf(slot: number): StatelessChoice {
    const { arena } = this.node.ctx;
    const reverse = arena.u8[slot + S_REVERSE] === 1;
    return { leg: this.lastLeg as Leg, flow: this.idOf(slot), reverse };
  }

  /** An entry for a copy, by another path, of a frame whose flow has none and that entered here; 0 = it cannot go. */
  branch(flow: number, policy: FlowPolicy, path: FlowPath): number {
    const { node } = this;
    const { u16, u32 } = node.ctx.arena;
    const view = node.viewOf(flow);
    const from = u16[(flow + F_NET_FWD) >>> 1];
    const leg = { policyIndex: -1, policy, from, path, itinerary: itinerary(view, path, node.obituary) };
    return node.stateless.entering(view, leg, u32[(flow + F_ID) >>> 2], false);
  }

  private carryOn(slot: number, leg: Leg, id: FlowId, reverse: boolean): boolean {
    const { node } = this;
    const { arena } = node.ctx;
    this.lastLeg = leg;
    if (!leg.itinerary.ok) return this.refuse(slot, REFUSALS[leg.itinerary.reason]);
    const begins = arena.u8[slot + S_PROTO] === PROTO_TCP && isBareSyn(arena, slot);
    const view = node.flood.carry(arena.u8[slot + S_PROTO], begins, undefined);
    if (view === undefined) return this.refuse(slot, NO_PATH);
    const flow = node.stateless.entering(view, leg, id, reverse);
    if (flow === 0) return this.refuse(slot, NO_MEMBER);
    arena.u32[(slot + S_CONN) >>> 2] = 0;
    arena.u32[(slot + S_FLOW) >>> 2] = flow;
    arena.u8[slot + S_REVERSE] = reverse ? 1 : 0;
    arena.u16[(slot + S_REASON) >>> 1] = 0;
    if (begins && !reverse) arena.u16[(slot + S_FLAGS) >>> 1] |= SF_START;
    return true;
  }

  /**
   * Whether a frame in the middle of a flow may have an entry: on the initiator's side, where the flow's entry belongs,
   * and as long as no other flow goes by its ID. What no path takes is left to the way that new flows go.
   */
  private mayAdopt(slot: number, view: TopologyView): boolean {
    const { arena } = this.node.ctx;
    const legs = this.legsFor(view);
    const fromB = arena.u8[slot + S_SRC_IS_B] === 1;
    const leg = legs.find(arena, slot, fromB, arena.u16[(slot + S_NETWORK) >>> 1]);
    if (leg === undefined) return true;
    // The clone of a replicated flow has an ID that follows from the flow's own, and would have to be free as well.
    if (legs.reverse || !leg.itinerary.ok || leg.policy.replicateTo !== undefined) return false;
    const id = this.idOf(slot);
    if (!this.isFree(id)) return false;
    this.adoption = { view, leg, id };
    return true;
  }

  private idOf(keySlot: number): FlowId {
    return statelessFlowId(this.seed, constantFieldsHash(this.node.ctx.arena, keySlot, this.seedWords));
  }

  private legsFor(view: TopologyView): StatelessLegs {
    if (this.legs === undefined || this.legsOf !== view) {
      this.legs = new StatelessLegs(view, this.node.obituary);
      this.legsOf = view;
    }
    return this.legs;
  }

  private refuse(slot: number, why: number): boolean {
    this.node.ctx.arena.u16[(slot + S_REASON) >>> 1] = why;
    return false;
  }
}
