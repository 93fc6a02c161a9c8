import type { Millis } from '../base/ids';
import type { ScheduledCount } from './settings';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** 1 January 1970 was a Thursday. */
const FIRST_DAY = 4;
const DAYS = 7;

/** Begin, its lead included, and end of one occurrence, in milliseconds since 1970. */
type Interval = readonly [from: Millis, until: Millis];

/** Nodes that the schedule wants now, at least; 0 where it wants none. */
export function scheduledCount(schedule: readonly ScheduledCount[], now: Millis): number {
  let count = 0;
  for (const entry of schedule) {
    if (occurrences(entry, now).some(([from, until]) => from <= now && now < until))
      count = Math.max(count, entry.nodes);
  }
  return count;
}

/** When the schedule next begins or ends to want something; undefined where there is none. */
export function nextScheduled(schedule: readonly ScheduledCount[], now: Millis): Millis | undefined {
  const times = schedule.flatMap((entry) => occurrences(entry, now).flat()).filter((time) => time > now);
  return times.length === 0 ? undefined : Math.min(...times);
}

/** Every occurrence that may touch the week around a moment. */
function occurrences({ from, until, days, aheadMinutes }: ScheduledCount, around: Millis): Interval[] {
  const today = Math.floor(around / DAY_MS);
  const minutes = until > from ? until - from : until - from + DAY_MS / MINUTE_MS;
  const intervals: Interval[] = [];
  // Two days back: one that began yesterday may last until today, and its lead may reach over midnight.
  for (let day = today - 2; day <= today + DAYS + 1; day++) {
    if (!days.includes((((day + FIRST_DAY) % DAYS) + DAYS) % DAYS)) continue;
    const begin = day * DAY_MS + from * MINUTE_MS;
    intervals.push([begin - aheadMinutes * MINUTE_MS, begin + minutes * MINUTE_MS]);
  }
  return intervals;
}
