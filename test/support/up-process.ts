import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, watch, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sha256, stateHash } from '../../adapters/codec/hash';
import { decodeCommit } from '../../adapters/codec/records';
import { openLmdbLog } from '../../adapters/log/lmdb';
import type { TopologyEvent } from '../../domain/events';
import { canonicalState, evolveCommit, initialState } from '../../domain/grid-state';
import type { Commit } from '../../domain/log/commit';
import type { EventLog } from '../../domain/seams/event-log';
import type { Receipt } from '../../runtime/programs/up/receipts';
import { decoded, readStory, storedCommits, withLog, type ToldStory } from '../../runtime/programs/log-reading';

const root = join(__dirname, '../..');
/** The program as users start it. */
export const BIN = join(root, 'bin/flowgrid');

/** A program whose kill never falls due is asked to end, and that fails the test. */
const NEVER_DUE_MS = 60_000;

/** What a program said when it had ended. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the real program to its end. */
export function flowgrid(...args: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(BIN, args, { maxBuffer: 1 << 26 }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), stdout, stderr }),
    );
  });
}

/** Waits until a program says this on stderr. @throws Error when it ends without. */
export function said(child: ChildProcess, words: string): Promise<void> {
  let text = '';
  return new Promise((resolve, reject) => {
    child.stderr!.on('data', (chunk) => {
      text += String(chunk);
      if (text.includes(words)) resolve();
    });
    child.once('close', (code) => reject(new Error(`ended with ${code} before it said '${words}':\n${text}`)));
  });
}

/** Writes a capture without a frame. */
export function emptyCapture(dir: string): string {
  return writeCapture(join(dir, 'empty.pcap'), []);
}

/** Writes a capture of Ethernet frames, one after the other at these intervals. */
export function writeCapture(path: string, frames: readonly Uint8Array[], everyMs = 0): string {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(0xa1b2c3d4, 0);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(65_535, 16);
  header.writeUInt32LE(1, 20);
  const records = frames.map((bytes, i) => {
    const record = Buffer.alloc(16);
    const at = i * everyMs;
    record.writeUInt32LE(1_700_000_000 + Math.floor(at / 1000), 0);
    record.writeUInt32LE((at % 1000) * 1000, 4);
    record.writeUInt32LE(bytes.length, 8);
    record.writeUInt32LE(bytes.length, 12);
    return Buffer.concat([record, bytes]);
  });
  writeFileSync(path, Buffer.concat([header, ...records]));
  return path;
}

/** When a program is killed. */
export interface KillInstant {
  /** Asked after each receipt and each round of the capture, until it says yes. */
  readonly isDue: (receipts: readonly Receipt[], rounds: number) => boolean;
  /** Turns of this process's event loop between that and the kill: chance that the program has no part in. */
  readonly turns?: number;
  /**
   * Wait, from then on, for an instant at which an append has begun and is not acknowledged; after the first round of the
   * capture there may be nothing left to append, and it is not waited for.
   */
  readonly underAppend?: boolean;
}

/** A data directory on which `flowgrid up` runs again and again, and the receipts of all those runs. */
export class UpSite {
  readonly data: string;
  readonly receiptsFile: string;

  constructor(
    readonly dir: string,
    readonly grid: string,
  ) {
    this.data = join(dir, 'data');
    this.receiptsFile = join(dir, 'receipts.jsonl');
    writeFileSync(this.receiptsFile, '');
  }

  private up(capture: string, more: readonly string[]): readonly string[] {
    const common = ['up', this.grid, '--capture', capture, '--speed', 'max', '--json'];
    return [...common, '--data', this.data, '--receipts', this.receiptsFile, ...more];
  }

  /** Runs a capture to the end. */
  run(capture: string, ...more: readonly string[]): Promise<Ended> {
    return flowgrid(...this.up(capture, ['--once', ...more]));
  }

  /**
   * Runs a capture over and over, and kills the whole program with SIGKILL when its instant has come. Returns the
   * receipts of that run.
   *
   * @throws Error when the program ends by itself.
   */
  async kill(capture: string, instant: KillInstant, ...more: readonly string[]): Promise<readonly Receipt[]> {
    const before = this.receipts().length;
    const child = spawn(BIN, this.up(capture, ['--loop', ...more]), {
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: NEVER_DUE_MS,
    });
    let complaint = '';
    let rounds = 0;
    let isKilling = false;
    const look = (): void => {
      if (isKilling || !instant.isDue(this.receipts().slice(before), rounds)) return;
      if (instant.underAppend === true && rounds === 0) {
        // Frozen, the program can be looked at: it goes on unless an append is on its way at this very instant.
        child.kill('SIGSTOP');
        if (inFlight(this.receipts().slice(before)).length === 0) return void child.kill('SIGCONT');
      }
      isKilling = true;
      afterTurns(instant.turns ?? 0, () => child.kill('SIGKILL'));
    };
    child.stderr.on('data', (chunk) => (complaint += String(chunk)));
    // Each round ends with a report, which is a line.
    child.stdout.on('data', (chunk) => {
      rounds += String(chunk).split('\n').length - 1;
      look();
    });
    const watcher = watch(this.receiptsFile, look);
    const ended: unknown = await once(child, 'close');
    watcher.close();
    const [code, signal] = ended as [number | null, string | null];
    if (signal !== 'SIGKILL') throw new Error(`flowgrid up ended by itself, with ${code}:\n${complaint}`);
    return this.receipts().slice(before);
  }

  /** Every whole line of the receipts file; a kill may have cut the last. */
  receipts(): Receipt[] {
    const lines = readFileSync(this.receiptsFile, 'utf8').split('\n').slice(0, -1);
    // A run killed in the middle of a line leaves half of it before the next run's first.
    return lines.flatMap((line) => parsed(line.slice(Math.max(0, line.lastIndexOf('{"receipt"')))));
  }

  /** The commits of the log; none where no log was made yet. */
  async commits(): Promise<Commit<TopologyEvent>[]> {
    const commits: Commit<TopologyEvent>[] = [];
    if (!existsSync(join(this.data, 'log'))) return commits;
    return withLog(this.data, async (log) => {
      for await (const stored of storedCommits(log)) commits.push(decoded(stored));
      return commits;
    });
  }

  /** What the log tells, folded. */
  story(): Promise<ToldStory> {
    return withLog(this.data, readStory);
  }

  /**
   * What was acknowledged and is not in the log as it was: commits by hash, command and state, batches by hash.
   */
  async missing(): Promise<Receipt[]> {
    const log = await openLmdbLog({ dir: this.data, mode: 'reader' });
    try {
      const found = await everything(log);
      return this.receipts().filter(
        (receipt) => receipt.receipt === 'acknowledged' && found.get(placeOf(receipt)) !== contentOf(receipt),
      );
    } finally {
      await log.close();
    }
  }
}

/** Appends that had begun and were not acknowledged. */
export function inFlight(receipts: readonly Receipt[]): Receipt[] {
  const acknowledged = new Set(receipts.filter(({ receipt }) => receipt === 'acknowledged').map(placeOf));
  return receipts.filter((receipt) => !acknowledged.has(placeOf(receipt)));
}

function parsed(line: string): Receipt[] {
  try {
    return [JSON.parse(line) as Receipt];
  } catch {
    return [];
  }
}

function placeOf({ chain, seq }: Receipt): string {
  return `${chain} ${seq}`;
}

function contentOf(receipt: Extract<Receipt, { receipt: 'acknowledged' }>): string {
  const { hash, commandId, stateHash: state } = receipt;
  return commandId === undefined ? hash : `${hash} ${commandId} ${state}`;
}

/** Every place of the log with what stands there, worded as receipts are by {@link contentOf}. */
async function everything(log: EventLog): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  let state = initialState();
  for await (const stored of storedCommits(log)) {
    state = evolveCommit(state, decoded(stored));
    const { commandId } = decodeCommit(stored.bytes);
    found.set(`topology ${stored.seq}`, `${stored.hash} ${commandId} ${stateHash(canonicalState(state))}`);
  }
  for (const { chain, oldest } of await log.chains()) {
    for (const { number, bytes } of await log.readFlows(chain, oldest, Number.MAX_SAFE_INTEGER)) {
      found.set(`${chain} ${number}`, sha256(bytes));
    }
  }
  return found;
}

/** Some turns of the event loop from now: an instant that has nothing to do with the child's. */
function afterTurns(turns: number, act: () => void): void {
  if (turns === 0) act();
  else setImmediate(() => afterTurns(turns - 1, act));
}
