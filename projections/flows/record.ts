import type { ChainId, FlowId, Micros, NodeRef, Seq, WireId } from '../../domain/base/ids';
import type {
  CloneStarted,
  FloodBegan,
  FloodEnded,
  FlowBound,
  FlowEnded,
  FlowEvent,
  FlowStarted,
} from '../../domain/flow/events';

/** One life of a flow, as its events tell it. Plain data. */
export interface FlowRecord {
  readonly flow: FlowId;
  /** The event of the ingress INODE; undefined while only other nodes have told of the flow. */
  started?: FlowStarted;
  /** Whose chain said so. */
  startedBy?: ChainId;
  /** What began it, where it is a clone's life ([0084]). */
  cloned?: CloneStarted;
  /** The nodes of the path and their backups when the flow began; 0 = not chosen yet, or none. */
  route: readonly NodeRef[];
  backups: readonly NodeRef[];
  /** What egress INODEs told of its start: the nodes that the ingress had not chosen. */
  readonly completions: FlowStarted[];
  /** What changed its route, topology or copies, in the order in which it took effect; a clone's begin with its making. */
  readonly changes: FlowChange[];
  ended?: FlowEnded;
  /** When the ID began its next life, although nothing told of the end of this one. */
  supersededAt?: Micros;
}

/** A change of a flow's life, and whose chain told it. */
export interface FlowChange {
  readonly chain: ChainId;
  readonly event: Exclude<FlowEvent, FlowStarted | CloneStarted | FlowEnded | FloodBegan | FloodEnded>;
}

/** A time in which a node wrote no entries for new flows, so that no log tells of them. */
export interface Flood {
  readonly chain: ChainId;
  readonly began: FloodBegan;
  ended?: FloodEnded;
}

/** When a life was over, as far as is known; Infinity while it is not. */
export function overAt({ ended, supersededAt }: FlowRecord): Micros {
  return ended?.at ?? supersededAt ?? Infinity;
}

/** What a secondary flow ([0062]) is bound to, and who opened it; undefined for flows that entered the grid. */
export function bindingOf({ flow, changes }: FlowRecord): FlowBound | undefined {
  return bindings(changes).find((event) => event.flow === flow);
}

/** The secondary flows that functions opened because of this one. */
export function openedBy({ flow, changes }: FlowRecord): readonly FlowBound[] {
  return bindings(changes).filter((event) => event.parent === flow);
}

function bindings(changes: readonly FlowChange[]): readonly FlowBound[] {
  return changes.flatMap(({ event }) => (event.type === 'FlowBound' ? [event] : []));
}

/** Whether the flow lived at a time. */
export function livesAt(record: FlowRecord, at: Micros): boolean {
  const over = overAt(record);
  return beginOf(record) <= at && (over > at || over === Infinity);
}

/** The topology ID and the commit of the topology that the flow lives under at a time. */
export function pinnedAt(record: FlowRecord, at: Micros): { readonly wireId: WireId; readonly seq: Seq } {
  const origin = originOf(record);
  let pinned = { wireId: origin?.wireId ?? 0, seq: origin?.topologySeq ?? 0 };
  for (const { event } of record.changes) {
    if (event.at > at || event.type !== 'FlowRepinned') continue;
    pinned = { wireId: event.toWireId, seq: event.topologySeq };
  }
  return pinned;
}

/** When a change took effect on the wire. */
export function effectOf(event: FlowChange['event']): Micros {
  return event.type === 'FlowTakenOver' || event.type === 'FlowRerouted' ? event.effectiveAt : event.at;
}

/** What began a flow, or a clone. */
export function originOf({ started, cloned }: FlowRecord): FlowStarted | CloneStarted | undefined {
  return started ?? cloned;
}

/** When a life began; 0 while nobody told. */
export function beginOf(record: FlowRecord): Micros {
  return originOf(record)?.at ?? 0;
}

/** Whether its ingress INODE has told of it. */
export function hasBegun({ started }: FlowRecord): boolean {
  return started?.observedAs === 'ingress';
}

/** Whether an earlier change tells of the same move: more than one node may tell of it, some of them late. */
export function isToldAgain(changes: readonly FlowChange[], { event }: FlowChange): boolean {
  const place = changes.findIndex((change) => change.event === event);
  for (const { event: earlier } of changes.slice(0, place).reverse()) {
    if (!('from' in event) || !('from' in earlier)) continue;
    if (earlier.to === event.from) return false;
    if (earlier.from === event.from) return earlier.to === event.to && earlier.type === event.type;
  }
  return false;
}
