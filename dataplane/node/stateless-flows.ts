import { clusterOf, nodeOf, nodeRef, type ClusterId, type FlowId, type NodeRef } from '../../domain/base/ids';
import {
  D_COUNT,
  D_FLAGS,
  D_FLOW_ID,
  D_FLOW_TYPE,
  D_LIST,
  D_WIRE_ID,
  DF_FLOOD,
  DF_REPLICA,
  F_AUX,
  F_BACKUP,
  F_COUNT,
  F_EMITTER,
  F_ID,
  F_NET_FWD,
  F_NET_REV,
  F_NEXT_FWD,
  F_NEXT_REV,
  F_PATH,
  F_STATE,
  F_TYPE,
  F_WIRE,
  FLOW_SIZE,
  FS_FULL_ROUTE,
  FS_REPLICA,
  FS_STATELESS,
  FS_USED,
  PATH_COUNT_MAX,
  S_DESCRIPTOR,
  S_LEN,
  S_OFF,
  S_REVERSE,
} from '../frames/layout';
import { pathOf } from '../select/path-policy';
import { hashedNode } from '../select/route';
import { statelessNode, type Leg } from '../select/stateless-route';
import type { TopologyView } from '../select/topology-view';
import { BATCH } from './context';
import type { Node } from './node';

/** Entries used in turn: a batch never needs more, and no frame needs its entry for longer than its batch. */
const PLACES = 2 * BATCH;

/** The networks that a path joins, found once for all frames that carry the same list. */
interface Ends {
  readonly view: TopologyView;
  readonly flowType: number;
  readonly clusters: readonly ClusterId[];
  readonly path: number;
  readonly initiator: number;
  readonly responder: number;
  /** Of routed frames: the network that they are routed to, negative where that is the initiator's. */
  readonly routed: number;
}

/** Different paths remembered; with more the oldest are found again. */
const ENDS_MAX = 64;

/**
 * Flow entries for frames whose flow has none: they stand in no table, are filled from what the frame itself says, and
 * serve other frames after its batch. So the rest of a node treats all frames alike, and nothing is remembered.
 */
export class StatelessFlows {
  private readonly first: number;
  private readonly lists: number;
  private readonly aux = new Int32Array(PLACES).fill(-1);
  private readonly ends: Ends[] = [];
  private next = 0;
  /** Some entry lent has had a cluster beside it that gets copies. */
  private copies = false;

  constructor(private readonly node: Node) {
    this.first = node.ctx.arena.allocate(PLACES * FLOW_SIZE, 128);
    this.lists = node.ctx.arena.allocate(PLACES * 2 * PATH_COUNT_MAX);
  }

  /** Whether a flow entry is one of these. */
  has(flow: number): boolean {
    return flow >= this.first && flow < this.first + PLACES * FLOW_SIZE;
  }

  /** Whether a frame says that its flow has no entry (flag 7). */
  isFlagged(address: number): boolean {
    return (this.node.ctx.arena.u8[address + S_DESCRIPTOR + D_FLAGS] & DF_FLOOD) !== 0;
  }

  /**
   * An entry for a frame that entered here, chosen under `view`: this node's part is the path's first place, or, for
   * reverse frames, its last. 0 when a cluster has nobody left.
   */
  entering(view: TopologyView, leg: Leg, id: FlowId, reverse: boolean): number {
    if (!leg.itinerary.ok) return 0;
    const { obituary, ctx } = this.node;
    const { u8, u16 } = ctx.arena;
    const { clusters } = leg.itinerary;
    const own = reverse ? clusters.length - 1 : 0;
    const flow = this.take(view, id, leg.policy.flowType, clusters.length, own);
    const list = this.listOf(flow);
    for (let i = 0; i < clusters.length; i++) {
      const ref = i === own ? this.node.ref : statelessNode(view, clusters, i, id, obituary, ctx.topologies.latest);
      if (ref === 0 && view.cluster(clusters[i]).mode !== 'copy') return 0;
      u8[list + 2 * i] = clusters[i];
      u8[list + 2 * i + 1] = nodeOf(ref);
    }
    this.node.side.path[this.node.aux(flow)] = leg.path.id;
    u16[(flow + F_NET_FWD) >>> 1] = leg.from;
    u16[(flow + F_NET_REV) >>> 1] = leg.path.to;
    this.nameHops(flow, view, id, list, clusters.length, own);
    return flow;
  }

  /** An entry for a frame from an internal link, as its descriptor says. 0: this node is not on its path. */
  passing(address: number, view: TopologyView): number {
    const { u8, u16, u32, view: bytes } = this.node.ctx.arena;
    const descriptor = address + S_DESCRIPTOR;
    const count = u8[descriptor + D_COUNT];
    const id = bytes.getUint32(descriptor + D_FLOW_ID);
    const type = bytes.getUint16(descriptor + D_FLOW_TYPE);
    const reverse = u8[address + S_REVERSE] !== 0;
    let position = -1;
    for (let i = 0; i < count; i++) {
      const cluster = u8[descriptor + D_LIST + 2 * i];
      if (!view.hasCluster(cluster)) return 0;
      if (cluster === this.node.cluster && position < 0) position = reverse ? count - 1 - i : i;
    }
    if (position < 0) return 0;
    const flow = this.take(view, id, type, count, position);
    const list = this.listOf(flow);
    for (let i = 0; i < count; i++) {
      const at = descriptor + D_LIST + 2 * (reverse ? count - 1 - i : i);
      u8[list + 2 * i] = u8[at];
      u8[list + 2 * i + 1] = u8[at + 1] & 0x7f;
    }
    this.nameHops(flow, view, id, list, count, position);
    if ((u8[descriptor + D_FLAGS] & DF_REPLICA) !== 0) u32[(flow + F_STATE) >>> 2] |= FS_REPLICA;
    if (position === 0 || position === count - 1) {
      const frame = address + u32[(address + S_OFF) >>> 2];
      const routed = view.routing.networkOfFrame(u8, frame, u32[(address + S_LEN) >>> 2]);
      const ends = this.endsOf(view, type, list, count, reverse ? -routed : routed);
      u16[(flow + F_NET_FWD) >>> 1] = ends?.initiator ?? 0;
      u16[(flow + F_NET_REV) >>> 1] = ends?.responder ?? 0;
      this.node.side.path[this.node.aux(flow)] = ends?.path ?? 0;
    }
    return flow;
  }

  /** The topology that a frame from an internal link names; undefined where it is not installed. */
  viewOf(address: number): TopologyView | undefined {
    const { ctx } = this.node;
    return ctx.topologies.of(ctx.arena.u8[address + S_DESCRIPTOR + D_WIRE_ID]);
  }

  private take(view: TopologyView, id: FlowId, type: number, count: number, position: number): number {
    const { u8, u16, u32 } = this.node.ctx.arena;
    const { side } = this.node;
    const place = this.next;
    this.next = (place + 1) % PLACES;
    if (this.aux[place] < 0) this.aux[place] = side.allocate(view);
    const aux = this.aux[place];
    side.view[aux] = view;
    side.position[aux] = position;
    const flow = this.first + place * FLOW_SIZE;
    u32.fill(0, flow >>> 2, (flow + FLOW_SIZE) >>> 2);
    u32[(flow + F_ID) >>> 2] = id;
    u32[(flow + F_STATE) >>> 2] = FS_USED | FS_FULL_ROUTE | FS_STATELESS;
    u16[(flow + F_TYPE) >>> 1] = type;
    u8[flow + F_WIRE] = view.topology.wireId;
    u8[flow + F_COUNT] = count;
    u32[(flow + F_PATH) >>> 2] = this.lists + place * 2 * PATH_COUNT_MAX;
    u32[(flow + F_AUX) >>> 2] = aux;
    u16[(flow + F_EMITTER) >>> 1] = this.node.ref;
    u16[(flow + F_BACKUP) >>> 1] = 0;
    return flow;
  }

  private listOf(flow: number): number {
    return this.node.ctx.arena.u32[(flow + F_PATH) >>> 2];
  }

  /** Who is next in either direction, past clusters that get copies only, and who gets a copy. */
  private nameHops(flow: number, view: TopologyView, id: FlowId, list: number, count: number, position: number): void {
    const { u16 } = this.node.ctx.arena;
    const { side } = this.node;
    const aux = this.node.aux(flow);
    const isCopy = this.isCopyAt(view, list, count, position);
    for (let step = 1; step >= -1; step -= 2) {
      let place = position + step;
      let copy = 0;
      if (!isCopy && this.isCopyAt(view, list, count, place)) copy = this.hop(view, id, list + 2 * place);
      while (!isCopy && this.isCopyAt(view, list, count, place)) place += step;
      const next = place < 0 || place >= count ? 0 : this.hop(view, id, list + 2 * place);
      u16[(flow + (step > 0 ? F_NEXT_FWD : F_NEXT_REV)) >>> 1] = next;
      if (step > 0) side.copyFwd[aux] = copy;
      else side.copyRev[aux] = copy;
      if (copy === 0 || this.copies) continue;
      // Counted once for all entries lent from here on.
      this.copies = true;
      side.copying++;
    }
  }

  /** Whether the stage at a place gets copies only; the ends of a path never do. */
  private isCopyAt(view: TopologyView, list: number, count: number, place: number): boolean {
    if (place <= 0 || place >= count - 1) return false;
    return view.cluster(this.node.ctx.arena.u8[list + 2 * place]).mode === 'copy';
  }

  /** The node that the list names, or, where it has died since, the next one in the order of its cluster; 0 = none. */
  private hop(view: TopologyView, id: FlowId, element: number): NodeRef {
    const { u8 } = this.node.ctx.arena;
    const ref = nodeRef(u8[element], u8[element + 1]);
    const { obituary } = this.node;
    if (nodeOf(ref) !== 0 && !obituary.isDeadIn(view, ref)) return ref;
    return hashedNode(view, clusterOf(ref), id, obituary);
  }

  private endsOf(view: TopologyView, flowType: number, list: number, count: number, routed: number): Ends | undefined {
    for (const ends of this.ends)
      if (ends.routed === routed && this.isFor(ends, view, flowType, list, count)) return ends;
    const { u8 } = this.node.ctx.arena;
    const clusters = Array.from({ length: count }, (_, i) => u8[list + 2 * i]);
    const path = pathOf(view, flowType, clusters, Math.max(0, routed));
    if (path === undefined) return undefined;
    const entrance = path.from.find((id) => view.network(id)?.cluster === clusters[0]) ?? 0;
    const initiator = path.from.includes(-routed) ? -routed : entrance;
    const ends = { view, flowType, clusters, path: path.id, initiator, responder: path.to, routed };
    if (this.ends.length >= ENDS_MAX) this.ends.shift();
    this.ends.push(ends);
    return ends;
  }

  private isFor(ends: Ends, view: TopologyView, flowType: number, list: number, count: number): boolean {
    if (ends.view !== view || ends.flowType !== flowType || ends.clusters.length !== count) return false;
    const { u8 } = this.node.ctx.arena;
    for (let i = 0; i < count; i++) if (ends.clusters[i] !== u8[list + 2 * i]) return false;
    return true;
  }
}
