import type { EventLog, Head } from '../../domain/seams/event-log';
import { FlowgridError, isFlowgridError } from '../../domain/base/errors';

/** Commits, or flow batches, that are copied at a time. */
const CHUNK = 512;
/** How often a part of the copy is tried. */
const ATTEMPTS = 16;

/** What was copied; `skipped` are chains whose beginning the source has let go of, so that no other log can take them up. */
export interface Copied {
  readonly head: Head;
  readonly commits: number;
  readonly chains: number;
  readonly batches: number;
  readonly skipped: readonly string[];
}

/**
 * Copies a log into another, byte for byte, so that it has the same head: seq and hash. Goes on where an earlier copy was
 * interrupted. Snapshots and checkpoints are caches and are not copied.
 *
 * @throws FlowgridError `log-conflict` when the other log holds a history of its own, or somebody writes meanwhile.
 */
export async function copyLog(from: EventLog, to: EventLog): Promise<Copied> {
  await assertPrefix(from, to);
  const before = to.head().seq;
  await persist(to, () => copyCommits(from, to));
  const { chains, batches, skipped } = await persist(to, () => copyChains(from, to));
  const commits = to.head().seq - before;
  const [source, copy] = [from.head(), to.head()];
  if (source.seq !== copy.seq || source.hash !== copy.hash) {
    throw conflict(`the source went on to commit ${source.seq} while it was copied up to ${copy.seq}`);
  }
  return { head: copy, commits, chains, batches, skipped };
}

/** What the other log holds already must be the beginning of this one. */
async function assertPrefix(from: EventLog, to: EventLog): Promise<void> {
  const { seq, hash } = to.head();
  if (seq === 0) return;
  const [same] = await from.read(seq, 1);
  if (same?.hash !== hash)
    throw conflict(`commit ${seq} of the ${to.kind} log is another than that of the ${from.kind} log`);
}

/** Tries again from where the copy stands what failed with unknown outcome: slow brokers are no reason to begin anew. */
async function persist<Result>(to: EventLog, copy: () => Promise<Result>): Promise<Result> {
  for (let attempt = 1; ; attempt++) {
    try {
      // Reads to the end: what was in doubt is known then.
      await to.read(1, 1);
      return await copy();
    } catch (error) {
      if (!isFlowgridError(error) || !error.canRetry || attempt >= ATTEMPTS) throw error;
    }
  }
}

async function copyCommits(from: EventLog, to: EventLog): Promise<void> {
  for (;;) {
    const commits = await from.read(to.head().seq + 1, CHUNK);
    if (commits.length === 0) return;
    const { accepted } = await to.append(commits.map(({ bytes }) => bytes));
    if (accepted.length !== commits.length) throw conflict(`somebody else writes the ${to.kind} log`);
  }
}

async function copyChains(from: EventLog, to: EventLog): Promise<Pick<Copied, 'chains' | 'batches' | 'skipped'>> {
  const present = new Map((await to.chains()).map(({ chain, number }) => [chain, number]));
  const skipped: string[] = [];
  let chains = 0;
  let batches = 0;
  for (const { chain, oldest } of await from.chains()) {
    const begin = (present.get(chain) ?? 0) + 1;
    if (begin < oldest) {
      skipped.push(chain);
      continue;
    }
    chains++;
    batches += await copyChain(from, to, chain, begin);
  }
  return { chains, batches, skipped };
}

async function copyChain(from: EventLog, to: EventLog, chain: string, begin: number): Promise<number> {
  let copied = 0;
  for (;;) {
    const batches = await from.readFlows(chain, begin + copied, CHUNK);
    if (batches.length === 0) return copied;
    // Of one turn: an adapter may send them together, in order.
    const results = await Promise.all(batches.map((batch) => to.appendFlows(batch)));
    if (results.some((result) => result !== 'appended')) throw conflict(`somebody else writes chain ${chain}`);
    copied += batches.length;
  }
}

function conflict(what: string): FlowgridError {
  return new FlowgridError('log-conflict', `the log was not copied whole: ${what}`, {
    remedy: 'end every program of the grid and copy again, into a log that is empty or an interrupted copy',
  });
}
