import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createPrng, type Prng } from '../../domain/base/prng';
import { sha256 } from '../../adapters/codec/hash';
import { decodeCommit } from '../../adapters/codec/records';
import { openLmdbLog } from '../../adapters/log/lmdb';
import { verifyLog } from '../../adapters/log/verify';
import { notRun } from '../support/not-run';

/** Kills per run; `FLOWGRID_CRASHES` asks for more, `FLOWGRID_SEED` for a certain run. */
const CRASHES = Number(process.env['FLOWGRID_CRASHES'] ?? 30);
/** Kills that must fall between the begin of an append and its acknowledgement. */
const IN_FLIGHT_MIN = Math.ceil(CRASHES * 0.3);
const SEED = Number(process.env['FLOWGRID_SEED'] ?? process.pid);

const WRITER = ['-r', join(__dirname, '../services/register.cjs'), join(__dirname, 'log-crash-writer.ts')] as const;
const STRACE = '/usr/bin/strace';

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'flowgrid-crash-'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe('durability (invariant 8)', () => {
  test(`a writer killed ${CRASHES} times under appends loses nothing that it acknowledged (seed ${SEED})`, async () => {
    const dir = join(root, 'killed');
    const prng = createPrng(SEED);
    const { commits, batches } = acknowledged([]);
    let inFlight = 0;
    // As often as asked, and then until enough kills fell into an append, which is for the scheduler to say.
    for (let crash = 0; crash < CRASHES || inFlight < IN_FLIGHT_MIN; crash++) {
      const lines = await runUntilKilled(dir, SEED + crash, prng);
      acknowledged(lines, { commits, batches });
      if (lines.at(-1)?.startsWith('begin')) inFlight++;
      await assertAllFound(dir, commits, batches);
    }
    // The test must have tested something: kills with acknowledged work behind them.
    expect(commits.size).toBeGreaterThan(CRASHES);
    expect(batches.size).toBeGreaterThan(CRASHES);
  }, 600_000);

  test('a disk that takes no more makes an append fail, and loses nothing that was acknowledged', async () => {
    const dir = join(root, 'full');
    // Files end at 400 KiB, and a write beyond is an error (not a signal): what a full disk does to the writer.
    const limited = [
      '-c',
      'trap "" XFSZ; ulimit -f 400; exec "$0" "$@"',
      process.execPath,
      ...WRITER,
      dir,
      '3',
      '10000',
    ];
    const child = spawn('sh', limited, { stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    let complaint = '';
    child.stdout.on('data', (chunk) => (said += String(chunk)));
    child.stderr.on('data', (chunk) => (complaint += String(chunk)));
    expect(await once(child, 'close')).toEqual([1, null]);
    expect(complaint).toContain("code: 'log-failed'");
    const { commits, batches } = acknowledged(said.split('\n'));
    expect(commits.size).toBeGreaterThan(10);
    await assertAllFound(dir, commits, batches);
  });

  const whereStraceIs = existsSync(STRACE)
    ? describe
    : notRun('fdatasync before the acknowledgement', `no ${STRACE} on this machine`);
  whereStraceIs('system calls', () => {
    test('every acknowledgement is written after the data and the meta page were synced', async () => {
      const dir = join(root, 'traced');
      const trace = join(root, 'trace');
      const calls = 'fdatasync,fsync,pwrite64,write,openat';
      const strace = ['-f', '-qq', '-s', '32', '-e', `trace=${calls}`, '-o', trace, process.execPath];
      const child = spawn(STRACE, [...strace, ...WRITER, dir, '7', '25'], { stdio: 'ignore' });
      expect(await once(child, 'exit')).toEqual([0, null]);
      const lines = readFileSync(trace, 'utf8').split('\n');
      // LMDB writes its meta page through a descriptor of its own that makes each write synchronous.
      const synchronous = lines.find((line) => /data\.mdb.*O_DSYNC/.test(line))?.match(/= (\d+)$/)?.[1];
      expect(synchronous).toBeDefined();
      expect(acknowledgementsAfterSync(lines, synchronous as string)).toBeGreaterThanOrEqual(50);
    });
  });
});

/**
 * Walks a trace: each acknowledgement must be preceded, since the append began, by a finished fdatasync and then a
 * finished synchronous write of the meta page. Returns how many acknowledgements there were.
 */
function acknowledgementsAfterSync(lines: readonly string[], metaDescriptor: string): number {
  let acknowledged = 0;
  let synced = false;
  let durable = false;
  for (const line of lines) {
    if (/write\(1, "begin/.test(line)) synced = durable = false;
    if (/(fdatasync\(\d+\)|<\.\.\. fdatasync resumed>\)) += 0$/.test(line)) synced = true;
    if (synced && new RegExp(`pwrite64\\(${metaDescriptor}, .*= \\d+$|<\\.\\.\\. pwrite64 resumed>`).test(line))
      durable = true;
    if (!/write\(1, "(commit|batch)/.test(line)) continue;
    expect({ line, durable }).toEqual({ line, durable: true });
    acknowledged++;
  }
  return acknowledged;
}

/** Runs a writer and kills it at a random instant after a random number of its lines; returns all that it said. */
async function runUntilKilled(dir: string, seed: number, prng: Prng): Promise<string[]> {
  const child: ChildProcess = spawn(process.execPath, [...WRITER, dir, String(seed), '1000000'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const linesBefore = 1 + prng.below(20);
  const turns = prng.below(200);
  let said = '';
  let killing = false;
  child.stdout?.on('data', (chunk) => {
    said += String(chunk);
    if (killing || said.split('\n').length <= linesBefore) return;
    killing = true;
    afterTurns(turns, () => child.kill('SIGKILL'));
  });
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  expect({ code, signal }).toEqual({ code: null, signal: 'SIGKILL' });
  return said.split('\n').filter((line) => line !== '');
}

interface Acknowledged {
  /** seq → hash and command id. */
  readonly commits: Map<number, string>;
  /** chain and number → hash. */
  readonly batches: Map<string, string>;
}

/** Adds what a writer's lines say was acknowledged to it. */
function acknowledged(
  lines: readonly string[],
  into: Acknowledged = { commits: new Map(), batches: new Map() },
): Acknowledged {
  for (const line of lines) {
    const [what, place, hash, id] = line.split(' ');
    if (what === 'commit') into.commits.set(Number(place), `${hash} ${id}`);
    if (what === 'batch') into.batches.set(`${id} ${place}`, hash as string);
  }
  return into;
}

/** Some turns of the event loop from now: an instant that has nothing to do with the child's. */
function afterTurns(turns: number, act: () => void): void {
  if (turns === 0) act();
  else setImmediate(() => afterTurns(turns - 1, act));
}

async function assertAllFound(
  dir: string,
  commits: ReadonlyMap<number, string>,
  batches: ReadonlyMap<string, string>,
): Promise<void> {
  const log = await openLmdbLog({ dir, mode: 'writer' });
  try {
    const stored = await log.read(1, Number.MAX_SAFE_INTEGER);
    const found = new Map(stored.map(({ seq, hash, bytes }) => [seq, `${hash} ${decodeCommit(bytes).commandId}`]));
    for (const [seq, expected] of commits) expect(found.get(seq)).toBe(expected);
    for (const [batch, hash] of batches) {
      const [chain, number] = batch.split(' ') as [string, string];
      const [record] = await log.readFlows(chain, Number(number), 1);
      expect(record && sha256(record.bytes)).toBe(hash);
    }
    expect((await verifyLog(log.raw())).findings).toEqual([]);
  } finally {
    await log.close();
  }
}
