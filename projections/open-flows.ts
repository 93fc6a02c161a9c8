import type { ChainId, FlowId, Micros } from '../domain/base/ids';
import { isOfFlood, type FlowEvent } from '../domain/flow/events';
import { effectOf } from './flows';

/** Version of this fold: a checkpoint made by another version is not used. */
export const OPEN_FLOWS_FOLD_VERSION = 1;

/** How long a flow that is over is remembered, so that what another chain tells of it later begins no new life. */
export const OVER_KEPT_US = 2_000_000;

/** A flow that nothing has ended, and the chain that told of it first. */
export interface OpenFlow {
  readonly flow: FlowId;
  readonly chain: ChainId;
}

/** How far a chain was folded: the newest batch, and SHA-256 of its bytes. */
export interface ChainPosition {
  readonly chain: ChainId;
  readonly number: number;
  readonly hash: string;
}

/** What {@link OpenFlows.checkpoint} gives: plain data. */
export interface OpenFlowsCheckpoint {
  readonly version: number;
  readonly latest: Micros;
  readonly positions: readonly ChainPosition[];
  /** `[flow, begin, over or 0, begun by its ingress, place of the chain in positions]`. */
  readonly lives: readonly (readonly [FlowId, Micros, Micros, 0 | 1, number])[];
}

/** The newest life of a flow. */
interface Life {
  begin: Micros;
  /** Infinity while nothing has ended it. */
  over: Micros;
  /** Whether its ingress INODE has told of it. */
  begun: boolean;
  chain: ChainId;
}

/**
 * Which flows are open, and the latest moment that the chains tell of: what a program needs that takes up what another
 * one left. It agrees with {@link FlowsProjection} about every flow that is open there, but forgets what is over, so that
 * it is bounded by the flows that live and not by history. A flow of which chains tell out of order may count as open
 * although it is not: ending it once more changes nothing.
 */
export class OpenFlows {
  /** The latest moment that any event tells of. */
  latest: Micros = 0;
  private readonly lives = new Map<FlowId, Life>();
  private readonly positions = new Map<ChainId, ChainPosition>();

  /** Undefined for a checkpoint of another version. */
  static restore({ version, latest, positions, lives }: OpenFlowsCheckpoint): OpenFlows | undefined {
    if (version !== OPEN_FLOWS_FOLD_VERSION) return undefined;
    const fold = new OpenFlows();
    fold.latest = latest;
    for (const position of positions) fold.positions.set(position.chain, position);
    for (const [flow, begin, over, begun, place] of lives) {
      const chain = positions[place]?.chain ?? '';
      fold.lives.set(flow, { begin, over: over === 0 ? Infinity : over, begun: begun === 1, chain });
    }
    return fold;
  }

  /** The state as plain data; forgets what has been over for {@link OVER_KEPT_US}. */
  checkpoint(): OpenFlowsCheckpoint {
    this.forget();
    const positions = [...this.positions.values()];
    const places = new Map(positions.map(({ chain }, place) => [chain, place]));
    const lives = Array.from(this.lives, ([flow, { begin, over, begun, chain }]) => {
      return [flow, begin, over === Infinity ? 0 : over, begun ? 1 : 0, places.get(chain) ?? -1] as const;
    });
    return { version: OPEN_FLOWS_FOLD_VERSION, latest: this.latest, positions, lives };
  }

  /** How far each chain was folded. */
  chains(): Iterable<ChainPosition> {
    return this.positions.values();
  }

  /** The newest batch folded of a chain; undefined before the first. */
  position(chain: ChainId): ChainPosition | undefined {
    return this.positions.get(chain);
  }

  /** Flows remembered, those that were over a moment ago included. */
  get size(): number {
    return this.lives.size;
  }

  /** Folds one batch, whose bytes have this hash; batches of one chain come in order, a repeat is ignored. */
  applyBatch(position: ChainPosition, events: readonly FlowEvent[]): void {
    if (position.number <= (this.position(position.chain)?.number ?? 0)) return;
    this.positions.set(position.chain, position);
    for (const event of events) this.apply(position.chain, event);
  }

  /** The flows that nothing has ended. */
  *open(): Iterable<OpenFlow> {
    for (const [flow, { over, chain }] of this.lives) if (over === Infinity) yield { flow, chain };
  }

  private apply(chain: ChainId, event: FlowEvent): void {
    const { flow, at } = event;
    // What was found of a clone comes behind its end.
    if (isOfFlood(event) || event.type === 'CloneCompared') {
      this.latest = Math.max(this.latest, at);
      return;
    }
    const life = this.lives.get(flow);
    const isChange = event.type !== 'FlowStarted' && event.type !== 'CloneStarted' && event.type !== 'FlowEnded';
    this.latest = Math.max(this.latest, at, isChange ? effectOf(event) : 0);
    const isBegin = event.type === 'CloneStarted' || (event.type === 'FlowStarted' && event.observedAs === 'ingress');
    if (isBegin) this.begin(chain, flow, at, life);
    else if (event.type === 'FlowEnded') this.end(chain, flow, at, life);
    else if (life === undefined) {
      this.lives.set(flow, { begin: isChange ? 0 : at, over: Infinity, begun: false, chain });
    } else if (!isChange && !life.begun && life.begin === 0) life.begin = at;
  }

  /** A life begins, or others have told of it before; what began before the newest life is over already. */
  private begin(chain: ChainId, flow: FlowId, at: Micros, life: Life | undefined): void {
    if (life === undefined) this.lives.set(flow, { begin: at, over: Infinity, begun: true, chain });
    else if (!life.begun && life.over > at) Object.assign(life, { begin: at, begun: true, chain });
    else if (!life.begun || at > life.begin)
      Object.assign(life, { begin: at, begun: true, chain, over: endAfter(life.over, at) });
  }

  private end(chain: ChainId, flow: FlowId, at: Micros, life: Life | undefined): void {
    if (life === undefined) this.lives.set(flow, { begin: 0, over: at, begun: false, chain });
    else if (life.begin <= at && life.over === Infinity) life.over = at;
  }

  private forget(): void {
    for (const [flow, { over }] of this.lives) if (over < this.latest - OVER_KEPT_US) this.lives.delete(flow);
  }
}

/** An end told before the beginning that it belongs to. */
function endAfter(over: Micros, begin: Micros): Micros {
  return over > begin ? over : Infinity;
}
