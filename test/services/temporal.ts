import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { availability } from './availability';
import { cached, onPath, run } from './cache';
import { freePorts } from './ports';
import { type RunningServer, startServer } from './server';
import { LOOPBACK, type Site } from './site';

/**
 * The newest release of the command line whose module can be installed by name: later ones replace a module of their
 * own by a local folder, which `go install` refuses.
 */
export const TEMPORAL_CLI_VERSION = 'v1.5.1';

/** A running Temporal server: the address of its front end and the namespace that it was started with. */
export interface TemporalServer extends RunningServer {
  readonly address: string;
  readonly namespace: string;
  /** The command line, for tests that look at histories the way an operator does. */
  readonly cli: string;
}

/** Whether Temporal can run here: cached, or Go to build it (minutes, once). */
export const temporalAvailable = availability(() => run(binary(), ['--version']));

/** Starts Temporal's development server, which is the real server over SQLite, on a free port of a site. */
export async function startTemporal({ address: ip, inside }: Site = LOOPBACK): Promise<TemporalServer> {
  const [port] = (await freePorts(1)) as [number];
  const dir = mkdtempSync(join(tmpdir(), 'flowgrid-temporal-'));
  const cli = binary();
  const address = `${ip}:${port}`;
  const namespace = 'flowgrid';
  // Its parts reach each other over loopback: on a host of its own it listens there too, or they would not.
  const listen = inside.length === 0 ? ip : '0.0.0.0';
  const files = ['--db-filename', join(dir, 'temporal.db')];
  const server = await startServer({
    name: 'temporal',
    version: run(cli, ['--version']),
    command: cli,
    inside,
    args: [
      'server',
      'start-dev',
      '--headless',
      '--ip',
      listen,
      '--port',
      String(port),
      '--namespace',
      namespace,
      ...files,
    ],
    answers: () => knowsNamespace(cli, address, namespace),
    readyWithinMs: 90_000,
    cleanUp: () => rmSync(dir, { recursive: true, force: true }),
  });
  return Object.assign(server, { address, namespace, cli });
}

/** The front end listens before the namespace can be used; only then are clients served. */
async function knowsNamespace(cli: string, address: string, namespace: string): Promise<boolean> {
  const args = ['operator', 'namespace', 'describe', '--address', address, '--namespace', namespace];
  return promisify(execFile)(cli, args, { timeout: 5000 }).then(
    () => true,
    () => false,
  );
}

function binary(): string {
  const dir = cached(`temporal-${TEMPORAL_CLI_VERSION}`, (fresh) => {
    if (!onPath('go')) throw new Error('Temporal is not in .services and there is no go on the PATH to build it');
    const module = `github.com/temporalio/cli/cmd/temporal@${TEMPORAL_CLI_VERSION}`;
    run('go', ['install', module], { env: { ...process.env, GOBIN: fresh } });
  });
  return join(dir, 'temporal');
}
