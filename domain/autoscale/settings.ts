import { NODE_ID_MAX, type Millis } from '../base/ids';

/**
 * What a cluster's size can be steered by, each measured at its nodes over a window: utilisation in percent, as nodes
 * judge it themselves; live flows that they handle as primary; flows that they were given, a second; mean time of a frame
 * from entering the grid until it leaves it, in microseconds; bits and frames received, a second.
 */
export const METRICS = [
  'utilisation',
  'activeFlows',
  'newFlowsPerSecond',
  'latencyUs',
  'throughputBps',
  'framesPerSecond',
] as const;
export type Metric = (typeof METRICS)[number];

/** How many nodes a cluster has, by its load and the time of day ([0087 a iii, x], DESIGN section 9). */
export interface AutoscaleSettings {
  /** Nodes that take part, at least (from 1) and at most. */
  readonly min: number;
  readonly max: number;
  /** By metric: the load of a node of weight 1 that counts as 100 %. The fullest target decides. */
  readonly target: { readonly [Name in Metric]?: number };
  /** In percent of the targets: above the one nodes are added, below the other taken away. */
  readonly above: number;
  readonly below: number;
  /** Loads are means over so many milliseconds; nothing is decided by load before that much was seen. */
  readonly windowMs: Millis;
  /** Rest after a change of size before nodes are added, or taken away. */
  readonly cooldown: { readonly outMs: Millis; readonly inMs: Millis };
  readonly schedule: readonly ScheduledCount[];
}

/** At these times of the day (UTC) the cluster has so many nodes at least, whatever its load: a rise that is foreseen. */
export interface ScheduledCount {
  /** Minutes of the day; `until` before `from` is on the next day, equal to it a whole day later. */
  readonly from: number;
  readonly until: number;
  /** Days of the week on which it begins, 0 = Sunday. */
  readonly days: readonly number[];
  readonly nodes: number;
  /** So many minutes before `from` nodes are added already. */
  readonly aheadMinutes: number;
}

export const DEFAULT_AUTOSCALE = {
  above: 80,
  below: 50,
  windowMs: 10_000,
  cooldown: { outMs: 10_000, inMs: 60_000 },
  aheadMinutes: 5,
} as const;

/** Bounds of what may be asked for. */
export const AUTOSCALE_LIMITS = {
  /** Percent of a target. */
  aboveMax: 100,
  /** A day. */
  timeMaxMs: 86_400_000,
  targetMax: 1_000_000_000_000,
  minutesMax: 1_439,
} as const;

/** What is wrong with the settings; undefined if nothing is. Numbers only: names are the caller's. */
export function autoscaleProblem(settings: AutoscaleSettings): string | undefined {
  const { min, max, target, above, below, windowMs, cooldown, schedule } = settings;
  if (!isBetween(min, 1, NODE_ID_MAX) || !isBetween(max, min, NODE_ID_MAX)) {
    return `from ${min} to ${max} nodes: at least 1, at most ${NODE_ID_MAX}, and no fewer at most than at least`;
  }
  const targets = Object.entries(target);
  if (targets.length === 0) return 'it names no target';
  for (const [name, value] of targets) {
    if (!METRICS.includes(name as Metric)) return `${name} is nothing that is measured`;
    if (!isBetween(value, 1, AUTOSCALE_LIMITS.targetMax)) return `target ${name} ${value} is no load`;
  }
  if (!isBetween(above, 1, AUTOSCALE_LIMITS.aboveMax) || !isBetween(below, 0, above - 1)) {
    return `below ${below} and above ${above} are no band`;
  }
  const times = [windowMs, cooldown.outMs, cooldown.inMs];
  if (windowMs < 1 || !times.every((time) => isBetween(time, 0, AUTOSCALE_LIMITS.timeMaxMs))) {
    return 'a window has from 1 ms to a day, a cool-down up to a day';
  }
  return schedule.every(isSchedule) ? undefined : 'a scheduled count needs times of the day, days and a count of nodes';
}

function isSchedule({ from, until, days, nodes, aheadMinutes }: ScheduledCount): boolean {
  const { minutesMax } = AUTOSCALE_LIMITS;
  const areMinutes = [from, until, aheadMinutes].every((minutes) => isBetween(minutes, 0, minutesMax));
  return areMinutes && days.length > 0 && days.every((day) => isBetween(day, 0, 6)) && isBetween(nodes, 1, NODE_ID_MAX);
}

function isBetween(value: number, least: number, most: number): boolean {
  return Number.isInteger(value) && value >= least && value <= most;
}
