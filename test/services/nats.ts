import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { availability } from './availability';
import { cached, onPath, run } from './cache';
import { ask, freePorts } from './ports';
import { type RunningServer, startServer } from './server';
import { LOOPBACK, type Site } from './site';

/** The release that is built when the machine has no nats-server of its own. */
export const NATS_VERSION = 'v2.14.8';

/** A running nats-server; `servers` is what clients are given. */
export interface NatsServer extends RunningServer {
  readonly servers: string;
}

/** Whether nats-server can run here: installed, cached, or Go to build it. */
export const natsAvailable = availability(() => run(binary(), ['--version']));

/**
 * Starts nats-server on a free port of a site. JetStream stays off: the bus promises nothing that would need it. `config`:
 * what its configuration file says besides.
 */
export async function startNats({ address, inside }: Site = LOOPBACK, config?: string): Promise<NatsServer> {
  const [port] = (await freePorts(1)) as [number];
  const dir = mkdtempSync(join(tmpdir(), 'flowgrid-nats-'));
  const command = binary();
  const file = join(dir, 'nats.conf');
  if (config !== undefined) writeFileSync(file, config);
  const server = await startServer({
    name: 'nats',
    version: run(command, ['--version']),
    command,
    inside,
    args: [
      '--addr',
      address,
      '--port',
      String(port),
      '--ports_file_dir',
      dir,
      ...(config === undefined ? [] : ['--config', file]),
    ],
    answers: async () => (await ask({ address, port }, Buffer.alloc(0)))?.toString('utf8').startsWith('INFO ') === true,
    readyWithinMs: 30_000,
    cleanUp: () => rmSync(dir, { recursive: true, force: true }),
  });
  return Object.assign(server, { servers: `${address}:${port}` });
}

function binary(): string {
  if (onPath('nats-server')) return 'nats-server';
  const dir = cached(`nats-server-${NATS_VERSION}`, (fresh) => {
    if (!onPath('go')) throw new Error('no nats-server on the PATH or in .services, and no go to build it');
    run('go', ['install', `github.com/nats-io/nats-server/v2@${NATS_VERSION}`], {
      env: { ...process.env, GOBIN: fresh },
    });
  });
  return join(dir, 'nats-server');
}
