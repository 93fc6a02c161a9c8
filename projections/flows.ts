import {
  clusterOf,
  nodeOf,
  type ChainId,
  type FlowId,
  type Micros,
  type NodeRef,
  type Seq,
  type WireId,
} from '../domain/base/ids';
import type { FlowEnded, FlowEvent, FlowKeyText, FlowStarted } from '../domain/flow/events';
import { canonicalAddress } from './addresses';

/** Version of this fold: a checkpoint made by another version is not used. */
export const FLOWS_FOLD_VERSION = 1;

/** One life of a flow, as its events tell it. Plain data. */
export interface FlowRecord {
  readonly flow: FlowId;
  /** The event of the ingress INODE; undefined while only other nodes have told of the flow. */
  started?: FlowStarted;
  /** Whose chain said so. */
  startedBy?: ChainId;
  /** The nodes of the path and their backups when the flow began; 0 = not chosen yet, or none. */
  route: readonly NodeRef[];
  backups: readonly NodeRef[];
  /** What changed its route, topology or copies, in the order in which it took effect. */
  readonly changes: FlowChange[];
  ended?: FlowEnded;
}

/** A change of a flow's life, and whose chain told it. */
export interface FlowChange {
  readonly chain: ChainId;
  readonly event: Exclude<FlowEvent, FlowStarted | FlowEnded>;
}

/** Where a flow goes through one cluster, and the change that made it so (undefined: since its start). */
export interface Stop {
  readonly node: NodeRef;
  readonly backup: NodeRef;
  readonly because?: FlowChange;
}

/** What {@link FlowsProjection.checkpoint} gives: plain data. */
export interface FlowsCheckpoint {
  readonly version: number;
  readonly positions: { readonly [chain: ChainId]: number };
  readonly records: readonly FlowRecord[];
}

/**
 * Every flow that the chains tell of: key, type, path, the nodes it went through over time and the events that changed
 * them. Chains may be folded in any order; between chains, order is that of the events' own times.
 */
export class FlowsProjection {
  private readonly lives = new Map<FlowId, FlowRecord[]>();
  private readonly positions = new Map<ChainId, number>();

  static restore(checkpoint: FlowsCheckpoint): FlowsProjection | undefined {
    if (checkpoint.version !== FLOWS_FOLD_VERSION) return undefined;
    const projection = new FlowsProjection();
    for (const record of checkpoint.records) projection.push({ ...record, changes: [...record.changes] });
    for (const [chain, number] of Object.entries(checkpoint.positions)) projection.positions.set(chain, number);
    return projection;
  }

  /** The state as plain data, to go on from later with batches after {@link position}. */
  checkpoint(): FlowsCheckpoint {
    const records = [...this.records()].map((record) => ({ ...record, changes: [...record.changes] }));
    return { version: FLOWS_FOLD_VERSION, positions: Object.fromEntries(this.positions), records };
  }

  /** Number of the newest batch folded of a chain. */
  position(chain: ChainId): number {
    return this.positions.get(chain) ?? 0;
  }

  /** Folds one batch; batches of one chain come in order, a repeat is ignored. */
  applyBatch(chain: ChainId, number: number, events: readonly FlowEvent[]): void {
    if (number <= this.position(chain)) return;
    this.positions.set(chain, number);
    for (const event of events) this.apply(chain, event);
  }

  apply(chain: ChainId, event: FlowEvent): void {
    switch (event.type) {
      case 'FlowStarted':
        return this.start(chain, event);
      case 'FlowEnded':
        return this.end(event);
      default:
        return this.change(chain, event);
    }
  }

  /** Every life of every flow, in the order in which the flows were first told of. */
  *records(): Iterable<FlowRecord> {
    for (const lives of this.lives.values()) yield* lives;
  }

  /** The lives of one flow ID, oldest first. */
  find(flow: FlowId): readonly FlowRecord[] {
    return this.lives.get(flow) ?? [];
  }

  /** Flows whose first connection has these ends, either way round. */
  findByEnds({ proto, a, aPort, b, bPort }: Omit<FlowKeyText, 'vlan'>): FlowRecord[] {
    const one = endText(a, aPort);
    const other = endText(b, bPort);
    return [...this.records()].filter((record) => {
      const key = record.started?.key;
      if (key === undefined || key.proto !== proto) return false;
      const [from, to] = [endText(key.a, key.aPort), endText(key.b, key.bPort)];
      return (from === one && to === other) || (from === other && to === one);
    });
  }

  private start(chain: ChainId, event: FlowStarted): void {
    const record = this.lifeAt(event.flow, event.at, event.observedAs === 'ingress');
    if (event.observedAs === 'ingress' && record.started?.observedAs !== 'ingress') {
      record.started = event;
      record.startedBy = chain;
    }
    record.started ??= event;
    record.startedBy ??= chain;
    record.route = completed(record.route, event.route);
    record.backups = completed(record.backups, event.backups);
  }

  private end(event: FlowEnded): void {
    this.lifeAt(event.flow, event.at, false).ended ??= event;
  }

  private change(chain: ChainId, event: FlowChange['event']): void {
    const { changes } = this.lifeAt(event.flow, event.at, false);
    let at = changes.length;
    while (at > 0 && effectOf(changes[at - 1]!.event) > effectOf(event)) at--;
    changes.splice(at, 0, { chain, event });
  }

  /**
   * The life that an event at this time belongs to. An ID is given again only long after its flow ended, so an event
   * after the end is a straggler unless it is a start.
   */
  private lifeAt(flow: FlowId, at: Micros, begins: boolean): FlowRecord {
    const lives = this.lives.get(flow);
    const last = lives?.at(-1);
    if (last !== undefined && !(begins && last.ended !== undefined && at > last.ended.at)) {
      return lives!.findLast((life) => (life.started?.at ?? 0) <= at) ?? lives![0]!;
    }
    return this.push({ flow, route: [], backups: [], changes: begins ? laterChanges(last) : [] });
  }

  private push(record: FlowRecord): FlowRecord {
    const lives = this.lives.get(record.flow);
    if (lives === undefined) this.lives.set(record.flow, [record]);
    else lives.push(record);
    return record;
  }
}

/** Whether the flow lived at a time. */
export function livesAt(record: FlowRecord, at: Micros): boolean {
  return (record.started?.at ?? 0) <= at && (record.ended === undefined || record.ended.at > at);
}

/** The route in force at a time: for each cluster of the path the node, its backup, and what made it so. */
export function routeAt(record: FlowRecord, at: Micros): readonly Stop[] {
  let stops: readonly Stop[] = record.route.map((node, i) => ({ node, backup: record.backups[i] ?? 0 }));
  for (const change of record.changes) {
    const { event } = change;
    if (effectOf(event) > at) break;
    if (event.type === 'FlowTakenOver') {
      stops = moved(stops, event.from, { node: event.to, backup: event.backup, because: change });
    } else if (event.type === 'FlowRerouted') {
      stops = moved(stops, event.from, { node: event.to, backup: 0, because: change });
    }
  }
  return stops;
}

/** The topology ID and the commit of the topology that the flow lives under at a time. */
export function pinnedAt(record: FlowRecord, at: Micros): { readonly wireId: WireId; readonly seq: Seq } {
  let pinned = { wireId: record.started?.wireId ?? 0, seq: record.started?.topologySeq ?? 0 };
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

/** Changes that came before the start they belong to, and were taken for stragglers of the life before. */
function laterChanges(before: FlowRecord | undefined): FlowChange[] {
  if (before?.ended === undefined) return [];
  const end = before.ended.at;
  const at = before.changes.findIndex(({ event }) => effectOf(event) > end);
  return at < 0 ? [] : before.changes.splice(at);
}

function moved(stops: readonly Stop[], from: NodeRef, to: Stop): readonly Stop[] {
  const at = stops.findIndex((stop) => stop.node === from);
  // Neighbours on both sides may tell of the same move: the second finds it done.
  if (at >= 0) return stops.map((stop, i) => (i === at ? to : stop));
  const isKnown = stops.some((stop) => clusterOf(stop.node) === clusterOf(from));
  return isKnown ? stops : [...stops, to];
}

/** Fills in what one end knew and the other did not. */
function completed(known: readonly NodeRef[], told: readonly NodeRef[]): readonly NodeRef[] {
  if (known.length === 0) return told;
  return known.map((node, i) => (nodeOf(node) === 0 ? (told[i] ?? node) : node));
}

function endText(address: string, port: number): string {
  return `${canonicalAddress(address)} ${port}`;
}
