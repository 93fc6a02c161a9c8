import { connectNatsBus } from '../../adapters/bus/nats-bus';
import { type BusFaults, createLocalBus } from '../../adapters/bus/local-bus';
import { createPrng } from '../../domain/base/prng';
import type { Timers } from '../../domain/seams/clock';
import { type NatsServer, natsAvailable, startNats } from '../services/nats';
import { describeWithServer } from '../services/suite';
import { type BusUnderTest, describeBus } from './bus.contract';

const clock = { now: () => Date.now() };
const timers: Timers = {
  schedule(dueAt, fire) {
    const timer = setTimeout(fire, dueAt - Date.now());
    return () => clearTimeout(timer);
  },
};

async function openLocal(faults: BusFaults): Promise<BusUnderTest> {
  const bus = createLocalBus({ clock, timers, prng: createPrng(7), faults });
  return { here: bus, there: bus, close: () => bus.close() };
}

describe('local bus', () => describeBus(() => openLocal({})));

describe('local bus that loses, repeats and reorders', () => {
  describeBus(() => openLocal({ drop: 0.3, repeat: 0.3, reorder: 0.3, reorderMs: 5 }));
});

describeWithServer('NATS bus', natsAvailable, () => {
  let server: NatsServer;
  beforeAll(async () => {
    server = await startNats();
  });
  afterAll(() => server.stop());

  const open = async (): Promise<BusUnderTest> => {
    const [here, there] = await Promise.all([connectNatsBus(server), connectNatsBus(server)]);
    return { here, there, close: () => Promise.all([here.close(), there.close()]).then(() => undefined) };
  };
  describeBus(open);

  test('without its server it drops and counts, and its subscriptions are heard again when the server is back', async () => {
    const bus = await connectNatsBus(server);
    const heard: string[] = [];
    bus.subscribe('a', (payload) => void heard.push(new TextDecoder().decode(payload)));
    await bus.flush();
    await server.kill();
    await until(() => !bus.connected);
    bus.publish('a', new TextEncoder().encode('into the void'));
    expect(bus.counts.dropped).toBe(1);
    await bus.flush();
    await expect(bus.request('a', new Uint8Array(), 50)).rejects.toMatchObject({ code: 'timeout' });
    await server.restart();
    await until(() => bus.connected);
    await until(() => {
      bus.publish('a', new TextEncoder().encode('back'));
      return heard.length > 0;
    });
    expect(heard[0]).toBe('back');
    expect(bus.counts.reconnects).toBe(1);
    await bus.close();
  });

  test('an address where nobody listens is named', async () => {
    const error = await connectNatsBus({ servers: '127.0.0.1:1', connectWithinMs: 500 }).catch(
      (reason: unknown) => reason,
    );
    expect(error).toMatchObject({ code: 'timeout', canRetry: true, message: expect.stringContaining('127.0.0.1:1') });
  });
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}
