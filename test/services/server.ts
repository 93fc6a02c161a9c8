import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import type { Site } from './site';

/** How to run one real server. */
export interface ServerSpec {
  readonly name: string;
  readonly version: string;
  readonly command: string;
  /** What stands before the command, so that it runs where it should ({@link Site.inside}). */
  readonly inside: Site['inside'];
  readonly args: readonly string[];
  /** Whether the server answers its own protocol by now. */
  readonly answers: () => Promise<boolean>;
  /** How long it may take until it answers, in milliseconds. */
  readonly readyWithinMs: number;
  /** Removes what the server leaves behind, after it has stopped. */
  readonly cleanUp: () => void;
}

/** A server that this process started, and the only one it will ever stop. */
export interface RunningServer {
  readonly name: string;
  readonly version: string;
  /** Process id of the server itself; a new one after {@link restart}. */
  readonly pid: number;
  /** The last lines that it printed. */
  output(): string;
  /** SIGKILL: no farewell, files as they were. Resolves when the process is gone. */
  kill(): Promise<void>;
  /** Starts it again, after {@link kill}, on the same ports and files. Resolves when it answers. */
  restart(): Promise<void>;
  /** Stops it and removes its files. */
  stop(): Promise<void>;
}

const OUTPUT_BYTES_MAX = 16_384;
const STOP_GRACE_MS = 10_000;
const POLL_MS = 100;

/**
 * The server runs under a shell that holds the other end of a pipe: when this process dies, however it dies, the pipe
 * closes and the server is killed. Prints the server's process id on descriptor 3 and ends with the server's status.
 */
const GUARD = `
exec 4<&0
"$@" </dev/null 3>&- 4<&- &
server=$!
echo "$server" >&3
{ cat <&4; kill -9 "$server"; } >/dev/null 2>&1 3>&- &
exec 3>&- 4<&-
wait "$server"
`;

/**
 * Starts a server and resolves when it answers.
 *
 * @throws Error with its last lines when it ends before, or does not answer in time.
 */
export async function startServer(spec: ServerSpec): Promise<RunningServer> {
  let life = await begin(spec);
  return {
    name: spec.name,
    version: spec.version,
    get pid() {
      return life.pid;
    },
    output: () => life.output(),
    kill: () => life.end('SIGKILL'),
    async restart() {
      life = await begin(spec);
    },
    async stop() {
      await life.end('SIGTERM');
      spec.cleanUp();
    },
  };
}

interface Life {
  readonly pid: number;
  output(): string;
  end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>;
}

async function begin(spec: ServerSpec): Promise<Life> {
  const guard = spawn('sh', ['-c', GUARD, 'guard', ...spec.inside, spec.command, ...spec.args], {
    stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
  });
  const output = collect(guard);
  const ended = new Promise<void>((resolve) => guard.once('exit', () => resolve()));
  void ended.then(() => guard.stdin?.destroy());
  const pid = await readPid(guard);
  const life: Life = { pid, output, end: (signal) => end(pid, signal, ended) };
  let gone = false;
  void ended.then(() => (gone = true));
  for (const deadline = Date.now() + spec.readyWithinMs; !(await spec.answers()); await delay(POLL_MS)) {
    if (gone) throw new Error(`${spec.name} ended before it answered:\n${output()}`);
    if (Date.now() < deadline) continue;
    await life.end('SIGKILL');
    throw new Error(`${spec.name} did not answer within ${spec.readyWithinMs} ms:\n${output()}`);
  }
  return life;
}

/** Keeps the last bytes that the server printed on either stream. */
function collect(guard: ChildProcess): () => string {
  let text = '';
  const add = (bytes: Buffer): void => {
    text = (text + bytes.toString('utf8')).slice(-OUTPUT_BYTES_MAX);
  };
  guard.stdout?.on('data', add);
  guard.stderr?.on('data', add);
  return () => text;
}

function readPid(guard: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    guard.once('error', reject);
    guard.stdio[3]?.once('data', (bytes: Buffer) => resolve(Number(bytes.toString('utf8').trim())));
  });
}

async function end(pid: number, signal: 'SIGTERM' | 'SIGKILL', ended: Promise<void>): Promise<void> {
  send(pid, signal);
  const grace = new AbortController();
  const patience = delay(STOP_GRACE_MS, undefined, { signal: grace.signal }).then(
    () => send(pid, 'SIGKILL'),
    () => undefined,
  );
  await ended;
  grace.abort();
  await patience;
}

function send(pid: number, signal: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    // It has already ended: what was asked for.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
