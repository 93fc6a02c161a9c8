import type { LmdbLog } from '../../adapters/log/lmdb';
import type { StoredCommit } from '../../domain/seams/event-log';
import { EXIT, type Io, type LogOptions } from '../../interface/cli/programs';
import { historyText } from '../../interface/cli/text';
import { AuditTrail, momentOf, reached, type Moment } from '../../projections';
import { decoded, storedCommits, withLog } from './log-reading';

/**
 * `flowgrid log`: the newest commits, or all of them, and with `--follow` each new one until interrupted.
 *
 * @throws FlowgridError `not-found` for a directory without a log.
 */
export async function log(options: LogOptions, io: Io): Promise<number> {
  return withLog(options.data, async (opened) => {
    const printer = new Printer(options, io);
    const shown = await selected(opened, options);
    // Names are learned from the commits before, so that what is shown speaks of AB-2 and not of 2/2.
    for (const { stored, isShown } of shown) printer.take(stored, isShown);
    if (!options.follow) return EXIT.ok;
    await follow(opened, (shown.at(-1)?.stored.seq ?? 0) + 1, printer, io);
    return EXIT.interrupted;
  });
}

interface Selected {
  readonly stored: StoredCommit;
  readonly isShown: boolean;
}

async function selected(opened: LmdbLog, { action, lines, since, until }: LogOptions): Promise<Selected[]> {
  const all: StoredCommit[] = [];
  for await (const stored of storedCommits(opened)) all.push(stored);
  const places = all.map((stored) => ({ seq: stored.seq, at: decoded(stored).at }));
  const end: Moment = momentOf(until, places);
  const start = places[0]?.at ?? 0;
  const inSpan = places.map((place) => reached(place, since, start) && place.seq <= end.seq && place.at <= end.at);
  let left = action === 'tail' ? lines : Infinity;
  for (let i = inSpan.length - 1; i >= 0; i--) if (inSpan[i]) inSpan[i] = left-- > 0;
  return all.map((stored, i) => ({ stored, isShown: inSpan[i]! }));
}

class Printer {
  private readonly trail = new AuditTrail();

  constructor(
    private readonly options: LogOptions,
    private readonly io: Io,
  ) {}

  take(stored: StoredCommit, isShown: boolean): void {
    const commit = decoded(stored);
    this.trail.apply(commit);
    if (!isShown) return;
    if (this.options.json) {
      this.io.out(JSON.stringify({ ...commit, hash: stored.hash }));
      return;
    }
    const entry = this.trail.entry(stored.seq);
    if (entry !== undefined) for (const line of historyText(entry)) this.io.out(line);
  }
}

function follow(opened: LmdbLog, from: number, printer: Printer, io: Io): Promise<void> {
  return new Promise((resolve) => {
    const stop = opened.tail(from, (stored) => printer.take(stored, true));
    const end = (): void => {
      stop();
      resolve();
    };
    if (io.interrupted.aborted) end();
    else io.interrupted.addEventListener('abort', end, { once: true });
  });
}
