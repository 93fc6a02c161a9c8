import type { ChainId, FlowId, Micros } from '../../domain/base/ids';
import type { CloneStarted, FlowEnded, FlowEvent, FlowKeyText, FlowStarted } from '../../domain/flow/events';
import { canonicalAddress } from '../addresses';
import { awaitsBegin, copied, emptyLife, insert, moveLater, setRoute, supersede } from './life';
import { beginOf, bindingOf, hasBegun, openedBy, type Flood, type FlowChange, type FlowRecord } from './record';

/** Version of this fold: a checkpoint made by another version is not used. */
export const FLOWS_FOLD_VERSION = 4;

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

function endText(address: string, port: number): string {
  return `${canonicalAddress(address)} ${port}`;
}
