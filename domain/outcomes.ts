import type { Millis, Seq } from './base/ids';

/** One remembered outcome: the command, the commit it made, and until when a repeat may come. */
type Remembered = readonly [commandId: string, seq: Seq, until: Millis];

/** Outcomes in the order in which they came. */
type Run = readonly Remembered[];

/**
 * The outcomes of recent commands: what makes a repeat harmless. Plain data in runs of 16, 256 and 4,096, so that
 * remembering one more copies a few places whatever is remembered already, and forgetting drops whole runs.
 */
export interface Outcomes {
  /** Sealed runs, oldest first, none longer than the one before it. */
  readonly sealed: readonly Run[];
  /** The newest outcomes, fewer than the shortest run. */
  readonly open: Run;
}

export const NO_OUTCOMES: Outcomes = { sealed: [], open: [] };

/** The shortest sealed run; also how many runs of one length become one of the next. */
const RUN = 16;
const RUN_MAX = RUN ** 3;

/** Remembers an outcome until `until` and forgets those whose time was over at `at`. */
export function remember(outcomes: Outcomes, commandId: string, seq: Seq, until: Millis, at: Millis): Outcomes {
  const open = [...outcomes.open, [commandId, seq, until] as const];
  const sealed = forget(outcomes.sealed, at);
  return open.length < RUN ? { sealed, open } : { sealed: seal(sealed, open), open: [] };
}

/** The commit that the command made, if it is remembered. */
export function recall(outcomes: Outcomes, commandId: string): Seq | undefined {
  const recent = outcomes.open.find(([id]) => id === commandId);
  if (recent !== undefined) return recent[1];
  for (const run of outcomes.sealed) {
    const seq = indexOf(run).get(commandId);
    if (seq !== undefined) return seq;
  }
  return undefined;
}

function forget(sealed: Outcomes['sealed'], at: Millis): Outcomes['sealed'] {
  let stale = 0;
  // Times never decrease, so a run's last outcome is the one remembered longest.
  while (stale < sealed.length && sealed[stale]!.at(-1)![2] < at) stale++;
  return stale === 0 ? sealed : sealed.slice(stale);
}

/** Appends a run and joins the newest runs wherever there are enough of one length. */
function seal(sealed: Outcomes['sealed'], run: Run): Outcomes['sealed'] {
  const runs = [...sealed, run];
  for (let length = RUN; length < RUN_MAX && runs.at(-RUN)?.length === length; length *= RUN) {
    runs.push(runs.splice(-RUN).flat());
  }
  return runs;
}

/** Sealed runs never change, so each is indexed once. */
const indexes = new WeakMap<Run, Map<string, Seq>>();

function indexOf(run: Run): Map<string, Seq> {
  let index = indexes.get(run);
  if (index === undefined) {
    index = new Map(run.map(([id, seq]) => [id, seq]));
    indexes.set(run, index);
  }
  return index;
}
