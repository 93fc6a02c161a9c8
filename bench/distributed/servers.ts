import { spawn, execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import type { BenchResult } from '../result';

/** The servers that tests start too: the way to have them is written down once, among the tests, which are not built. */
const SERVICES = join(__dirname, '../../../test/services');
const COMMAND = ['-r', join(SERVICES, 'register.cjs'), join(SERVICES, 'main.ts')];

/** A real server, started for the bench. */
export interface Server {
  /** `host:port` for clients. */
  readonly address: string;
  stop(): Promise<void>;
}

/** Why there is no such server here. */
export interface Absence {
  readonly why: string;
}

/** Starts a server that this machine has, or can build; otherwise says why not. */
export async function startServer(name: 'kafka' | 'nats'): Promise<Server | Absence> {
  if (!existsSync(SERVICES)) return { why: 'the tests, which know how to start it, are not here' };
  const child = spawn(process.execPath, [...COMMAND, 'start', name], { stdio: ['ignore', 'pipe', 'pipe'] });
  let complaint = '';
  child.stderr.on('data', (bytes: Buffer) => (complaint += bytes.toString()));
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const line = new Promise<string>((resolve) => createInterface(child.stdout).once('line', resolve));
  const told = await Promise.race([line, ended]);
  if (told === undefined) return { why: complaint.trim().split('\n').at(-1) ?? 'it ended' };
  const { address } = JSON.parse(told) as { address: string };
  return {
    address,
    stop: () => {
      child.kill('SIGTERM');
      return ended;
    },
  };
}

export function isServer(server: Server | Absence): server is Server {
  return 'address' in server;
}

/** A row that says what was not measured, and why. */
export function absent(what: string, { why }: Absence): BenchResult {
  return { name: `${what}: absent`, unit: '', value: 0, note: why };
}

/** Class path of Kafka's own programs. */
export function kafkaTools(): string | Absence {
  try {
    return execFileSync(process.execPath, [...COMMAND, 'kafka-tools'], { stdio: ['ignore', 'pipe', 'pipe'] })
      .toString()
      .trim();
  } catch (error) {
    return { why: (error as Error).message.split('\n').at(-1) ?? 'it cannot be fetched' };
  }
}
