import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connectNatsBus } from '../../adapters/bus/nats-bus';
import { subjectsOf } from '../../adapters/bus/subjects';
import { Agent } from '../../runtime/agent/agent';
import { startHosting } from '../../runtime/programs/agent/hosting';
import { realTime } from '../../runtime/programs/agent/real-time';
import { WallClock } from '../../runtime/programs/wall-clock';

/** What a process of agents is told, as JSON in its first argument. */
export interface EndpointsOptions {
  readonly nats: string;
  readonly grid: string;
  /** The nodes, by name; each lives with an agent of its own. */
  readonly nodes: readonly string[];
  readonly networks: readonly string[];
  /** The grid's, hexadecimal. */
  readonly secret: string;
}

/** Small: no frames pass here. */
const LIMITS = { flows: 1_024, connections: 1_024, holdBytes: 65_536, events: 1_024 };

/** Agents of a grid, one a node, each with its own connection to the bus, its own dataplane and its own UDP ports. */
async function main(options: EndpointsOptions): Promise<void> {
  for (const node of options.nodes) await startAgent(options, node);
  process.send?.('started');
  process.once('disconnect', () => process.exit(0));
}

async function startAgent({ nats, grid, networks, secret }: EndpointsOptions, node: string): Promise<void> {
  const clock = new WallClock();
  const name = `host-of-${node}`;
  const listen = await freeEndpoint();
  const attached = node.startsWith('I') ? networks : [];
  const ports = attached.map(async (network) => ({
    names: [network],
    local: await freeEndpoint(),
    remote: await freeEndpoint(),
  }));
  const host = await startHosting({
    agent: name,
    underlay: { kind: 'datagrams', listen },
    networks: await Promise.all(ports),
    secret: Buffer.from(secret, 'hex'),
    baseDirectory: process.cwd(),
    limits: LIMITS,
    time: realTime(),
  });
  new Agent({
    name,
    life: clock.now(),
    offer: {
      address: `${listen.host}:${listen.port}`,
      capacity: 1,
      functions: ['pass'],
      networks: attached,
      pinned: [node],
    },
    bus: await connectNatsBus({ servers: nats, name }),
    subjects: subjectsOf(grid),
    clock,
    timers: clock,
    host,
  }).start();
}

async function freeEndpoint() {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  return { host: '127.0.0.1', port };
}

main(JSON.parse(process.argv[2]!) as EndpointsOptions).catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
