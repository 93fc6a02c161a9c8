import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openLmdbLog } from '../../adapters/log/lmdb';
import type { BenchResult } from '../result';
import { inTemporaryDir, seconds, sideBySide } from './measure';
import { appendFlowEvents, nodeCommits } from './workload';

const ROOT = join(__dirname, '../../..');
const BIN = join(ROOT, 'bin/flowgrid');
const GRID = join(ROOT, 'examples/figure-4.yaml');

/** Stage AB of figure 4, whose nodes the history is about, and the chain of its first INODE. */
const AB = { cluster: 5, nodes: 3 };
const CHAIN = '1/1@1';
const CHUNK = 1024;
/** What the short history holds, together. */
const SHORT = { commits: 100, flows: 900 };

const BUDGET = 1.5;

/**
 * The start of the whole program on an existing data directory, from the call until the grid is up, with a long history
 * behind it against a short one.
 */
export async function programStart(smoke: boolean): Promise<BenchResult[]> {
  const size = smoke ? SHORT : { commits: 10_000, flows: 1_000_000 };
  return inTemporaryDir(async (dir) => {
    const long = new Site(join(dir, 'long'));
    const short = new Site(join(dir, 'short'));
    const firstOfLong = await long.make(size);
    await short.make(SHORT);
    const { ours, theirs } = await sideBySide(
      smoke ? 1 : 9,
      () => long.start(),
      () => short.start(),
    );
    const events = (size.commits + size.flows).toLocaleString('en-US');
    const value = ours / theirs;
    return [
      {
        name: `start of the program with ${events} events behind it`,
        unit: 'ms',
        value: ours * 1000,
        ratio: { of: 'the start with 1,000', value, budget: `≤ ${BUDGET}`, ok: value <= BUDGET },
        note: `the first, without snapshot and checkpoint: ${Math.round(firstOfLong * 1000)} ms`,
      },
    ];
  });
}

/** A data directory on which figure 4 is brought up again and again. */
class Site {
  private readonly data: string;
  private readonly capture: string;

  constructor(dir: string) {
    mkdirSync(dir);
    this.data = join(dir, 'data');
    this.capture = join(dir, 'empty.pcap');
    writeFileSync(this.capture, emptyCapture());
  }

  /** Founds the grid, writes its history, and starts once more; returns the seconds that this one took. */
  async make(size: { readonly commits: number; readonly flows: number }): Promise<number> {
    await this.start();
    const log = await openLmdbLog({ dir: this.data, mode: 'writer' });
    for (let done = 0; done < size.commits; done += CHUNK) {
      await log.append(nodeCommits(log.head(), Math.min(CHUNK, size.commits - done), AB).records);
    }
    await appendFlowEvents(log, CHAIN, size.flows);
    await log.close();
    return this.start();
  }

  /** Seconds from the call of the program until it says that the grid is up; then it is asked to end. */
  async start(): Promise<number> {
    const args = ['up', GRID, '--capture', this.capture, '--data', this.data];
    let child: ChildProcess | undefined;
    const took = await seconds(async () => {
      child = spawn(BIN, args, { stdio: ['ignore', 'ignore', 'pipe'] });
      await isUp(child);
    });
    child!.kill('SIGTERM');
    await once(child!, 'close');
    return took;
  }
}

function isUp(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = '';
    child.stderr!.on('data', (chunk) => {
      said += String(chunk);
      if (said.includes(' is up')) resolve();
    });
    child.once('close', () => reject(new Error(`flowgrid up ended before the grid was up:\n${said}`)));
  });
}

/** The header of a capture without a frame: microseconds, Ethernet. */
function emptyCapture(): Uint8Array {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(0xa1b2c3d4, 0);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(65_535, 16);
  header.writeUInt32LE(1, 20);
  return header;
}
