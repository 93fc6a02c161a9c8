import type { ClusterId, Millis, NodeId } from '../base/ids';
import type { EventOf } from '../message';
import type { Measures } from './load';
import type { Metric } from './settings';

export type Verdict = 'out' | 'in' | 'stay';

/**
 * Why. `load`: it is out of its band. `schedule`, `minimum`, `maximum`: the count is. To stay: `in-band`; `at-maximum`,
 * `at-minimum`, `no-spare`: there is none to add or to take; `enough`: fewer nodes would carry too much; `steady`: the
 * load is about what it was when the size was changed the other way; `too-few-before`: as few could not keep the latency
 * at this load; `cooling-down`; `under-way`: the last decision is being carried out; `no-loads`: nobody has told loads for
 * a whole window.
 */
export type Reason =
  | 'load'
  | 'schedule'
  | 'minimum'
  | 'maximum'
  | 'in-band'
  | 'at-maximum'
  | 'at-minimum'
  | 'no-spare'
  | 'enough'
  | 'steady'
  | 'too-few-before'
  | 'cooling-down'
  | 'under-way'
  | 'no-loads';

/** Whether a cluster shall grow, shrink or stay, and every number that this was decided on. Integers only. */
export interface AutoscaleDecision {
  readonly cluster: ClusterId;
  readonly verdict: Verdict;
  readonly why: Reason;
  /** Nodes that it has, and nodes that it shall have. */
  readonly from: number;
  readonly to: number;
  /** Spares that shall join, or members that shall leave, in this order. */
  readonly nodes: readonly NodeId[];
  /** The fullest target; '' where loads are not known. */
  readonly metric: Metric | '';
  /** What that asks for, in per mille of a node of weight 1. */
  readonly demand: number;
  /** The same in per mille of what the nodes can carry: those that it has, and those that it shall have. */
  readonly load: number;
  readonly expected: number;
  /** What was in force: fewest nodes (by the schedule, too) and most, and the band in per mille. */
  readonly least: number;
  readonly most: number;
  readonly below: number;
  readonly above: number;
  /** How long was looked at, and what each node carried meanwhile. */
  readonly windowMs: Millis;
  readonly measured: readonly (Measures & { readonly node: NodeId })[];
}

/** It was decided to change a cluster's size, or that it cannot grow although it should, or that this is over. */
export type AutoscaleDecided = EventOf<'AutoscaleDecided', AutoscaleDecision>;

export type AutoscaleEvent = AutoscaleDecided;
