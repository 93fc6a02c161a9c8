/**
 * The real servers from a shell, for CI (fetch before the tests) and for trying things by hand:
 *
 *   node -r ./test/services/register.cjs test/services/main.ts prepare
 *   node -r ./test/services/register.cjs test/services/main.ts start kafka nats temporal
 *   node -r ./test/services/register.cjs test/services/main.ts kafka-tools
 *
 * `prepare` fetches and builds what is missing and prints the versions; it exits with 1 when a server cannot be had.
 * `start` prints one JSON line per server and runs until it is interrupted. `kafka-tools` prints the class path of Kafka's
 * own programs, which the bench measures beside ours.
 */
import type { Availability } from './availability';
import { kafkaAvailable, kafkaTools, startKafka } from './kafka';
import { natsAvailable, startNats } from './nats';
import { startTemporal, temporalAvailable } from './temporal';
import type { RunningServer } from './server';

interface Service {
  readonly available: () => Availability;
  /** Starts it and returns what a client needs to know. */
  readonly start: () => Promise<{ server: RunningServer; address: string }>;
}

const services: Readonly<Record<string, Service>> = {
  kafka: {
    available: kafkaAvailable,
    start: () => startKafka().then((server) => ({ server, address: server.brokers })),
  },
  nats: {
    available: natsAvailable,
    start: () => startNats().then((server) => ({ server, address: server.servers })),
  },
  temporal: {
    available: temporalAvailable,
    start: () => startTemporal().then((server) => ({ server, address: server.address })),
  },
};

function prepare(): number {
  const answers = Object.entries(services).map(([name, { available }]) => ({ name, answer: available() }));
  for (const { name, answer } of answers) {
    process.stdout.write(`${name}: ${answer.ok ? answer.version : `not available: ${answer.why}`}\n`);
  }
  return answers.every(({ answer }) => answer.ok) ? 0 : 1;
}

async function start(names: readonly string[]): Promise<number> {
  const running: RunningServer[] = [];
  try {
    for (const name of names.length === 0 ? Object.keys(services) : names) {
      const service = services[name];
      if (service === undefined) throw new Error(`no service '${name}'; there are ${Object.keys(services).join(', ')}`);
      const { server, address } = await service.start();
      running.push(server);
      process.stdout.write(`${JSON.stringify({ name, address, pid: server.pid, version: server.version })}\n`);
    }
    await new Promise((resolve) => process.once('SIGINT', resolve).once('SIGTERM', resolve));
    return 0;
  } finally {
    await Promise.all(running.map((server) => server.stop()));
  }
}

async function main([verb, ...names]: readonly string[]): Promise<number> {
  if (verb === 'prepare') return prepare();
  if (verb === 'start') return start(names);
  if (verb === 'kafka-tools') {
    process.stdout.write(`${kafkaTools()}\n`);
    return 0;
  }
  process.stderr.write('usage: main.ts prepare | start [kafka] [nats] [temporal] | kafka-tools\n');
  return 2;
}

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error: Error) => {
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  },
);
