import { setTimeout as delay } from 'node:timers/promises';
import type { Bus } from '../../domain/seams/bus';

/** Two ends of one bus: two connections where the bus crosses processes, twice the same object where it does not. */
export interface BusUnderTest {
  readonly here: Bus;
  readonly there: Bus;
  close(): Promise<void>;
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (payload: Uint8Array): string => new TextDecoder().decode(payload);

/**
 * What every control bus guarantees, and no more: a message arrives unchanged, at every subscription whose pattern
 * matches and at no other, if it arrives; it may be lost, come twice, or come out of order. A request resolves with
 * some answer of some subscriber, or rejects with `timeout`. Each test therefore says a thing again until it is heard.
 */
export function describeBus(open: () => Promise<BusUnderTest>): void {
  let bus: BusUnderTest;
  beforeEach(async () => {
    bus = await open();
  });
  afterEach(() => bus.close());

  /** Subscribes and collects what arrives as `subject payload`. */
  const listen = async (pattern: string): Promise<Set<string>> => {
    const heard = new Set<string>();
    bus.there.subscribe(pattern, (payload, subject) => {
      heard.add(`${subject} ${text(payload)}`);
    });
    await bus.there.flush();
    return heard;
  };
  /** Publishes again and again until `done`. */
  const sayUntil = async (done: () => boolean, ...messages: [string, string][]): Promise<void> => {
    while (!done()) {
      for (const [subject, payload] of messages) bus.here.publish(subject, bytes(payload));
      await bus.here.flush();
      await delay(1);
    }
  };
  /** Asks again and again until somebody answers. */
  const askUntilAnswered = async (subject: string, payload: Uint8Array): Promise<Uint8Array> => {
    for (;;) {
      const answer = await bus.here.request(subject, payload, 100).catch((error: { code?: string }) => {
        if (error.code !== 'timeout') throw error;
        return undefined;
      });
      if (answer !== undefined) return answer;
    }
  };

  test('BUS-1: a message arrives unchanged, with its subject', async () => {
    const received: Uint8Array[] = [];
    bus.there.subscribe('a.b', (payload) => void received.push(payload));
    await bus.there.flush();
    const payload = Uint8Array.from({ length: 256 }, (_, index) => index);
    while (received.length === 0) {
      bus.here.publish('a.b', payload);
      await bus.here.flush();
      await delay(1);
    }
    expect([...received[0]!]).toEqual([...payload]);
  });

  test('BUS-2: what the sender writes into its buffer after publishing does not travel', async () => {
    const heard = await listen('a');
    const buffer = bytes('first');
    while (heard.size === 0) {
      buffer.set(bytes('first'));
      bus.here.publish('a', buffer);
      buffer.fill(0x78);
      await bus.here.flush();
      await delay(1);
    }
    expect([...heard]).toEqual(['a first']);
  });

  test('BUS-3: * stands for one token and a last > for one or more', async () => {
    const one = await listen('node.*.hello');
    const more = await listen('node.>');
    const exact = await listen('node.AB-2.hello');
    const others: [string, string][] = [
      ['node', '1'],
      ['node.hello', '2'],
      ['node.AB-2.x.hello', '3'],
      ['other.AB-2.hello', '4'],
    ];
    const last: [string, string][] = [['node.AB-2.hello', '5']];
    await sayUntil(() => one.size === 1 && more.size === 3 && exact.size === 1, ...others, ...last);
    expect([...one]).toEqual(['node.AB-2.hello 5']);
    expect([...more].sort()).toEqual(['node.AB-2.hello 5', 'node.AB-2.x.hello 3', 'node.hello 2']);
    expect([...exact]).toEqual(['node.AB-2.hello 5']);
  });

  test('BUS-4: a publisher hears its own messages when it has subscribed', async () => {
    const heard: string[] = [];
    bus.here.subscribe('self', (payload) => void heard.push(text(payload)));
    await sayUntil(() => heard.length > 0, ['self', 'me']);
    expect(heard[0]).toBe('me');
  });

  test('BUS-5: after unsubscribing nothing more arrives', async () => {
    const gone: string[] = [];
    const subscription = bus.there.subscribe('a', (payload) => void gone.push(text(payload)));
    await bus.there.flush();
    await sayUntil(() => gone.length > 0, ['a', 'before']);
    subscription.unsubscribe();
    await bus.there.flush();
    const heard = await listen('a');
    await sayUntil(() => heard.has('a after'), ['a', 'after']);
    expect(gone).not.toContain('after');
  });

  test('BUS-6: a request is answered by a subscriber, at once or later', async () => {
    bus.there.subscribe('sync', (payload) => bytes(`${text(payload)}!`));
    bus.there.subscribe('later', async (payload) => {
      await Promise.resolve();
      return bytes(`${text(payload)}?`);
    });
    await bus.there.flush();
    expect(text(await askUntilAnswered('sync', bytes('x')))).toBe('x!');
    expect(text(await askUntilAnswered('later', bytes('y')))).toBe('y?');
  });

  test('BUS-7: concurrent requests get each its own answer', async () => {
    bus.there.subscribe('echo.*', (payload) => payload);
    await bus.there.flush();
    const asked = Array.from({ length: 50 }, (_, index) => `question ${index}`);
    const answers = await Promise.all(
      asked.map((question, index) => askUntilAnswered(`echo.${index}`, bytes(question))),
    );
    expect(answers.map(text)).toEqual(asked);
  });

  test('BUS-8: a request that nobody answers rejects with timeout, may be tried again, and not before its time', async () => {
    bus.there.subscribe('listens', () => undefined);
    await bus.there.flush();
    for (const subject of ['listens', 'nobody']) {
      const begin = performance.now();
      const error = await bus.here.request(subject, bytes(''), 60).catch((reason: unknown) => reason);
      expect(error).toMatchObject({ name: 'FlowgridError', code: 'timeout', canRetry: true });
      // Timers of one process may fire a millisecond early by another of its clocks.
      expect(performance.now() - begin).toBeGreaterThanOrEqual(58);
    }
  });

  test('BUS-9: malformed subjects, patterns and oversize payloads are refused where they are made', async () => {
    const usage = expect.objectContaining({ name: 'FlowgridError', code: 'usage' });
    for (const subject of ['', 'a..b', 'a b', '.a', 'a.*', 'a.>']) {
      expect(() => bus.here.publish(subject, bytes(''))).toThrow(usage);
      await expect(bus.here.request(subject, bytes(''), 10)).rejects.toEqual(usage);
    }
    for (const pattern of ['', 'a..b', '>.a', 'a.>.b']) {
      expect(() => bus.here.subscribe(pattern, () => undefined)).toThrow(usage);
    }
    expect(() => bus.here.publish('a', new Uint8Array(1_000_001))).toThrow(usage);
  });

  test('BUS-10: the largest payload arrives', async () => {
    const sizes: number[] = [];
    bus.there.subscribe('big', (payload) => void sizes.push(payload.length));
    await bus.there.flush();
    while (sizes.length === 0) {
      bus.here.publish('big', new Uint8Array(1_000_000));
      await bus.here.flush();
      await delay(1);
    }
    expect(sizes[0]).toBe(1_000_000);
  });

  test('BUS-11: closing rejects what waits; afterwards publishing does nothing, the rest is refused', async () => {
    const closed = expect.objectContaining({ name: 'FlowgridError', code: 'closed' });
    const waiting = bus.here.request('nobody', bytes(''), 60_000).catch((reason: unknown) => reason);
    await bus.here.close();
    expect(await waiting).toEqual(closed);
    bus.here.publish('a', bytes(''));
    await expect(bus.here.request('a', bytes(''), 10)).rejects.toEqual(closed);
    expect(() => bus.here.subscribe('a', () => undefined)).toThrow(closed);
    await bus.here.flush();
    await bus.here.close();
  });
}
