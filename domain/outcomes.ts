import type { Millis, Seq } from './base/ids';

/** One remembered outcome: the command, the commit it made, and until when a repeat may come. */
type Remembered = readonly [commandId: string, seq: Seq, until: Millis];

/**
 * The outcomes of recent commands: what makes a repeat harmless. Plain data in small sealed pages, so that remembering
 * one more copies a page and not all, and forgetting drops whole pages.
 */
export interface Outcomes {
  /** Full pages, oldest first. */
  readonly pages: readonly (readonly Remembered[])[];
  readonly open: readonly Remembered[];
}

export const NO_OUTCOMES: Outcomes = { pages: [], open: [] };

const PAGE_SIZE = 128;

/** Remembers an outcome until `until` and forgets those whose time was over at `at`. */
export function remember(outcomes: Outcomes, commandId: string, seq: Seq, until: Millis, at: Millis): Outcomes {
  const open = [...outcomes.open, [commandId, seq, until] as const];
  const pages = forget(outcomes.pages, at);
  return open.length < PAGE_SIZE ? { pages, open } : { pages: [...pages, open], open: [] };
}

/** The commit that the command made, if it is remembered. */
export function recall(outcomes: Outcomes, commandId: string): Seq | undefined {
  const recent = outcomes.open.find(([id]) => id === commandId);
  if (recent !== undefined) return recent[1];
  for (const page of outcomes.pages) {
    const seq = indexOf(page).get(commandId);
    if (seq !== undefined) return seq;
  }
  return undefined;
}

function forget(pages: Outcomes['pages'], at: Millis): Outcomes['pages'] {
  let stale = 0;
  // Times never decrease, so a page's last outcome is the one remembered longest.
  while (stale < pages.length && pages[stale]!.at(-1)![2] < at) stale++;
  return stale === 0 ? pages : pages.slice(stale);
}

/** Sealed pages never change, so each is indexed once. */
const indexes = new WeakMap<readonly Remembered[], Map<string, Seq>>();

function indexOf(page: readonly Remembered[]): Map<string, Seq> {
  let index = indexes.get(page);
  if (index === undefined) {
    index = new Map(page.map(([id, seq]) => [id, seq]));
    indexes.set(page, index);
  }
  return index;
}
