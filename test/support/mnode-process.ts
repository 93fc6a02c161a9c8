import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { MnodeStatus } from '../../runtime/control/mnode-status';
import { flowgrid } from './up-process';

const BIN = join(__dirname, '../../bin/flowgrid');

/** A line of what an MNODE tells with `--json`. */
export interface Told {
  readonly at: number;
  readonly what: string;
  readonly role?: 'leading' | 'following';
  readonly epoch?: number;
  readonly seq?: number;
}

/** `flowgrid mnode` as a process of its own. */
export class MnodeProcess {
  readonly told: Told[] = [];
  readonly ended: Promise<number | null>;
  stderr = '';
  private readonly child: ChildProcess;
  private readonly waiting = new Set<() => void>();

  constructor(
    readonly name: string,
    args: readonly string[],
  ) {
    this.child = spawn(BIN, ['mnode', ...args, '--name', name, '--json'], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.child.stderr!.on('data', (bytes: Buffer) => (this.stderr += bytes.toString()));
    createInterface(this.child.stdout!).on('line', (line) => {
      this.told.push(JSON.parse(line) as Told);
      this.look();
    });
    this.ended = once(this.child, 'exit').then(([code]) => {
      this.look();
      return code as number | null;
    });
  }

  /** Resolves with the first line that fits, one that was told already included; fails when the program ends without. */
  async until(fits: (told: Told) => boolean): Promise<Told> {
    for (;;) {
      const found = this.told.find(fits);
      if (found !== undefined) return found;
      if (this.child.exitCode !== null || this.child.signalCode !== null) {
        throw new Error(`${this.name} ended without telling so:\n${JSON.stringify(this.told)}\n${this.stderr}`);
      }
      await new Promise<void>((resolve) => this.waiting.add(resolve));
    }
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Ends it, also one that is stopped. */
  async end(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.ended;
  }

  private look(): void {
    for (const wake of this.waiting) wake();
    this.waiting.clear();
  }
}

/** What `flowgrid status` tells, by name. */
export async function statuses(...access: readonly string[]): Promise<Map<string, MnodeStatus>> {
  const { stdout } = await flowgrid('status', '--json', ...access);
  const lines = stdout.split('\n').filter((line) => line !== '');
  return new Map(lines.map((line) => JSON.parse(line) as MnodeStatus).map((status) => [status.name, status]));
}
