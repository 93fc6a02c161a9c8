import { clusterOf, type FlowId, type NodeRef, type WireId } from '../../domain/base/ids';
import {
  F_BACKUP,
  F_COUNT,
  F_EMITTER,
  F_ID,
  F_NEXT_FWD,
  F_STATE,
  F_TYPE,
  F_WIRE,
  FS_REPLICA,
  FS_SLOW,
} from '../frames/layout';
import { isCopyAt } from '../select/copies';
import type { TopologyView } from '../select/topology-view';
import type { ControlCursor } from './control-frames';
import { LEFT_OUT } from './flow-endings';
import { PHASE_GONE } from './flow-side';
import type { Handover } from './handover';
import { beyondGap, hopAlong, hopOf, say, servedAt } from './mode-hops';
import { ENTRY, HALT, HALTED, LAID, LAY, readWord, type Word } from './mode-words';
import { layEntry } from './mode-entry';
import { FRESH, stopsUnder } from './mode-plan';
import { ModeTelling } from './mode-telling';
import type { Node } from './node';
import { orderUnder } from './flow-order';
import type { WireTarget } from './repin';
import type { Stage } from './stage';
import { HOPS, Succession } from './succession';

/** Hello rounds after which the order of frames is not waited for any longer. */
const PATIENCE = 12;
/** What a word tells of a flow that was given up on the way. */
const NONE: readonly NodeRef[] = [];
/** Flows under way at most. */
const UNDER_WAY_MAX = 256;

interface Change {
  readonly target: WireTarget;
  readonly attempt: number;
  since: number;
  /** What is told along the new route; undefined while the old one is emptied. */
  lay: Word | undefined;
  /** The ID that frames may still be stamped with. */
  readonly from: WireId;
}

/**
 * Gives live flows the modes that another topology has for their clusters ([0060]), so that no frame is lost, doubled or
 * overtaken:
 *
 * 1. The INODE that allocated the flow lets its frames wait, and sends a word along the route behind the last of them. The
 *    INODE at the far end lets its own wait and sends the word back behind its last: the route is empty, and the word tells
 *    who emits on it, whatever takeovers and packet functions have made of it.
 * 2. The INODE chooses the stops that the modes want and sends the entry along them: wire ID, stops and the order in which
 *    each is backed up. A cluster that the flow visits for the first time makes an entry of its own; one that is left out is
 *    told to forget. The far end answers, and both ends let in what waited.
 *
 * What is lost is sent again at each hello round, by way of the heirs of those who died; the ends do not wait for ever.
 */
export class ModeChanges {
  /** Of flows that this node allocated. */
  private readonly changes = new Map<FlowId, Change>();
  /** Flows of others whose frames wait here, and since which round. */
  private readonly halted = new Map<FlowId, number>();
  /** Words that wait until what came before them has left. */
  private words: Word[] = [];
  private attempts = 0;
  private readonly succession: Succession;

  constructor(
    private readonly node: Node,
    private readonly stage: Stage,
    private readonly handover: Handover,
    /** Frames of a flow may enter again (INODEs). */
    private readonly resume: (flow: number) => void,
    /** The other INODEs of the cluster, which hold copies of entries. */
    private readonly peers: () => readonly NodeRef[],
  ) {
    this.succession = new Succession(node);
  }

  /** Whether a flow of this id is under way, here or by word of another node. */
  isUnderWay(id: FlowId): boolean {
    return this.changes.has(id) || this.halted.has(id);
  }

  /** A flow that this node owns is to take the modes of a topology. */
  begin(flow: number, target: WireTarget): void {
    const { u8, u32 } = this.node.ctx.arena;
    const id = u32[(flow + F_ID) >>> 2];
    const isBusy = (u32[(flow + F_STATE) >>> 2] & (FS_SLOW | FS_REPLICA)) !== 0;
    if (isBusy || this.isUnderWay(id) || this.changes.size >= UNDER_WAY_MAX) return;
    const change = {
      target,
      attempt: ++this.attempts,
      since: this.node.ctx.round,
      lay: undefined,
      from: u8[flow + F_WIRE],
    };
    this.changes.set(id, change);
    this.node.entrances.pause(flow);
    this.sendHalt(flow, id, change);
  }

  /** After a batch: words go on that wait no longer. */
  settle(): void {
    if (this.words.length === 0 || this.stage.isWaitingForDeltas) return;
    for (const word of this.words.splice(0)) this.take(word);
  }

  /** At each hello round: what was not answered is said again, and not waited for for ever. */
  tick(): void {
    this.settle();
    for (const [id, change] of this.changes) this.repeat(id, change);
    for (const [id, since] of this.halted) if (this.node.ctx.round - since > PATIENCE) this.goOn(id);
  }

  /** `MODES`. */
  onWord(body: ControlCursor, step: number, from: NodeRef): void {
    this.words.push(readWord(body, step, from));
    this.settle();
  }

  private take(word: Word): void {
    const { node } = this;
    const { u16, u32 } = node.ctx.arena;
    const flow = node.flows.find(word.id);
    if (flow !== 0 && word.step !== ENTRY) {
      if ((node.side.phase[node.aux(flow)] & PHASE_GONE) !== 0) {
        say(this.node, u16[(flow + F_EMITTER) >>> 1], word);
        return;
      }
      // Something else is under way with the flow, whose frames come first.
      if ((u32[(flow + F_STATE) >>> 2] & FS_SLOW) !== 0) {
        this.words.push(word);
        return;
      }
    }
    if (word.step === HALT) this.onHalt(flow, word);
    else if (word.step === HALTED) this.onHalted(flow, word);
    else if (word.step === LAID) this.onLaid(flow, word);
    else this.onEntry(flow, word);
  }

  /* ---- The route is emptied ------------------------------------------------------------------------------------- */

  private onHalt(flow: number, word: Word): void {
    const { node } = this;
    const { u8 } = node.ctx.arena;
    if (flow === 0) {
      this.passHalt(word);
      return;
    }
    // The sender does not know yet who emits here: it says so again.
    if (!node.emits(flow)) return;
    const here = { ...word, stops: [...word.stops, ...servedAt(this.node, flow)] };
    const isLast = node.returns(flow) || node.side.position[node.aux(flow)] === u8[flow + F_COUNT] - 1;
    const onward = isLast ? 0 : hopOf(this.node, flow, 1);
    if (onward !== 0) {
      say(this.node, onward, here);
      return;
    }
    if (isLast) {
      node.entrances.pause(flow);
      this.halted.set(word.id, node.ctx.round);
    }
    say(this.node, hopOf(this.node, flow, -1), { ...here, step: HALTED, stops: isLast ? here.stops : NONE });
  }

  /** No frame of the flow has come to this node: it stands in for one that died, or none went on. */
  private passHalt(word: Word): void {
    const { node } = this;
    const view = node.ctx.topologies.exactly(word);
    if (view === undefined) return;
    const isLast = clusterOf(word.route.at(-1) ?? 0) === node.cluster;
    const onward = isLast ? 0 : hopAlong(node, word, view, 1);
    if (onward !== 0) say(node, onward, { ...word, stops: [...word.stops, node.ref | FRESH] });
    else say(node, word.from, { ...word, step: HALTED, stops: isLast ? word.stops : NONE });
  }

  private onHalted(flow: number, word: Word): void {
    if (flow === 0) {
      const view = this.node.ctx.topologies.exactly(word);
      if (view !== undefined) say(this.node, hopAlong(this.node, word, view, -1), word);
      return;
    }
    const change = this.changes.get(word.id);
    if (change === undefined) this.passBack(flow, word);
    else if (change.lay === undefined && change.attempt === word.attempt) this.lay(flow, word, change);
  }

  /** What another INODE began ends here, where the path ends too. */
  private passBack(flow: number, word: Word): void {
    if (!this.node.returns(flow)) say(this.node, hopOf(this.node, flow, -1), word);
  }

  /* ---- The new route is laid ------------------------------------------------------------------------------------- */

  private lay(flow: number, halted: Word, change: Change): void {
    const { node } = this;
    const { id } = halted;
    const actual = halted.stops.map((stop) => stop & ~FRESH);
    const view = this.node.ctx.topologies.exactly(change.target);
    const stops = view === undefined || actual.length === 0 ? undefined : stopsUnder(node, flow, view, actual);
    if (view === undefined || stops === undefined) {
      this.cancel(flow, id);
      return;
    }
    const order = orderUnder(node, flow, view, stops);
    const { version, wireId } = change.target;
    const isComplete = clusterOf(actual.at(-1) ?? 0) === clusterOf(node.routeOf(flow).at(-1) ?? 0);
    change.lay = { ...halted, step: LAY, stops, version, wireId, order, route: NONE, isComplete };
    const telling = new ModeTelling(node, this.succession, flow, view, halted.stops, stops);
    if (!this.install(flow, change.lay, view)) {
      this.cancel(flow, id);
      return;
    }
    change.since = node.ctx.round;
    // An heir that is left out is known to nobody else where the node that named it has died too.
    const isLeft = (ref: NodeRef): boolean => !stops.some((stop) => clusterOf(stop & ~FRESH) === clusterOf(ref));
    for (const ref of actual.filter(isLeft)) node.tellEnd(id, ref, LEFT_OUT);
    // The old ID counts as carried until nobody stamps it any more.
    node.ownedByWire[wireId]++;
    telling.tell(flow, change.from);
    this.passOn(flow, change.lay);
  }

  private onEntry(flow: number, word: Word): void {
    const { node } = this;
    const view = this.node.ctx.topologies.exactly(word);
    // Not installed here yet: it is said again.
    if (view === undefined) return;
    const place = word.stops.findIndex((stop) => clusterOf(stop & ~FRESH) === node.cluster);
    const own = word.stops[place] ?? 0;
    const isEnd = clusterOf((word.stops.at(-1) ?? 0) & ~FRESH) === node.cluster;
    if (flow === 0 && word.step === ENTRY) return;
    if (flow === 0 && (isEnd || ((own & FRESH) === 0 && !word.isComplete))) {
      const route = word.stops.map((stop) => stop & ~FRESH);
      if (!isCopyAt(view, route, place)) say(node, word.from, { ...word, step: LAID });
      return;
    }
    const entry = this.entryFor(flow, word, view, (own & FRESH) !== 0);
    if (entry === 0) return;
    if (!this.install(entry, word, view)) return;
    if (entry !== flow) this.succession.metInPlaceOf(entry, own & ~FRESH);
    // The route was empty: whatever a shadow holds has been sent.
    if (word.step === ENTRY) this.stage.forget(entry);
    else if (node.returns(entry)) this.close(entry, word);
    else this.passOn(entry, word);
  }

  private onLaid(flow: number, word: Word): void {
    if (flow === 0) return;
    const change = this.changes.get(word.id);
    if (change === undefined) this.passBack(flow, word);
    else if (change.attempt === word.attempt && change.lay !== undefined) this.finish(flow, word.id, change);
  }

  /** The entry as the word has it; what the flow leaves from here on is told to forget. */
  private install(flow: number, word: Word, view: TopologyView): boolean {
    const { node } = this;
    if (node.viewOf(flow).topology.version > view.topology.version) return false;
    const { u16 } = node.ctx.arena;
    const backup = u16[(flow + F_BACKUP) >>> 1];
    const hops = HOPS.map(({ next }) => u16[(flow + next) >>> 1]);
    const left = layEntry(node, flow, word, view);
    if (left === undefined) return false;
    HOPS.forEach((hop, i) => {
      const stop = word.stops[node.placeBeside(flow, hop.step)] ?? 0;
      const isOther = u16[(flow + hop.next) >>> 1] !== hops[i];
      if ((stop & FRESH) !== 0 && isOther) this.succession.metBehind(flow, hop, stop & ~FRESH);
    });
    if (node.emits(flow) && u16[(flow + F_BACKUP) >>> 1] !== backup) {
      // A backup that is new has seen nothing of the flow; who gets copies has none.
      if (node.getsCopies(flow)) this.handover.stopFeeding(flow);
      else this.handover.feed(flow);
    }
    for (const ref of left) node.tellEnd(word.id, ref, LEFT_OUT);
    return true;
  }

  /** Of a flow that was here before and comes again nothing holds any more. */
  private entryFor(flow: number, word: Word, view: TopologyView, isFresh: boolean): number {
    const { node } = this;
    if (flow !== 0 && isFresh && word.step === LAY && node.viewOf(flow) !== view) {
      this.handover.forget(flow);
      this.stage.forget(flow);
      node.removeFlow(flow);
      return this.learn(word, view);
    }
    return flow !== 0 ? flow : this.learn(word, view);
  }

  /** The entry has come round to the INODEs that sent it: everybody on the route has it. */
  private close(flow: number, word: Word): void {
    say(this.node, hopOf(this.node, flow, -1), { ...word, step: LAID });
    this.goOn(word.id);
  }

  /** A flow that comes by this node from now on. */
  private learn(word: Word, view: TopologyView): number {
    const { node } = this;
    const route = word.stops.map((stop) => stop & ~FRESH);
    const position = route.findIndex((ref) => clusterOf(ref) === node.cluster);
    const flow = node.insertFlow(word.id, word.flowType, view, route, position);
    if (flow !== 0) node.ctx.arena.u16[(flow + F_EMITTER) >>> 1] = node.ref;
    return flow;
  }

  /** The entry goes on along the route, to who shadows here, and to who gets copies. */
  private passOn(flow: number, word: Word): void {
    const { node } = this;
    const { u16, u8 } = node.ctx.arena;
    const aux = node.aux(flow);
    const route = node.routeOf(flow);
    const position = node.side.position[aux];
    const backup = node.heirs.shadowOf(flow, node.ref);
    for (const ref of new Set([backup, ...this.peers()])) if (ref !== 0) say(this.node, ref, { ...word, step: ENTRY });
    if (isCopyAt(node.viewOf(flow), route, position)) {
      if (isCopyAt(node.viewOf(flow), route, position + 1)) say(this.node, u16[(flow + F_NEXT_FWD) >>> 1], word);
      return;
    }
    say(this.node, node.side.copyFwd[aux], word);
    const isLast = position === u8[flow + F_COUNT] - 1;
    const onward = isLast ? 0 : hopOf(this.node, flow, 1);
    if (onward !== 0) {
      say(this.node, onward, word);
      return;
    }
    // A flow that ends with a node that died ends there for those behind it too, by the same modes.
    if (!isLast && word.isComplete) say(this.node, beyondGap(this.node, word, position), word);
    say(this.node, hopOf(this.node, flow, -1), { ...word, step: LAID });
    this.goOn(word.id);
  }

  private finish(flow: number, id: FlowId, change: Change): void {
    this.changes.delete(id);
    this.halted.delete(id);
    this.node.ownedByWire[change.from]--;
    this.resume(flow);
  }

  /* ---- What does not come ----------------------------------------------------------------------------------------- */

  private repeat(id: FlowId, change: Change): void {
    const { node } = this;
    const flow = node.flows.find(id);
    const isLate = node.ctx.round - change.since > PATIENCE;
    if (flow === 0) {
      // It ended: with its entry the new ID was given back, the old one is now.
      this.changes.delete(id);
      if (change.lay !== undefined) node.ownedByWire[change.from]--;
    } else if (change.lay !== undefined) {
      if (isLate) this.resume(flow);
      this.passOn(flow, change.lay);
    } else if (isLate) {
      this.cancel(flow, id);
    } else {
      this.sendHalt(flow, id, change);
    }
  }

  /** The flow keeps its modes for now: it is tried again. */
  private cancel(flow: number, id: FlowId): void {
    this.changes.delete(id);
    this.halted.delete(id);
    this.resume(flow);
  }

  /** Frames that wait at the far end enter. */
  private goOn(id: FlowId): void {
    if (!this.halted.delete(id)) return;
    const flow = this.node.flows.find(id);
    if (flow !== 0) this.resume(flow);
  }

  private sendHalt(flow: number, id: FlowId, { attempt }: Change): void {
    const { ref, ctx, side } = this.node;
    const { version, wireId } = this.node.viewOf(flow).topology;
    const flowType = ctx.arena.u16[(flow + F_TYPE) >>> 1];
    const onward = hopOf(this.node, flow, 1);
    const word = {
      step: HALT,
      id,
      attempt,
      flowType,
      from: ref,
      stops: servedAt(this.node, flow),
      version,
      wireId,
      order: side.order[this.node.aux(flow)] ?? NONE,
      route: this.node.routeOf(flow),
      isComplete: false,
    };
    // A flow that was given up stays so.
    if (onward === 0) this.cancel(flow, id);
    else say(this.node, onward, word);
  }
}
