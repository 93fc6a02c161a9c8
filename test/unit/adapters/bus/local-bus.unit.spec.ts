import { type BusFaults, type LocalBus, createLocalBus } from '../../../../adapters/bus/local-bus';
import { SimClock } from '../../../../adapters/sim/sim-clock';
import { createPrng } from '../../../../domain/base/prng';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (payload: Uint8Array): string => new TextDecoder().decode(payload);

function open(faults: BusFaults = {}, seed = 1): { bus: LocalBus; clock: SimClock; errors: unknown[] } {
  const clock = new SimClock(1_000);
  const errors: unknown[] = [];
  const onHandlerError = (error: unknown): void => void errors.push(error);
  return {
    bus: createLocalBus({ clock, timers: clock, prng: createPrng(seed), faults, onHandlerError }),
    clock,
    errors,
  };
}

function record(bus: LocalBus, pattern = '>'): string[] {
  const heard: string[] = [];
  bus.subscribe(pattern, (payload) => void heard.push(text(payload)));
  return heard;
}

describe('delivery', () => {
  test('publishing calls no handler; pump delivers in order of publication, then of subscription', () => {
    const { bus } = open();
    const order: string[] = [];
    bus.subscribe('a.*', (payload) => void order.push(`first ${text(payload)}`));
    bus.subscribe('a.x', (payload) => void order.push(`second ${text(payload)}`));
    bus.publish('a.x', bytes('1'));
    bus.publish('a.x', bytes('2'));
    expect(order).toEqual([]);
    expect(bus.pump()).toBe(2);
    expect(order).toEqual(['first 1', 'second 1', 'first 2', 'second 2']);
    expect(bus.pump()).toBe(0);
  });

  test('without pump the next microtask delivers', async () => {
    const { bus } = open();
    const heard = record(bus);
    bus.publish('a', bytes('1'));
    await Promise.resolve();
    expect(heard).toEqual(['1']);
  });

  test('what handlers publish is delivered by the same pump, after what was queued before', () => {
    const { bus } = open();
    bus.subscribe('ping', (payload) => bus.publish('pong', payload));
    const heard = record(bus);
    bus.publish('ping', bytes('1'));
    bus.publish('ping', bytes('2'));
    bus.pump();
    expect(heard).toEqual(['1', '2', '1', '2']);
  });

  test('a handler that a message unsubscribes does not get that message', () => {
    const { bus } = open();
    bus.subscribe('a', () => later.unsubscribe());
    const later = bus.subscribe('a', () => void heard.push('late'));
    const heard: string[] = [];
    bus.publish('a', bytes(''));
    bus.pump();
    expect(heard).toEqual([]);
  });

  test('flush inside a handler comes to an end', async () => {
    const { bus } = open();
    let flushed: Promise<void> | undefined;
    bus.subscribe('a', () => {
      flushed = bus.flush();
    });
    bus.publish('a', bytes(''));
    bus.pump();
    await flushed;
    expect(flushed).toBeDefined();
  });

  test('a throwing handler is reported and keeps the message from nobody', async () => {
    const { bus, errors } = open();
    bus.subscribe('a', () => {
      throw new Error('sync');
    });
    bus.subscribe('a', () => Promise.reject(new Error('async')));
    const heard = record(bus);
    bus.publish('a', bytes('1'));
    await bus.flush();
    expect(heard).toEqual(['1']);
    expect(errors.map((error) => (error as Error).message)).toEqual(['sync', 'async']);
  });
});

describe('requests', () => {
  test('the deadline is on the injected clock', async () => {
    const { bus, clock } = open();
    const outcome = bus.request('nobody', bytes(''), 250).catch((error: unknown) => error);
    let settled = false;
    void outcome.then(() => (settled = true));
    clock.advanceTo(1_249);
    await bus.flush();
    expect(settled).toBe(false);
    clock.advanceTo(1_250);
    expect(await outcome).toMatchObject({ code: 'timeout' });
  });

  test('the first answer counts, an answer after the deadline is ignored, and no timer is left behind', async () => {
    const { bus, clock } = open();
    let answerLate: (answer: Uint8Array) => void = () => undefined;
    bus.subscribe('a', () => bytes('first'));
    bus.subscribe('a', () => bytes('second'));
    bus.subscribe('slow', () => new Promise<Uint8Array>((resolve) => (answerLate = resolve)));
    expect(text(await bus.request('a', bytes(''), 10))).toBe('first');
    const slow = bus.request('slow', bytes(''), 10).catch((error: unknown) => error);
    await bus.flush();
    clock.advanceTo(2_000);
    answerLate(bytes('late'));
    expect(await slow).toMatchObject({ code: 'timeout' });
    await bus.flush();
    expect(clock.nextDue()).toBeUndefined();
  });
});

describe('faults', () => {
  const storm: BusFaults = { drop: 0.2, repeat: 0.2, reorder: 0.3, reorderMs: 10 };

  /** What is heard of 300 messages, one a millisecond, with its time. */
  function run(faults: BusFaults, seed: number): { heard: string[]; bus: LocalBus } {
    const { bus, clock } = open(faults, seed);
    const heard: string[] = [];
    bus.subscribe('>', (payload) => void heard.push(`${text(payload)}@${clock.now()}`));
    for (let number = 0; number < 300; number++) {
      bus.publish(number % 2 === 0 ? 'even' : 'odd', bytes(String(number)));
      bus.pump();
      clock.advanceTo(clock.now() + 1);
      bus.pump();
    }
    clock.advanceTo(clock.now() + 100);
    bus.pump();
    return { heard, bus };
  }
  const numbers = (heard: readonly string[]): number[] => heard.map((entry) => Number(entry.split('@')[0]));

  test('a run is a function of its seed', () => {
    expect(run(storm, 5).heard).toEqual(run(storm, 5).heard);
    expect(run(storm, 5).heard).not.toEqual(run(storm, 6).heard);
  });

  test('messages are lost, repeated and overtaken, and every count is what was heard', () => {
    const { heard, bus } = run(storm, 5);
    const { counts } = bus;
    const order = numbers(heard);
    expect(counts.published).toBe(300);
    expect(counts.dropped).toBeGreaterThan(0);
    expect(counts.repeated).toBeGreaterThan(0);
    expect(counts.reordered).toBeGreaterThan(0);
    expect(heard).toHaveLength(300 - counts.dropped + counts.repeated);
    expect(new Set(order).size).toBe(300 - counts.dropped);
    expect(order).not.toEqual([...order].sort((a, b) => a - b));
  });

  test('only the named subjects suffer', () => {
    const { heard } = run({ drop: 1, on: 'odd' }, 5);
    expect(numbers(heard)).toEqual(Array.from({ length: 150 }, (_, index) => 2 * index));
  });

  test('an answer is lost under the subject that it answers', async () => {
    const { bus, clock } = open();
    bus.subscribe('a', () => {
      bus.setFaults({ drop: 1, on: 'a' });
      return bytes('lost');
    });
    const outcome = bus.request('a', bytes(''), 10).catch((error: unknown) => error);
    await bus.flush();
    expect(bus.counts.dropped).toBe(1);
    clock.advanceTo(2_000);
    expect(await outcome).toMatchObject({ code: 'timeout' });
  });

  test('faults end when they are told to', () => {
    const { bus } = open({ drop: 1 });
    const heard = record(bus);
    bus.publish('a', bytes('1'));
    bus.setFaults({});
    bus.publish('a', bytes('2'));
    bus.pump();
    expect(heard).toEqual(['2']);
  });

  test('what is held back when the bus closes is never delivered, and leaves no timer', async () => {
    const { bus, clock } = open({ reorder: 1 });
    const heard = record(bus);
    bus.publish('a', bytes('1'));
    await bus.close();
    clock.advanceTo(2_000);
    expect(heard).toEqual([]);
    expect(clock.nextDue()).toBeUndefined();
  });

  test('faults without a prng are refused', () => {
    const clock = new SimClock(0);
    expect(() => createLocalBus({ clock, timers: clock, faults: { drop: 0.1 } })).toThrow(
      expect.objectContaining({ code: 'usage' }),
    );
  });
});
