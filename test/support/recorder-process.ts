import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { LOOPBACK, type Site } from '../services/site';
import { BIN } from './up-process';

/** Seconds without a frame after which a recording ends: longer than any takeover takes. */
const SILENCE_S = 3;

/** `flowgrid record` as a process of its own, which takes what arrives at an address. */
export class RecorderProcess {
  /** Its exit code, when it has written everything. */
  readonly ended: Promise<number | null>;
  /** Resolves when it listens; rejects when it ends without. */
  readonly listens: Promise<void>;

  private readonly child: ChildProcess;

  constructor(
    readonly file: string,
    from: string,
    { inside }: Pick<Site, 'inside'> = LOOPBACK,
  ) {
    const args = ['record', file, '--from', from, '--silence', String(SILENCE_S)];
    const [command, ...rest] = [...inside, BIN, ...args];
    const child = spawn(command!, rest, { stdio: ['ignore', 'ignore', 'pipe'] });
    this.child = child;
    let told = '';
    this.ended = once(child, 'close').then(([code]) => code as number | null);
    this.listens = new Promise((resolve, reject) => {
      child.stderr.on('data', (bytes: Buffer) => {
        told += bytes.toString();
        if (told.includes('recording what arrives')) resolve();
      });
      child.on('close', () => reject(new Error(`the recorder ended: ${told}`)));
    });
  }

  /** Has it end in good order: it may wait for a first frame that never comes. */
  stop(): void {
    this.child.kill('SIGINT');
  }

  /** Ends it, also one that has ended. */
  async end(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.ended;
  }
}
