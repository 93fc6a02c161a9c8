import type { CommandOf } from '../message';
import type { AutoscaleDecision } from './events';

/** Records a decision; refused where limits, cool-down or the grid as it is speak against it. */
export type DecideAutoscale = CommandOf<'DecideAutoscale', AutoscaleDecision>;

export type AutoscaleCommand = DecideAutoscale;
