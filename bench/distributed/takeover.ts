import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import type { BenchResult } from '../result';
import { median } from '../log/measure';

const ROOT = join(__dirname, '../../..');
const BIN = join(ROOT, 'bin/flowgrid');
const GRID = join(ROOT, 'examples/figure-4.yaml');
/** What brokers take for a leader's death: the rest is ours. */
const SESSION_MS = 1_500;

/** From SIGKILL of the leading MNODE until another leads, both as processes of the real program. */
export async function takeover(kafka: string, nats: string, smoke: boolean): Promise<BenchResult> {
  const begin = (name: string): Mnode =>
    new Mnode([GRID, '--name', name, '--kafka', kafka, '--nats', nats, '--leader-timeout', String(SESSION_MS)]);
  const names = Array.from({ length: smoke ? 2 : 6 }, (_, i) => `MA-${i + 1}`);
  const times: number[] = [];
  let leader = begin(names[0]!);
  try {
    await leader.until('leading');
    for (const name of names.slice(1)) {
      const standby = begin(name);
      await standby.until('following');
      const killedAt = performance.now();
      await leader.kill();
      leader = standby;
      await standby.until('leading');
      times.push(performance.now() - killedAt);
    }
  } finally {
    await leader.kill();
  }
  return {
    name: 'leader killed: another leads',
    unit: 'ms',
    value: median(times),
    note: `longest ${Math.max(...times).toFixed(0)} ms of ${times.length}; the brokers' session timeout of ${SESSION_MS} ms is in it`,
  };
}

/** `flowgrid mnode`, and the roles that it has told. */
class Mnode {
  private readonly child: ChildProcess;
  private readonly roles = new Set<string>();
  private readonly ended: Promise<void>;
  private look: () => void = () => undefined;
  private complaint = '';

  constructor(args: readonly string[]) {
    this.child = spawn(BIN, ['mnode', ...args, '--json'], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.child.stderr!.on('data', (bytes: Buffer) => (this.complaint += bytes.toString()));
    this.ended = new Promise((resolve) => this.child.once('close', () => resolve()));
    createInterface(this.child.stdout!).on('line', (line) => {
      const { role } = JSON.parse(line) as { readonly role?: string };
      if (role === undefined) return;
      this.roles.add(role);
      this.look();
    });
  }

  /** @throws Error when it ends before. */
  async until(role: 'leading' | 'following'): Promise<void> {
    const told = new Promise<true>((resolve) => {
      this.look = () => void (this.roles.has(role) && resolve(true));
      this.look();
    });
    if ((await Promise.race([told, this.ended])) !== true) throw new Error(`an MNODE ended:\n${this.complaint}`);
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.ended;
  }
}
