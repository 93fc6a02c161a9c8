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
import {
  changesPath,
  type CloneStarted,
  type FloodBegan,
  type FloodEnded,
  type FlowBound,
  type FlowEnded,
  type FlowEvent,
  type FlowKeyText,
  type FlowStarted,
} from '../domain/flow/events';
import { canonicalAddress } from './addresses';

/** Version of this fold: a checkpoint made by another version is not used. */
export const FLOWS_FOLD_VERSION = 4;

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
  readonly floods: readonly Flood[];
}

/**
 * Every flow that the chains tell of: key, type, path, the nodes it went through over time and the events that changed
 * them. Chains may be folded in any order; between chains, order is that of the events' own times.
 */
export class FlowsProjection {
  private readonly lives = new Map<FlowId, FlowRecord[]>();
  private readonly positions = new Map<ChainId, number>();
  private readonly told: Flood[] = [];

  static restore(checkpoint: FlowsCheckpoint): FlowsProjection | undefined {
    if (checkpoint.version !== FLOWS_FOLD_VERSION) return undefined;
    const projection = new FlowsProjection();
    for (const record of checkpoint.records) projection.push(copied(record));
    for (const flood of checkpoint.floods) projection.told.push({ ...flood });
    for (const [chain, number] of Object.entries(checkpoint.positions)) projection.positions.set(chain, number);
    return projection;
  }

  /** The state as plain data, to go on from later with batches after {@link position}. */
  checkpoint(): FlowsCheckpoint {
    const records = [...this.records()].map(copied);
    return {
      version: FLOWS_FOLD_VERSION,
      positions: Object.fromEntries(this.positions),
      records,
      floods: this.told.map((flood) => ({ ...flood })),
    };
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
      case 'CloneStarted':
        return this.startClone(chain, event);
      case 'FlowEnded':
        return this.end(event);
      case 'FloodBegan':
        this.told.push({ chain, began: event });
        return;
      case 'FloodEnded': {
        const flood = this.told.findLast((each) => each.chain === chain && each.ended === undefined);
        if (flood !== undefined) flood.ended = event;
        return;
      }
      default:
        return this.change(chain, event);
    }
  }

  /** Every life of every flow, in the order in which the flows were first told of. */
  *records(): Iterable<FlowRecord> {
    for (const lives of this.lives.values()) yield* lives;
  }

  /** When nodes wrote no entries for new flows, in the order in which they told of it. */
  get floods(): readonly Flood[] {
    return this.told;
  }

  /** The lives of one flow ID, oldest first. */
  find(flow: FlowId): readonly FlowRecord[] {
    return this.lives.get(flow) ?? [];
  }

  /** Of a secondary flow ([0062]) the life of its primary; and of any flow those that functions opened because of it. */
  relativesOf(record: FlowRecord): { readonly primary: FlowRecord | undefined; readonly secondary: FlowRecord[] } {
    const lifeOf = (flow: FlowId, at: Micros): FlowRecord[] => {
      const life = this.find(flow).findLast((each) => beginOf(each) <= at);
      return life === undefined ? [] : [life];
    };
    const bound = bindingOf(record);
    return {
      primary: bound === undefined ? undefined : lifeOf(bound.parent, bound.at)[0],
      secondary: openedBy(record).flatMap(({ flow, at }) => lifeOf(flow, at)),
    };
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
    if (event.observedAs === 'ingress') return this.begin(chain, event);
    const life = this.lifeAt(event.flow, event.at);
    life.completions.push(event);
    life.started ??= event;
    life.startedBy ??= chain;
    setRoute(life);
  }

  /**
   * The ingress INODE says that a life begins, so every life before it is over: also one whose end was never told,
   * because the node lost its memory with its process and gave the same connection the same ID again.
   */
  private begin(chain: ChainId, event: FlowStarted): void {
    const lives = this.lives.get(event.flow) ?? [];
    const place = lives.findLastIndex((life) => beginOf(life) <= event.at || awaitsBegin(life, event.at));
    const known = lives[place];
    if (known !== undefined && hasBegun(known) && beginOf(known) === event.at) return;
    if (known !== undefined && awaitsBegin(known, event.at)) {
      known.started = event;
      known.startedBy = chain;
      setRoute(known);
      return;
    }
    const life: FlowRecord = { ...emptyLife(event.flow), started: event, startedBy: chain };
    const next = lives[place + 1];
    if (next !== undefined) supersede(life, beginOf(next));
    if (known !== undefined) {
      moveLater(known, life);
      supersede(known, event.at);
    }
    setRoute(life);
    lives.splice(place + 1, 0, life);
    this.lives.set(event.flow, lives);
  }

  private end(event: FlowEnded): void {
    const life = this.lifeAt(event.flow, event.at);
    if (life.ended !== undefined) return;
    life.ended = event;
    delete life.supersededAt;
  }

  private change(chain: ChainId, event: FlowChange['event']): void {
    insert(this.lifeAt(event.flow, event.at).changes, { chain, event });
    if (event.type === 'FlowBound') insert(this.lifeAt(event.parent, event.at).changes, { chain, event });
    if (event.type === 'FlowReplicated') insert(this.beginClone(event.clone, event.at).changes, { chain, event });
  }

  private startClone(chain: ChainId, event: CloneStarted): void {
    const life = this.beginClone(event.flow, event.at);
    if (life.cloned !== undefined) return;
    life.cloned = event;
    life.startedBy = chain;
    life.route = event.route;
    life.backups = event.backups;
  }

  /** A clone's life begins with the word of its original, or its own; one that is on stays the same. */
  private beginClone(clone: FlowId, at: Micros): FlowRecord {
    const known = this.lives.get(clone)?.at(-1);
    const isOver = known?.ended !== undefined || (known?.cloned !== undefined && known.cloned.at < at);
    if (known !== undefined && !isOver) return known;
    if (known !== undefined) supersede(known, at);
    return this.push(emptyLife(clone));
  }

  /** The life that an observation of this time belongs to: the newest that had begun; what comes first makes one. */
  private lifeAt(flow: FlowId, at: Micros): FlowRecord {
    const lives = this.lives.get(flow) ?? [];
    return lives.findLast((life) => beginOf(life) <= at) ?? lives[0] ?? this.push(emptyLife(flow));
  }

  private push(record: FlowRecord): FlowRecord {
    const lives = this.lives.get(record.flow);
    if (lives === undefined) this.lives.set(record.flow, [record]);
    else lives.push(record);
    return record;
  }
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

/** The route in force at a time: for each cluster of the path the node, its backup, and what made it so. */
export function routeAt(record: FlowRecord, at: Micros): readonly Stop[] {
  let stops: readonly Stop[] = record.route.map((node, i) => ({ node, backup: record.backups[i] ?? 0 }));
  /** Moves from nodes that the flow was not known to be at, because who took it there died and others tell of it late. */
  const early = new Map<NodeRef, Stop>();
  const seen = record.completions.filter((completion) => completion.at <= at).sort((a, b) => a.at - b.at);
  for (const change of record.changes) {
    const { event } = change;
    if (effectOf(event) > at) break;
    if (event.type !== 'FlowTakenOver' && event.type !== 'FlowRerouted') continue;
    while (seen.length > 0 && seen[0]!.at < effectOf(event)) stops = corrected(stops, seen.shift()!);
    if (event.type === 'FlowRerouted' && changesPath(event)) {
      stops = diverted(stops, event.from, { node: event.to, backup: 0, because: change });
      continue;
    }
    const backup = event.type === 'FlowTakenOver' ? event.backup : 0;
    const isKnown = stops.some(({ node }) => node === event.from);
    stops = moved(stops, event.from, { node: event.to, backup, because: change });
    if (!isKnown && !wasLeft(record, change)) early.set(event.from, { node: event.to, backup, because: change });
    for (let next = early.get(event.to); isKnown && next !== undefined; next = early.get(next.node)) {
      early.delete(nodeThat(next));
      stops = moved(stops, nodeThat(next), next);
    }
  }
  return seen.reduce(corrected, stops);
}

/** The flow leaves out the cluster of `from`, or goes on from it to another one before the next. */
function diverted(stops: readonly Stop[], from: NodeRef, to: Stop): readonly Stop[] {
  if (to.node === 0) return stops.filter((stop) => clusterOf(stop.node) !== clusterOf(from));
  const others = stops.filter((stop) => clusterOf(stop.node) !== clusterOf(to.node));
  const place = others.findIndex((stop) => clusterOf(stop.node) === clusterOf(from));
  return others.toSpliced(place + 1, 0, to);
}

/**
 * The route as the egress saw it: where the first frames died on their way, it is the one that the next ones found, and
 * nobody else could tell.
 */
function corrected(stops: readonly Stop[], { route, backups }: FlowStarted): readonly Stop[] {
  return stops.map((stop) => {
    // The egress may have seen clusters that the flow was not to visit when it began.
    const i = route.findIndex((ref) => clusterOf(ref) === clusterOf(stop.node));
    const seen = route[i] ?? 0;
    const isOther = seen !== stop.node && nodeOf(seen) !== 0;
    return isOther ? { node: seen, backup: backups[i] ?? 0 } : stop;
  });
}

/** The node that a move leads away from. */
function nodeThat({ because }: Stop): NodeRef {
  return because !== undefined && 'from' in because.event ? because.event.from : 0;
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

/** Whether an earlier change had led the flow away from there already: neighbours on both sides tell of one move. */
function wasLeft({ changes }: FlowRecord, { event }: FlowChange): boolean {
  const earlier = changes.slice(
    0,
    changes.findIndex((change) => change.event === event),
  );
  return earlier.some((change) => 'from' in change.event && 'from' in event && change.event.from === event.from);
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

function copied(record: FlowRecord): FlowRecord {
  return { ...record, completions: [...record.completions], changes: [...record.changes] };
}

function emptyLife(flow: FlowId): FlowRecord {
  return { flow, route: [], backups: [], completions: [], changes: [] };
}

/** Whether its ingress INODE has told of it. */
function hasBegun({ started }: FlowRecord): boolean {
  return started?.observedAs === 'ingress';
}

/** What began a flow, or a clone. */
export function originOf({ started, cloned }: FlowRecord): FlowStarted | CloneStarted | undefined {
  return started ?? cloned;
}

function beginOf(record: FlowRecord): Micros {
  return originOf(record)?.at ?? 0;
}

/** Whether a life that others told of first may be the one that the ingress INODE says began at this time. */
function awaitsBegin(life: FlowRecord, at: Micros): boolean {
  return !hasBegun(life) && (life.ended === undefined || life.ended.at > at);
}

function supersede(life: FlowRecord, at: Micros): void {
  if (life.ended === undefined) life.supersededAt = Math.min(at, life.supersededAt ?? at);
}

/** What was told of a new life before its start was known stands in the life before: it moves over. */
function moveLater(before: FlowRecord, life: FlowRecord): void {
  const at = beginOf(life);
  take(before.completions, (event) => event.at >= at).forEach((event) => life.completions.push(event));
  take(before.changes, ({ event }) => event.at >= at).forEach((change) => insert(life.changes, change));
  if (before.ended !== undefined && before.ended.at > at) {
    life.ended = before.ended;
    delete life.supersededAt;
    delete before.ended;
  }
  setRoute(before);
}

/** Removes and returns what matches, in its order. */
function take<Item>(items: Item[], matches: (item: Item) => boolean): Item[] {
  const taken = items.filter(matches);
  if (taken.length > 0) items.splice(0, items.length, ...items.filter((item) => !matches(item)));
  return taken;
}

/** In the order in which changes took effect; of two at once, the one told first. */
function insert(changes: FlowChange[], change: FlowChange): void {
  let at = changes.length;
  while (at > 0 && effectOf(changes[at - 1]!.event) > effectOf(change.event)) at--;
  changes.splice(at, 0, change);
}

/** The route of a life's beginning, from what all who saw it begin know. */
function setRoute(life: FlowRecord): void {
  const told = life.started === undefined ? life.completions : [life.started, ...life.completions];
  life.route = told.reduce<readonly NodeRef[]>((route, event) => completed(route, along(told, event, event.route)), []);
  life.backups = told.reduce<readonly NodeRef[]>(
    (backups, event) => completed(backups, along(told, event, event.backups)),
    [],
  );
}

/** What one end told, by the clusters of the path that the first told: a function may have put others in on the way. */
function along(told: readonly FlowStarted[], { route }: FlowStarted, list: readonly NodeRef[]): readonly NodeRef[] {
  return told[0]!.route.map((first) => list[route.findIndex((ref) => clusterOf(ref) === clusterOf(first))] ?? 0);
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
  return known.map((node, i) => (nodeOf(node) === 0 ? told[i] || node : node));
}

function endText(address: string, port: number): string {
  return `${canonicalAddress(address)} ${port}`;
}
