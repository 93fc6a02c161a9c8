import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { LOOPBACK, type Site } from '../services/site';
import { BIN } from './up-process';

/** A line of what a long-running program tells with `--json`. */
export interface ToldLine {
  readonly at: number;
  readonly what: string;
}

/** A long-running command of the real program, as a process of its own. */
export class TellingProcess<Told extends ToldLine> {
  readonly told: Told[] = [];
  /** Its exit code, null when a signal ended it; by then everything that it told has been read. */
  readonly ended: Promise<number | null>;
  stderr = '';
  private readonly child: ChildProcess;
  private readonly waiting = new Set<() => void>();
  private isOver = false;

  constructor(
    readonly name: string,
    args: readonly string[],
    { inside }: Pick<Site, 'inside'> = LOOPBACK,
  ) {
    const [command, ...rest] = [...inside, BIN, ...args, '--json'];
    this.child = spawn(command!, rest, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.child.stderr!.on('data', (bytes: Buffer) => (this.stderr += bytes.toString()));
    createInterface(this.child.stdout!).on('line', (line) => {
      this.told.push(JSON.parse(line) as Told);
      this.look();
    });
    this.ended = once(this.child, 'close').then(([code]) => {
      this.isOver = true;
      this.look();
      return code as number | null;
    });
  }

  /** Resolves with the first line that fits, one that was told already included; rejects when the program ends without. */
  async until(fits: (told: Told) => boolean): Promise<Told> {
    for (;;) {
      const found = this.told.find(fits);
      if (found !== undefined) return found;
      if (this.isOver) throw new Error(`${this.name} ended without telling so:\n${this.account()}`);
      await new Promise<void>((resolve) => this.waiting.add(resolve));
    }
  }

  /** @throws Error when it has ended before. */
  signal(signal: NodeJS.Signals): void {
    if (!this.child.kill(signal)) throw new Error(`${this.name} had ended before ${signal}:\n${this.account()}`);
  }

  /** SIGKILL; resolves when it is gone. @throws Error when it has ended before: nobody was killed. */
  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.ended;
  }

  /** Ends it, also one that is stopped, or that has ended. */
  async end(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.ended;
  }

  private account(): string {
    return `${this.told.map((line) => JSON.stringify(line)).join('\n')}\n${this.stderr}`;
  }

  private look(): void {
    for (const wake of this.waiting) wake();
    this.waiting.clear();
  }
}
