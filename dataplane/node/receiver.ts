import { clusterOf, nodeOf, type NodeRef } from '../../domain/base/ids';
import {
  D_FLAGS,
  D_FLOW_ID,
  D_FLOW_TYPE,
  D_WIRE_ID,
  DF_REPLICA,
  F_BACKUP,
  F_EMITTER,
  F_NEXT_FWD,
  F_NEXT_REV,
  F_SHADOW_FWD,
  F_SHADOW_REV,
  F_STATE,
  FS_SLOW,
  S_DESCRIPTOR,
  S_FLAGS,
  S_FLOW,
  S_FROM,
  S_LEN,
  S_NEXT,
  S_REASON,
  S_REVERSE,
  SENDERS_MAX,
  S_TIME,
  SF_HOLD,
  SF_START,
} from '../frames/layout';
import { reason } from '../frames/reasons';
import { besidesOf, isCopyAt, placeBeside } from '../select/copies';
import { emitterFor, hashedNode } from '../select/route';
import type { TopologyView } from '../select/topology-view';
import { BATCH } from './context';
import { BYTES_RECEIVED, RECEIVED, SUPPRESSED, UNTRACKED } from './counters';
import { routeIn } from './frame-lists';
import type { Handover } from './handover';
import { PHASE_DETOUR, PHASE_GONE } from './flow-side';
import type { Node } from './node';
import type { Takeover } from './takeover';

const CONTROL_FRAME = reason('control-frame');
const UNKNOWN_FLOW = reason('unknown-flow');
const UNKNOWN_TOPOLOGY = reason('unknown-topology');
const SLOW_FLOW = reason('slow-flow');
const NOT_A_MEMBER = reason('not-a-member');
const STATELESS = reason('stateless');

const FIRST_UNTRUSTED = reason('bad-length');
const LAST_UNTRUSTED = reason('unknown-sender');

/** Frames of a topology that is not installed yet that a node keeps, and for how many hello rounds. */
const PARKED_MAX = 1024;
const PARKED_ROUNDS = 10;

/** What becomes of frames after they were admitted, by the role of the node. */
export interface Deliver {
  /** Takes up to BATCH admitted frames, in order, and their slots. */
  deliver(list: number, n: number): void;
  /** A flow became known from its first frame. */
  flowLearned(flow: number, slot: number): void;
}

/** The way into a node from internal links: open, find the flow, admit; then the rare cases one by one. */
export class Receiver {
  private readonly staged: number;
  private readonly surveyed: number;
  private readonly alone: number;
  private parked: { readonly slot: number; readonly round: number }[] = [];

  constructor(
    private readonly node: Node,
    private readonly takeover: Takeover,
    private readonly handover: Handover,
    private readonly next: Deliver,
    /** A neighbour gave a sign of life. */
    private readonly heard: (from: NodeRef) => void,
    /** A control frame; the slot is freed after the call. */
    private readonly control: (address: number) => void,
    /** A frame of a flow that was moved to another node. */
    private readonly forward: (slot: number, flow: number) => void,
  ) {
    this.staged = node.ctx.allocateList(BATCH);
    this.surveyed = node.ctx.allocateList(2 + SENDERS_MAX);
    this.alone = node.ctx.allocateList(1);
  }

  /** Takes a batch of sealed frames from a ring; every slot is taken over. */
  receive(list: number, n: number): void {
    const { ctx, ref } = this.node;
    const { u16, u32 } = ctx.arena;
    ctx.kernels.open(ref, list, n, ctx.now);
    if (ctx.kernels.arePlain(list, n) === 1) {
      this.receiveData(list, n);
      return;
    }
    // A control frame may change how the frames behind it are judged: it ends a run of frames.
    let start = 0;
    const { stateless } = this.node;
    for (let i = 0; i < n; i++) {
      const slot = u32[(list >>> 2) + i];
      const address = ctx.slot(slot);
      const why = u16[(address + S_REASON) >>> 1];
      if (why === 0 && stateless.isFlagged(address)) u16[(address + S_REASON) >>> 1] = STATELESS;
      if (why !== CONTROL_FRAME) continue;
      if (i > start) this.receiveData(list + 4 * start, i - start);
      start = i + 1;
      this.heard(u16[(address + S_FROM) >>> 1]);
      this.control(address);
      ctx.slots.free(slot);
    }
    if (n > start) this.receiveData(list + 4 * start, n - start);
  }

  private receiveData(list: number, n: number): void {
    const { ctx, ref, flows, counters } = this.node;
    const { u16, u32, f64 } = ctx.arena;
    ctx.kernels.lookupFlows(flows.address, list, n);
    const entered = f64[(ctx.slot(u32[list >>> 2]) + S_TIME) >>> 3];
    ctx.kernels.admit(ref, list, n);
    counters.values[RECEIVED] += n;
    if (ctx.kernels.survey(ref, list, n, this.surveyed) === 1) {
      counters.values[BYTES_RECEIVED] += u32[this.surveyed >>> 2];
      const senders = u32[(this.surveyed >>> 2) + 1];
      for (let i = 0; i < senders; i++) this.heard(u32[(this.surveyed >>> 2) + 2 + i]);
      if (this.node.figures.areNeeded) this.node.figures.sample(ctx.now - entered);
      this.next.deliver(list, n);
      return;
    }
    let staged = 0;
    let bytes = 0;
    let lastFrom = 0;
    for (let i = 0; i < n; i++) {
      const slot = u32[(list >>> 2) + i];
      const address = ctx.slot(slot);
      bytes += u32[(address + S_LEN) >>> 2];
      const why = u16[(address + S_REASON) >>> 1];
      const from = u16[(address + S_FROM) >>> 1];
      if (from !== lastFrom && !isUntrusted(why)) this.heard((lastFrom = from));
      if (why === 0) {
        if (this.takeover.tellsNews(address, u32[(address + S_FLOW) >>> 2])) this.takeover.learn(address);
        u32[(this.staged >>> 2) + staged++] = slot;
      } else if (why === STATELESS && this.lendEntry(address)) {
        u32[(this.staged >>> 2) + staged++] = slot;
      } else {
        if (staged > 0) this.next.deliver(this.staged, staged);
        staged = 0;
        this.receiveSlow(slot, address, why);
      }
    }
    counters.values[BYTES_RECEIVED] += bytes;
    if (this.node.figures.areNeeded) this.node.figures.sample(ctx.now - entered);
    if (staged > 0) this.next.deliver(this.staged, staged);
  }

  /** A topology was installed: frames that waited for it are taken up again. */
  unpark(): void {
    const parked = this.parked;
    this.parked = [];
    for (const { slot } of parked) {
      this.node.inFlight--;
      const address = this.node.ctx.slot(slot);
      if (this.node.stateless.isFlagged(address)) this.takeStateless(slot, address);
      else this.learnFlow(slot, address);
    }
  }

  /** At each hello round: frames whose topology did not come are dropped. */
  tick(): void {
    if (this.parked.length === 0) return;
    this.parked = this.parked.filter(({ slot, round }) => {
      if (this.node.ctx.round - round < PARKED_ROUNDS) return true;
      this.node.inFlight--;
      this.node.drop(slot, UNKNOWN_TOPOLOGY);
      return false;
    });
  }

  /** The node dies: gives up every slot it holds to `lose`. */
  abandon(lose: (slot: number) => void): void {
    for (const { slot } of this.parked) lose(slot);
    this.parked = [];
  }

  private receiveSlow(slot: number, address: number, why: number): void {
    const { u32 } = this.node.ctx.arena;
    switch (why) {
      case UNKNOWN_FLOW:
        this.learnFlow(slot, address);
        return;
      case STATELESS:
        this.takeStateless(slot, address);
        return;
      case SLOW_FLOW:
        this.receiveWaiting(slot, address, u32[(address + S_FLOW) >>> 2]);
        return;
      default:
        this.node.drop(slot, why);
    }
  }

  /** A frame of a flow that this shadow is getting into step with: copies from the emitter pass, the rest waits. */
  private receiveWaiting(slot: number, address: number, flow: number): void {
    const { u16, u32 } = this.node.ctx.arena;
    if ((this.node.side.phase[this.node.aux(flow)] & PHASE_GONE) !== 0) {
      if ((u16[(address + S_FLAGS) >>> 1] & SF_HOLD) === 0) {
        this.forward(slot, flow);
        return;
      }
      // It moved on since, to a node that this one shadows.
      this.shadowAgain(address, flow);
    }
    const fed = clusterOf(u16[(address + S_FROM) >>> 1]) === this.node.cluster;
    if (!fed && this.handover.isWaiting(flow) && !this.comesBack(address, flow)) {
      this.handover.wait(slot, flow);
      // The wait ends at once when the frame says that this node emits now.
      if (this.takeover.tellsNews(address, flow)) this.takeover.learn(address);
      return;
    }
    const state = u32[(flow + F_STATE) >>> 2] & FS_SLOW;
    this.node.clearState(flow, FS_SLOW);
    this.pass(slot, address, flow);
    this.node.setState(flow, state);
  }

  /** A flow that was given away comes as a copy: this node shadows the emitter that the frame names. */
  private shadowAgain(address: number, flow: number): void {
    const { node } = this;
    const { u16 } = node.ctx.arena;
    const named = routeIn(node.ctx.arena, address).find((ref) => clusterOf(ref) === node.cluster) ?? 0;
    node.side.phase[node.aux(flow)] &= ~PHASE_GONE;
    u16[(flow + F_EMITTER) >>> 1] = named;
    u16[(flow + F_BACKUP) >>> 1] = node.ref;
    node.clearState(flow, FS_SLOW);
    if (!node.isStateless) this.handover.awaitState(flow);
  }

  /** Whether a flow's path is being shortened, and the frame comes from the node that will be left out. */
  private comesBack(address: number, flow: number): boolean {
    const { u8, u16 } = this.node.ctx.arena;
    const isDetour = (this.node.side.phase[this.node.aux(flow)] & PHASE_DETOUR) !== 0;
    const next = clusterOf(u16[(flow + F_NEXT_FWD) >>> 1]);
    return isDetour && u8[address + S_REVERSE] === 1 && clusterOf(u16[(address + S_FROM) >>> 1]) === next;
  }

  /** Admits one frame whose flow is now known, and delivers it. */
  private pass(slot: number, address: number, flow: number): void {
    const { ctx } = this.node;
    const { u16, u32 } = ctx.arena;
    u16[(address + S_REASON) >>> 1] = 0;
    u32[(address + S_FLOW) >>> 2] = flow;
    ctx.kernels.admit(this.node.ref, ctx.one(this.alone, slot), 1);
    const why = u16[(address + S_REASON) >>> 1];
    if (why !== 0) {
      this.node.drop(slot, why);
      return;
    }
    if (this.takeover.tellsNews(address, flow)) this.takeover.learn(address);
    this.next.deliver(this.alone, 1);
  }

  /** First frame of a flow at this node: its topology and its list say everything ([0081]). */
  private learnFlow(slot: number, address: number): void {
    const { ctx } = this.node;
    const { u8, u16, u32, view: bytes } = ctx.arena;
    const descriptor = address + S_DESCRIPTOR;
    const id = bytes.getUint32(descriptor + D_FLOW_ID);
    // Frames of one batch that all were unknown: the first of them made the entry.
    const known = this.node.flows.find(id);
    if (known !== 0) {
      if ((u32[(known + F_STATE) >>> 2] & FS_SLOW) !== 0) this.receiveWaiting(slot, address, known);
      else this.pass(slot, address, known);
      return;
    }
    const topology = ctx.topologies.of(u8[descriptor + D_WIRE_ID]);
    if (topology === undefined) {
      this.park(slot, address);
      return;
    }
    const route = routeIn(ctx.arena, address);
    const position = route.findIndex((ref) => clusterOf(ref) === this.node.cluster);
    const fits = position >= 0 && route.every((ref) => topology.hasCluster(clusterOf(ref)));
    if (!fits) {
      this.node.drop(slot, NOT_A_MEMBER);
      return;
    }
    const flow = this.node.insertFlow(id, bytes.getUint16(descriptor + D_FLOW_TYPE), topology, route, position);
    if (flow === 0) {
      this.carryUntracked(slot, address);
      return;
    }
    if ((u8[descriptor + D_FLAGS] & DF_REPLICA) !== 0) this.node.markReplica(flow);
    this.node.flood.watchTables();
    const began = (u16[(address + S_FLAGS) >>> 1] & SF_START) !== 0;
    this.chooseHops(flow, id, topology, route, position, began);
    const emitter = u16[(flow + F_EMITTER) >>> 1];
    this.next.flowLearned(flow, address);
    this.takeover.learned(flow, route);
    if (emitter !== this.node.ref && !began && !this.node.isStateless) {
      this.handover.awaitState(flow);
      this.handover.wait(slot, flow);
      return;
    }
    // Others may not know yet that the node they name is dead, and not copy to the backup that follows from it.
    if (emitter === this.node.ref && (route[position] !== emitter || ctx.round < this.node.unsettledUntil)) {
      this.handover.feed(flow);
    }
    this.pass(slot, address, flow);
  }

  /** A frame of a flow that has no entry anywhere gets one for as long as its batch lasts; false = it cannot. */
  private lendEntry(address: number): boolean {
    const { ctx, stateless } = this.node;
    const view = stateless.viewOf(address);
    const flow = view === undefined ? 0 : stateless.passing(address, view);
    ctx.arena.u32[(address + S_FLOW) >>> 2] = flow;
    if (flow !== 0) ctx.arena.u16[(address + S_REASON) >>> 1] = 0;
    return flow !== 0;
  }

  private takeStateless(slot: number, address: number): void {
    if (this.node.stateless.viewOf(address) === undefined) this.park(slot, address);
    else if (this.lendEntry(address)) this.next.deliver(this.node.ctx.one(this.alone, slot), 1);
    else this.node.drop(slot, NOT_A_MEMBER);
  }

  /** There is no room for a flow that others know: its frames go on by what they say themselves, unnumbered by anybody. */
  private carryUntracked(slot: number, address: number): void {
    const { ctx, counters, flood } = this.node;
    flood.exhausted();
    if ((ctx.arena.u16[(address + S_FLAGS) >>> 1] & SF_HOLD) !== 0) {
      // A copy for the backup that this node cannot be.
      counters.values[SUPPRESSED]++;
      ctx.slots.free(slot);
      return;
    }
    counters.values[UNTRACKED]++;
    this.takeStateless(slot, address);
  }

  /** Who emits here and in the clusters beside this one, and who shadows them. */
  private chooseHops(
    flow: number,
    id: number,
    view: TopologyView,
    route: readonly NodeRef[],
    position: number,
    began: boolean,
  ): void {
    const { u16 } = this.node.ctx.arena;
    const { node } = this;
    const emitterAt = (place: number): NodeRef => {
      if (place < 0 || place >= route.length) return 0;
      const chosen = (route[place] & 0x7f) === 0 ? 0 : route[place];
      const emitter = emitterFor(view, clusterOf(route[place]), chosen, id, node.obituary);
      return emitter || node.heirs.standIn(flow, route[place]);
    };
    const own = emitterAt(position) || node.ref;
    u16[(flow + F_EMITTER) >>> 1] = own;
    u16[(flow + F_BACKUP) >>> 1] = node.heirs.shadowOf(flow, own);
    const onward = placeBeside(view, route, position, 1);
    // Whoever sends copies on sends them where every other node would, because nobody is told.
    const open = onward < route.length && nodeOf(route[onward]) === 0 && !isCopyAt(view, route, position);
    const chooseNext = (): NodeRef => this.chooseNext(id, view, route, onward, own === node.ref, began);
    const next = this.toldNext(id, view, route[onward]) ?? (open ? chooseNext() : emitterAt(onward));
    u16[(flow + F_NEXT_FWD) >>> 1] = next;
    u16[(flow + F_SHADOW_FWD) >>> 1] = node.heirs.shadowOf(flow, next);
    const previous = emitterAt(placeBeside(view, route, position, -1));
    u16[(flow + F_NEXT_REV) >>> 1] = previous;
    u16[(flow + F_SHADOW_REV) >>> 1] = node.heirs.shadowOf(flow, previous);
    if (!open || own !== node.ref) return;
    node.routing.count(flow, [next]);
    node.choices.tell(flow);
  }

  /**
   * The next hop that a sibling chose, or that the flow moved to before this node knew of it: 0 where the flow ended with
   * it, undefined where nothing was told.
   */
  private toldNext(id: number, view: TopologyView, onward: NodeRef | undefined): NodeRef | undefined {
    const { choices, obituary } = this.node;
    const told = onward === undefined ? 0 : choices.of(id, clusterOf(onward));
    return told === 0 ? undefined : emitterFor(view, clusterOf(told), told, id, obituary);
  }

  /**
   * The next hop that the route leaves open and nobody told. A flow that did not begin here was chosen for before: by
   * its hash, because another choice would have been told, and whoever is congested now.
   */
  private chooseNext(
    id: number,
    view: TopologyView,
    route: readonly NodeRef[],
    onward: number,
    emits: boolean,
    began: boolean,
  ): NodeRef {
    const { obituary, routing } = this.node;
    const cluster = clusterOf(route[onward]);
    const isHashed = !emits || (!began && view.cluster(cluster).selector === 'hash');
    if (isHashed) return hashedNode(view, cluster, id, obituary);
    const [, after] = besidesOf(view, route, onward);
    const chosen = routing.chooseIn(view, cluster, id, this.node.ref, after);
    return nodeOf(chosen) === 0 ? 0 : chosen;
  }

  private park(slot: number, address: number): void {
    if (this.parked.length >= PARKED_MAX) {
      this.node.drop(slot, UNKNOWN_TOPOLOGY);
      return;
    }
    this.node.ctx.arena.u32[(address + S_NEXT) >>> 2] = 0xffffffff;
    this.parked.push({ slot, round: this.node.ctx.round });
    this.node.inFlight++;
  }
}

/** A frame that did not prove who sent it is no sign of life. */
function isUntrusted(why: number): boolean {
  return why >= FIRST_UNTRUSTED && why <= LAST_UNTRUSTED;
}
