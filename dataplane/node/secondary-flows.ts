import { clusterOf, nodeOf, type FlowId, type NodeRef } from '../../domain/base/ids';
import {
  F_BACKUP,
  F_EMITTER,
  F_ID,
  F_NEXT_FWD,
  F_NEXT_REV,
  F_SEQ_FWD,
  F_SHADOW_FWD,
  F_STATE,
  F_TYPE,
  F_WIRE,
  FS_FULL_ROUTE,
  FS_SLOW,
  S_FLAGS,
  S_FLOW,
  S_LEN,
  S_OFF,
  S_REVERSE,
  SF_START,
} from '../frames/layout';
import { reason } from '../frames/reasons';
import { placeBeside } from '../select/copies';
import { emitterFor } from '../select/route';
import type { ControlCursor } from './control-frames';
import type { Node } from './node';
import { OFFERED_MAX, readGrant, readOffer, sendGrant, sendOffer, type Grant, type Offer } from './offers';

const UNMATCHED_OUTPUT = reason('unmatched-output');
/** Connections that wait for their flows at a time, and frames that wait of each, at most. */
const WAITING_MAX = 1024;
const FRAMES_MAX = 64;
/** Rounds beyond a detection time for which an answer is waited for; the offer is repeated at each. */
const PATIENCE = 3;

/** How frames that waited leave: with the flow that they opened, or on the path of the frame that caused them. */
export interface CreatedPort {
  /** Numbers a frame of a flow that begins at this node and sends it on. */
  sendNumbered(slot: number): void;
  /** Sends a frame on by the descriptor that it has. */
  sendCreated(slot: number): void;
}

/** Frames of one 5-tuple that wait for the flow that they open. */
interface Waiting {
  readonly token: number;
  readonly tuple: string;
  readonly parent: FlowId;
  readonly reverse: number;
  readonly since: number;
  readonly slots: number[];
}

/**
 * Flows that the function of this node opens itself ([0062], [0065]): connections of a proxy, look-ups, alerts. A frame of
 * one waits while it is offered to the INODE at the end of the path of the flow that caused it, along that flow's own hops
 * (`OFFER`). The INODE classifies it, gives the flow its ID and owns it; its answer (`GRANT`) comes back the same way. From
 * then on this node is where the flow begins: it numbers the frames that the function sends, and what comes back against
 * them ends at the function.
 */
export class SecondaryFlows {
  private readonly waiting = new Map<number, Waiting>();
  private readonly byTuple = new Map<string, Waiting>();
  private tokens = 0;

  constructor(
    private readonly node: Node,
    private readonly created: CreatedPort,
    /** The flow became known here, by a route that may name nodes that are dead. */
    private readonly learned: (flow: number, route: readonly NodeRef[]) => void,
  ) {}

  /** Whether frames of the flow of a direction begin their way at this node, and are numbered here. */
  begins(flow: number, reverse: number): boolean {
    return (
      flow !== 0 && reverse === 0 && this.node.isSecondary(flow) && this.node.side.position[this.node.aux(flow)] === 0
    );
  }

  /**
   * Turns a created frame round whose direction leads nowhere, because the flow of the frame that caused it ends here: what
   * opens a flow then goes the other way.
   */
  turn(address: number, parent: number): void {
    const { u8, u16 } = this.node.ctx.arena;
    const onward = u8[address + S_REVERSE] === 0 ? F_NEXT_FWD : F_NEXT_REV;
    if (u16[(parent + onward) >>> 1] === 0) u8[address + S_REVERSE] ^= 1;
  }

  /**
   * Takes a created frame that opens a flow: `S_FLOW` is the flow of the frame that caused it, whose way it has to go, and
   * its descriptor that of a frame of that flow, by which it goes if it gets none of its own.
   */
  open(slot: number, tuple: string): void {
    const { ctx } = this.node;
    const { u8, u32 } = ctx.arena;
    const address = ctx.slot(slot);
    const known = this.byTuple.get(tuple);
    const waiting = known ?? {
      token: (this.tokens = (this.tokens + 1) >>> 0),
      tuple,
      parent: u32[(u32[(address + S_FLOW) >>> 2] + F_ID) >>> 2],
      reverse: u8[address + S_REVERSE],
      since: ctx.round,
      slots: [],
    };
    const isTooMuch = waiting.slots.length >= FRAMES_MAX || this.waiting.size >= WAITING_MAX;
    if (isTooMuch || u32[(address + S_LEN) >>> 2] > OFFERED_MAX) {
      this.node.host?.opened(tuple, 0, 1);
      this.created.sendCreated(slot);
      return;
    }
    waiting.slots.push(slot);
    this.node.inFlight++;
    if (known !== undefined) return;
    this.waiting.set(waiting.token, waiting);
    this.byTuple.set(tuple, waiting);
    this.offer(waiting);
  }

  /** `OFFER` on its way: the next node of the parent's path gets it. */
  onOffer(body: ControlCursor): void {
    const offer = readOffer(body);
    this.pass({ ...offer, via: [...offer.via, this.node.ref] });
  }

  /** `GRANT`: for an offer of this node, or on its way to the one that made it. */
  onGrant(body: ControlCursor): void {
    const grant = readGrant(body);
    const place = grant.via.indexOf(this.node.ref);
    if (place > 0) sendGrant(this.node, grant.via[place - 1], grant);
    const waiting = place === 0 ? this.waiting.get(grant.token) : undefined;
    if (waiting !== undefined) this.accept(waiting, grant);
  }

  /** At each hello round: offers are repeated, because what carried them may be lost, until it takes too long. */
  tick(): void {
    const patience = (this.node.ctx.topologies.latest?.topology.timing.detectMultiplier ?? 0) + PATIENCE;
    for (const waiting of this.waiting.values()) {
      if (this.node.ctx.round - waiting.since > patience) this.refuse(waiting);
      else this.offer(waiting);
    }
  }

  /** The node dies: gives up every slot it holds to `lose`. */
  abandon(lose: (slot: number) => void): void {
    for (const { slots } of this.waiting.values()) slots.forEach(lose);
    this.waiting.clear();
    this.byTuple.clear();
  }

  private offer({ token, parent, reverse, slots }: Waiting): void {
    const { ctx, ref, flows } = this.node;
    const { u8, u16, u32 } = ctx.arena;
    const flow = flows.find(parent);
    if (flow === 0) return;
    const address = ctx.slot(slots[0]);
    const start = address + u32[(address + S_OFF) >>> 2];
    this.pass({
      token,
      parent,
      flowType: u16[(flow + F_TYPE) >>> 1],
      wireId: u8[flow + F_WIRE],
      route: this.node.routeOf(flow),
      reverse,
      heirs: this.heirsOf(flow),
      via: [ref],
      frame: u8.slice(start, start + u32[(address + S_LEN) >>> 2]),
    });
  }

  private pass(offer: Offer): void {
    const next = this.nextOf(offer);
    if (next !== 0) sendOffer(this.node, next, offer);
  }

  /** Where the parent's frames go from here, or would go. */
  private nextOf({ parent, wireId, route, reverse }: Offer): NodeRef {
    const { ctx, cluster, flows, obituary } = this.node;
    const flow = flows.find(parent);
    if (flow !== 0) return ctx.arena.u16[(flow + (reverse === 0 ? F_NEXT_FWD : F_NEXT_REV)) >>> 1];
    const view = ctx.topologies.of(wireId);
    const own = route.findIndex((ref) => clusterOf(ref) === cluster);
    if (view === undefined || own < 0) return 0;
    const named = route[placeBeside(view, route, own, reverse === 0 ? 1 : -1)];
    if (named === undefined) return 0;
    return emitterFor(view, clusterOf(named), nodeOf(named) === 0 ? 0 : named, parent, obituary);
  }

  /** Whom the parent falls to when this node dies, and then; under `discard` nobody. */
  private heirsOf(parent: number): NodeRef[] {
    const { node } = this;
    if (node.clusterIn(node.viewOf(parent)).failure === 'discard') return [];
    const first = node.heirs.nextFor(parent, node.ref);
    const second = first === 0 ? 0 : node.heirs.nextFor(parent, first);
    return [first, second].filter((ref) => ref !== 0 && ref !== node.ref);
  }

  private accept(waiting: Waiting, grant: Grant): void {
    const { u32 } = this.node.ctx.arena;
    const flow = grant.flow === 0 ? 0 : this.node.flows.find(grant.flow) || this.insert(grant);
    if (flow === 0) {
      this.refuse(waiting);
      return;
    }
    // It fell to this node, which does not know yet: the offer is repeated until it does.
    if (!this.node.emits(flow) || (u32[(flow + F_STATE) >>> 2] & FS_SLOW) !== 0) return;
    const slots = this.take(waiting, grant.flow);
    for (const slot of slots) this.sendAs(slot, flow);
  }

  /** The flow's entry where it begins; 0 when there is no room, or its topology is not known here. */
  private insert({ flow: id, flowType, wireId, route, order }: Grant): number {
    const { node } = this;
    const { ctx, obituary } = node;
    const { u16 } = ctx.arena;
    const view = ctx.topologies.of(wireId);
    const flow = view === undefined ? 0 : node.insertFlow(id, flowType, view, route, 0);
    if (flow === 0 || view === undefined) return 0;
    if (order.length > 0) node.side.order[node.aux(flow)] = order;
    node.setState(flow, FS_FULL_ROUTE);
    const next = emitterFor(view, clusterOf(route[1]), route[1], id, obituary) || node.heirs.standIn(flow, route[1]);
    u16[(flow + F_EMITTER) >>> 1] = node.ref;
    u16[(flow + F_BACKUP) >>> 1] = node.heirs.shadowOf(flow, node.ref);
    u16[(flow + F_NEXT_FWD) >>> 1] = next;
    u16[(flow + F_SHADOW_FWD) >>> 1] = node.heirs.shadowOf(flow, next);
    this.learned(flow, route);
    return flow;
  }

  private sendAs(slot: number, flow: number): void {
    const { ctx } = this.node;
    const { u8, u16, u32 } = ctx.arena;
    const address = ctx.slot(slot);
    u32[(address + S_FLOW) >>> 2] = flow;
    u8[address + S_REVERSE] = 0;
    if (u32[(flow + F_SEQ_FWD) >>> 2] === 0) u16[(address + S_FLAGS) >>> 1] |= SF_START;
    this.created.sendNumbered(slot);
  }

  /** The frames get no flow of their own: they go the way of the one that caused them, if it still has one. */
  private refuse(waiting: Waiting): void {
    const { ctx, flows } = this.node;
    const parent = flows.find(waiting.parent);
    for (const slot of this.take(waiting, 0)) {
      const isAlive = parent !== 0 && ctx.arena.u32[(ctx.slot(slot) + S_FLOW) >>> 2] === parent;
      if (isAlive) this.created.sendCreated(slot);
      else this.node.drop(slot, UNMATCHED_OUTPUT);
    }
  }

  /** Ends the wait of a connection's frames, for `flow` (0 = none). */
  private take({ token, tuple, slots }: Waiting, flow: FlowId): readonly number[] {
    this.waiting.delete(token);
    this.byTuple.delete(tuple);
    this.node.inFlight -= slots.length;
    this.node.host?.opened(tuple, flow, slots.length);
    return slots;
  }
}
