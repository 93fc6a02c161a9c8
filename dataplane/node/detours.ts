import { clusterOf, nodeOf, type ClusterId, type FlowId, type NodeRef } from '../../domain/base/ids';
import {
  F_BACKUP,
  F_ID,
  F_NEXT_FWD,
  F_NEXT_REV,
  F_SHADOW_FWD,
  F_SHADOW_REV,
  F_STATE,
  FS_SLOW,
  S_FLAGS,
  S_FLOW,
  S_REVERSE,
  SF_START,
} from '../frames/layout';
import type { Detour } from '../functions/function';
import { emitterFor } from '../select/route';
import { CONTROL_DETOUR, type ControlCursor } from './control-frames';
import { planOf, type Plan } from './detour-plan';
import { PHASE_DETOUR } from './flow-side';
import type { Handover } from './handover';
import type { Node } from './node';
import type { Stage } from './stage';

/** Arguments of `DETOUR`; each body begins with the flow's ID (u32). */
/**
 * Onward through the clusters that are left out, behind their frames: who asks u16, count u8, cluster IDs u8 each, count
 * u8, nodes that the flow visits instead u16 each.
 */
const FLUSH = 1;
/** The way back, behind the frames that went against the flow: the same, and the node (u16) that comes next from now on. */
const FLUSHED = 2;
/** To the shadow of that node: who is the one before it (u16) from now on. */
const PREVIOUS = 3;
/** From the INODE, onward to the node before the clusters that shall be left out: body as `FLUSH`. */
const ORDER = 4;
/** To those who shadow at either end of a diversion: by way of whom (as in `FLUSH`) to which cluster u8. */
const DIVERTED = 5;

/** Hello rounds after which the order of frames is not waited for any longer. */
const PATIENCE = 8;

interface Open {
  readonly place: number;
  readonly via: readonly NodeRef[];
  readonly since: number;
}

interface Word {
  readonly step: number;
  readonly id: FlowId;
  readonly origin: NodeRef;
  readonly skipped: readonly ClusterId[];
  readonly via: readonly NodeRef[];
  readonly next: NodeRef;
}

/**
 * Changes the paths of live flows as a node's packet function decides ([0060], [0064]): clusters right behind this one are
 * left out, or others are visited before the next one, both ways, from now on. If the flow's very first frame decides, that is all. Later, frames are still
 * on their way as before, and none may be overtaken: the node lets the flow's frames wait, sends a word
 * through behind them, which the node beyond sends back the same way; then what waited goes the short way.
 */
export class Detours {
  /** Flows whose function has asked, and flows whose word is on its way. */
  private readonly asked = new Map<FlowId, Detour>();
  private readonly open = new Map<FlowId, Open>();
  /** Words that wait here until outputs before them have left. */
  private readonly words: Word[] = [];

  constructor(
    private readonly node: Node,
    private readonly stage: Stage,
    private readonly handover: Handover,
  ) {}

  /** The function asks, for the flow of the frame in `slot`, which it has just judged. */
  ask(slot: number, detour: Detour): void {
    const { u8, u16, u32 } = this.node.ctx.arena;
    const address = this.node.ctx.slot(slot);
    const flow = u32[(address + S_FLOW) >>> 2];
    // Of a flow without an entry nobody would remember it.
    if (this.node.stateless.has(flow)) return;
    // A shadow is told by its emitter.
    if (flow === 0 || !this.node.emits(flow)) return;
    const isFirst = (u16[(address + S_FLAGS) >>> 1] & SF_START) !== 0 && u8[address + S_REVERSE] === 0;
    const plan = planOf(this.node, flow, detour);
    if (plan === undefined) return;
    if (isFirst) this.applyAtOnce(flow, plan);
    else this.asked.set(u32[(flow + F_ID) >>> 2], detour);
  }

  /**
   * The INODE at the flow's beginning has found that it may leave out clusters: the node right before them does it. What
   * stands right behind the INODE has been entered, and stays.
   */
  order(flow: number, skipped: readonly ClusterId[]): void {
    const { u16, u32 } = this.node.ctx.arena;
    const id = u32[(flow + F_ID) >>> 2];
    this.say(u16[(flow + F_NEXT_FWD) >>> 1], { ...this.word(ORDER, id), skipped });
  }

  /** After a batch: what was asked for is begun, behind the frames of the batch. */
  settle(): void {
    if (this.asked.size > 0) for (const [id, detour] of this.asked) this.begin(id, detour);
    if (this.words.length > 0 && !this.stage.isWaitingForDeltas) {
      for (const word of this.words.splice(0)) this.pass(word);
    }
  }

  /** Whether the flow's frames wait for a word. */
  isUnderWay(flow: number): boolean {
    return (this.node.side.phase[this.node.aux(flow)] & PHASE_DETOUR) !== 0;
  }

  /** At each hello round: a word that does not come back is not waited for. */
  tick(): void {
    this.settle();
    for (const [id, { since, place }] of this.open) {
      if (this.node.ctx.round - since > PATIENCE) this.finishAlone(id, place);
    }
  }

  /** A node died, and perhaps a word with it. */
  buried(): void {
    for (const [id, { place }] of this.open) this.finishAlone(id, place);
  }

  /** `DETOUR`. */
  onDetour(body: ControlCursor, step: number): void {
    const id = body.readU32();
    const origin = body.readU16();
    if (step === PREVIOUS) {
      const flow = this.node.flows.find(id);
      if (flow !== 0) this.setPrevious(flow, origin);
      return;
    }
    if (step === DIVERTED) {
      const flow = this.node.flows.find(id);
      const via = Array.from({ length: body.readU8() }, () => body.readU16());
      if (flow !== 0) this.insert(flow, via, body.readU8());
      return;
    }
    const skipped = Array.from({ length: body.readU8() }, () => body.readU8());
    const via = Array.from({ length: body.readU8() }, () => body.readU16());
    const next = step === FLUSHED ? body.readU16() : 0;
    this.words.push({ step, id, origin, skipped, via, next });
    this.settle();
  }

  private begin(id: FlowId, detour: Detour): void {
    const { node } = this;
    const flow = node.flows.find(id);
    const plan = flow === 0 ? undefined : planOf(node, flow, detour);
    if (plan === undefined) {
      this.asked.delete(id);
      return;
    }
    // Something else is under way with the flow: later.
    this.asked.set(id, detour);
    if ((node.ctx.arena.u32[(flow + F_STATE) >>> 2] & FS_SLOW) !== 0 || this.stage.isWaitingForDeltas) return;
    this.asked.delete(id);
    const own = node.side.position[node.aux(flow)];
    const { place } = plan;
    const route = node.routeOf(flow);
    const skipped = route.slice(own + 1, place).map((ref) => clusterOf(ref));
    const via = this.chooseAll(flow, plan.via);
    node.side.phase[node.aux(flow)] |= PHASE_DETOUR;
    node.setState(flow, FS_SLOW);
    this.open.set(id, { place, via, since: node.ctx.round });
    const { u16 } = node.ctx.arena;
    if (via.length > 0) this.tellDiverted(u16[(flow + F_SHADOW_FWD) >>> 1], id, via, clusterOf(route[place]));
    this.say(u16[(flow + F_NEXT_FWD) >>> 1], { ...this.word(FLUSH, id), skipped, via });
  }

  /** A word goes on, turns round, or has come home. */
  private pass(word: Word): void {
    const { node } = this;
    const { u16 } = node.ctx.arena;
    const flow = node.flows.find(word.id);
    if (flow === 0) return;
    if (word.step === ORDER) {
      // One that has come round has found nothing to leave out.
      if (!node.returns(flow)) this.obey(flow, word);
    } else if (word.step === FLUSHED) {
      if (word.origin === node.ref) this.finish(word.id, word.next);
      else this.say(u16[(flow + F_NEXT_REV) >>> 1], word);
    } else if (word.skipped.includes(node.cluster)) {
      this.say(u16[(flow + F_NEXT_FWD) >>> 1], word);
    } else {
      const back = u16[(flow + F_NEXT_REV) >>> 1];
      if (word.via.length > 0) this.insert(flow, word.via, node.cluster);
      else this.setPrevious(flow, word.origin);
      this.say(back, { ...word, step: FLUSHED, next: node.ref });
    }
  }

  /** An INODE's order: done here if the next cluster is to be left out, else by a node further on. */
  private obey(flow: number, word: Word): void {
    const { node } = this;
    const { u16 } = node.ctx.arena;
    if (!node.emits(flow)) return;
    const view = node.viewOf(flow);
    const next = u16[(flow + F_NEXT_FWD) >>> 1];
    if (!word.skipped.includes(clusterOf(next))) this.say(next, word);
    else this.begin(word.id, { skip: word.skipped.map((cluster) => view.cluster(cluster).name) });
  }

  private finish(id: FlowId, next: NodeRef): void {
    const open = this.open.get(id);
    const flow = this.node.flows.find(id);
    this.open.delete(id);
    if (open === undefined || flow === 0) return;
    const { node } = this;
    const { u16 } = node.ctx.arena;
    const aux = node.aux(flow);
    // They have entries of the flow, and will not hear of its end from the nodes before and behind them.
    const leftOut = open.via.length > 0 ? [] : [u16[(flow + F_NEXT_FWD) >>> 1], u16[(flow + F_SHADOW_FWD) >>> 1]];
    node.side.leftOut[aux] = [...(node.side.leftOut[aux] ?? []), ...leftOut.filter((ref) => nodeOf(ref) !== 0)];
    if (open.via.length > 0) this.divert(flow, open.place, open.via, next);
    else this.shorten(flow, open.place, next);
    node.side.phase[aux] &= ~PHASE_DETOUR;
    const shadow = u16[(flow + F_SHADOW_FWD) >>> 1];
    if (shadow !== 0 && open.via.length === 0) this.say(shadow, this.word(PREVIOUS, id));
    this.handover.processWaiting(flow);
  }

  private finishAlone(id: FlowId, place: number): void {
    const flow = this.node.flows.find(id);
    this.finish(id, flow === 0 ? 0 : this.nodeAt(flow, place));
  }

  private applyAtOnce(flow: number, { place, via }: Plan): void {
    if (via.length === 0) this.shorten(flow, place, this.nodeAt(flow, place));
    // Whoever is the last of them chooses the node behind it, where the route leaves that open.
    else this.divert(flow, place, this.chooseAll(flow, via), this.node.routeOf(flow)[place]);
  }

  /** From now on frames of the flow go from here by way of `via` to `next`, which stands at `place` of its path. */
  private divert(flow: number, place: number, via: readonly NodeRef[], next: NodeRef): void {
    const { node } = this;
    const { u16, u32 } = node.ctx.arena;
    const before = u16[(flow + F_NEXT_FWD) >>> 1];
    const route = node.routeOf(flow);
    const isKnown = clusterOf(next) === clusterOf(route[place]) && nodeOf(next) !== 0;
    if (!node.divert(flow, route.with(place, isKnown ? next : route[place]).toSpliced(place, 0, ...via))) return;
    node.routing.moved(flow, before, 0);
    u16[(flow + F_NEXT_FWD) >>> 1] = via[0];
    u16[(flow + F_SHADOW_FWD) >>> 1] = node.heirs.shadowOf(flow, via[0]);
    this.tellDiverted(u16[(flow + F_BACKUP) >>> 1], u32[(flow + F_ID) >>> 2], via, clusterOf(route[place]));
    node.choices.tellNext(flow);
    via.forEach((to, i) => node.reportReroute(flow, 'diverted', i === 0 ? node.ref : via[i - 1], to));
  }

  /** The flow comes to `beyond`, which may be this node's own cluster, by way of `via`. */
  private insert(flow: number, via: readonly NodeRef[], beyond: ClusterId): void {
    const { node } = this;
    const route = node.routeOf(flow);
    // Where the path returns to the INODEs that it begins at, they stand at its end.
    const place = route.findLastIndex((ref) => clusterOf(ref) === beyond);
    if (place < 0 || route.some((ref) => clusterOf(ref) === clusterOf(via[0]))) return;
    if (node.divert(flow, route.toSpliced(place, 0, ...via)) && beyond === node.cluster) {
      this.setPrevious(flow, via[via.length - 1]);
    }
  }

  /** The nodes of clusters that the flow is to visit besides. */
  private chooseAll(flow: number, clusters: readonly ClusterId[]): NodeRef[] {
    const { node } = this;
    const view = node.viewOf(flow);
    const id = node.ctx.arena.u32[(flow + F_ID) >>> 2];
    const chosen: NodeRef[] = [];
    for (const cluster of clusters) chosen.push(node.routing.chooseIn(view, cluster, id, chosen.at(-1) ?? node.ref));
    node.routing.count(flow, chosen);
    return chosen;
  }

  /** From now on frames of the flow go from here to `next`, which stands at `place` of its path. */
  private shorten(flow: number, place: number, next: NodeRef): void {
    const { node } = this;
    const { u16 } = node.ctx.arena;
    const before = u16[(flow + F_NEXT_FWD) >>> 1];
    const own = node.side.position[node.aux(flow)];
    const route = this.node.routeOf(flow);
    node.routing.moved(flow, before, 0);
    u16[(flow + F_NEXT_FWD) >>> 1] = next;
    u16[(flow + F_SHADOW_FWD) >>> 1] = node.heirs.shadowOf(flow, next);
    node.choices.tellNext(flow);
    for (let at = own + 1; at < place; at++) {
      node.reportReroute(flow, 'diverted', clusterOf(route[at]) === clusterOf(before) ? before : route[at], 0);
    }
  }

  /** Who takes the flow in the cluster at a place of its path: whom the route names, else chosen now. */
  private nodeAt(flow: number, place: number): NodeRef {
    const { node } = this;
    const view = node.viewOf(flow);
    const id = node.ctx.arena.u32[(flow + F_ID) >>> 2];
    const named = this.node.routeOf(flow)[place];
    const cluster = clusterOf(named);
    if (nodeOf(named) !== 0) return emitterFor(view, cluster, named, id, node.obituary);
    const chosen = node.routing.chooseIn(view, cluster, id, node.ref);
    if (nodeOf(chosen) === 0) return 0;
    node.routing.count(flow, [chosen]);
    return chosen;
  }

  private setPrevious(flow: number, previous: NodeRef): void {
    const { u16 } = this.node.ctx.arena;
    u16[(flow + F_NEXT_REV) >>> 1] = previous;
    u16[(flow + F_SHADOW_REV) >>> 1] = this.node.heirs.shadowOf(flow, previous);
  }

  private word(step: number, id: FlowId): Word {
    return { step, id, origin: this.node.ref, skipped: [], via: [], next: 0 };
  }

  private tellDiverted(to: NodeRef, id: FlowId, via: readonly NodeRef[], beyond: ClusterId): void {
    const { control, incarnation, ref } = this.node;
    if (nodeOf(to) === 0 || !control.begin(incarnation)) return;
    control.u32(id);
    control.u16(ref);
    control.u8(via.length);
    for (const node of via) control.u16(node);
    control.u8(beyond);
    control.send(ref, to, CONTROL_DETOUR, DIVERTED);
  }

  private say(to: NodeRef, { step, id, origin, skipped, via, next }: Word): void {
    const { control, incarnation, ref } = this.node;
    if (nodeOf(to) === 0 || !control.begin(incarnation)) return;
    control.u32(id);
    control.u16(origin);
    if (step !== PREVIOUS) {
      control.u8(skipped.length);
      for (const cluster of skipped) control.u8(cluster);
      control.u8(via.length);
      for (const node of via) control.u16(node);
      if (step === FLUSHED) control.u16(next);
    }
    control.send(ref, to, CONTROL_DETOUR, step);
  }
}
