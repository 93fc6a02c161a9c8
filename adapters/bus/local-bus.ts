import { FlowgridError } from '../../domain/base/errors';
import type { Prng } from '../../domain/base/prng';
import type { Bus, BusHandler, BusSubscription } from '../../domain/seams/bus';
import type { Clock, Timers } from '../../domain/seams/clock';
import { type Matcher, compilePattern } from './matching';
import { type HandlerErrorListener, busClosed, checkMessage, noAnswer, throwHandlerError } from './message';

/** How a local bus misbehaves; each figure is a probability in [0, 1], drawn for every message, replies included. */
export interface BusFaults {
  /** The message is lost. */
  readonly drop?: number;
  /** It arrives twice. */
  readonly repeat?: number;
  /** It is held back for 1 to {@link reorderMs} milliseconds, so that later messages overtake it. */
  readonly reorder?: number;
  /** Default 20. */
  readonly reorderMs?: number;
  /** Pattern of the subjects concerned; a reply counts under the subject that it answers. Default: all. */
  readonly on?: string;
}

/** What a local bus did, to prove that a test under faults met some. */
export interface BusCounts {
  published: number;
  delivered: number;
  dropped: number;
  repeated: number;
  reordered: number;
}

export interface LocalBusOptions {
  readonly clock: Clock;
  /** Deadlines of requests and held-back messages. */
  readonly timers: Timers;
  /** Needed with faults; the bus forks its own stream from it. */
  readonly prng?: Prng;
  readonly faults?: BusFaults;
  readonly onHandlerError?: HandlerErrorListener;
}

/** The bus inside one process. */
export interface LocalBus extends Bus {
  /** Delivers everything that is queued, and what that causes, now; returns how many messages were delivered. */
  pump(): number;
  /** Changes the faults from the next message on; `{}` ends them. */
  setFaults(faults: BusFaults): void;
  readonly counts: Readonly<BusCounts>;
}

interface Message {
  readonly subject: string;
  readonly payload: Uint8Array;
  /** Number of the request that a handler's answer goes back to; 0 for none. */
  readonly request: number;
  /** Whether this is such an answer. */
  readonly answer: boolean;
}

interface Subscription {
  readonly matches: Matcher;
  readonly handler: BusHandler;
}

interface PendingRequest {
  resolve(answer: Uint8Array): void;
  reject(error: FlowgridError): void;
  readonly stopTimer: () => void;
}

const REORDER_MS = 20;
/** Subjects whose subscribers are remembered; more than any grid's agents use, and a bound against endless names. */
const ROUTES_MAX = 4096;

/**
 * A control bus inside one process, with the subjects and wildcards of NATS.
 *
 * Order and time are deterministic. Publishing never calls a handler: messages queue and are delivered in order of
 * publication, subscribers in order of subscription, in the microtask after the first of them was queued, or by
 * {@link LocalBus.pump} if that comes first. Nothing else runs in between, and deadlines are on the injected timers,
 * so a run on a simulated clock is a function of its seed. Payloads are copied once, when published; handlers must not
 * change them.
 */
export function createLocalBus(options: LocalBusOptions): LocalBus {
  return new InProcessBus(options);
}

class InProcessBus implements LocalBus {
  readonly connected = true;
  readonly kind = 'local';
  readonly counts: BusCounts = { published: 0, delivered: 0, dropped: 0, repeated: 0, reordered: 0 };
  private readonly time: { readonly clock: Clock; readonly timers: Timers };
  private readonly prng: Prng | undefined;
  private readonly onHandlerError: HandlerErrorListener;
  private faults: BusFaults = {};
  private concerned: Matcher = () => true;
  private readonly subscriptions = new Set<Subscription>();
  private readonly routes = new Map<string, readonly Subscription[]>();
  private readonly requests = new Map<number, PendingRequest>();
  private readonly heldBack = new Set<() => void>();
  private lastRequest = 0;
  private queue: Message[] = [];
  private delivering = false;
  private woken = false;
  private closed = false;

  constructor(options: LocalBusOptions) {
    this.time = { clock: options.clock, timers: options.timers };
    this.prng = options.prng?.fork('bus');
    this.onHandlerError = options.onHandlerError ?? throwHandlerError;
    this.setFaults(options.faults ?? {});
  }

  setFaults(faults: BusFaults): void {
    const any = [faults.drop, faults.repeat, faults.reorder].some((probability) => (probability ?? 0) > 0);
    if (any && this.prng === undefined) throw new FlowgridError('usage', 'a bus with faults needs a prng');
    this.concerned = compilePattern(faults.on ?? '>');
    this.faults = any ? faults : {};
  }

  publish(subject: string, payload: Uint8Array): void {
    checkMessage(subject, payload);
    if (this.closed) return;
    this.send({ subject, payload: new Uint8Array(payload), request: 0, answer: false });
  }

  subscribe(pattern: string, handler: BusHandler): BusSubscription {
    if (this.closed) throw busClosed(`subscribe ${pattern}`);
    const subscription: Subscription = { matches: compilePattern(pattern), handler };
    this.subscriptions.add(subscription);
    this.routes.clear();
    return {
      unsubscribe: () => {
        this.subscriptions.delete(subscription);
        this.routes.clear();
      },
    };
  }

  async request(subject: string, payload: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
    checkMessage(subject, payload);
    if (this.closed) throw busClosed(`request ${subject}`);
    const request = ++this.lastRequest;
    const answered = new Promise<Uint8Array>((resolve, reject) => {
      const expire = (): void => this.settle(request)?.reject(noAnswer(subject, timeoutMs));
      const stopTimer = this.time.timers.schedule(this.time.clock.now() + timeoutMs, expire);
      this.requests.set(request, { resolve, reject, stopTimer });
    });
    this.send({ subject, payload: new Uint8Array(payload), request, answer: false });
    return answered;
  }

  pump(): number {
    if (this.delivering) return 0;
    this.delivering = true;
    let delivered = 0;
    try {
      while (this.queue.length > 0) {
        const batch = this.queue;
        this.queue = [];
        for (const message of batch) this.deliver(message);
        delivered += batch.length;
      }
    } finally {
      this.delivering = false;
    }
    return delivered;
  }

  async flush(): Promise<void> {
    // Called by a handler, this lets the delivery it runs in come to its end.
    await Promise.resolve();
    this.pump();
  }

  async close(): Promise<void> {
    await this.flush();
    this.closed = true;
    this.subscriptions.clear();
    this.routes.clear();
    for (const cancel of this.heldBack) cancel();
    this.heldBack.clear();
    for (const request of [...this.requests.keys()]) this.settle(request)?.reject(busClosed('request'));
  }

  /** Passes a message through the faults into the queue. */
  private send(message: Message): void {
    this.counts.published++;
    const { faults, prng } = this;
    if (prng === undefined || !this.concerned(message.subject)) return this.enqueue(message);
    const happens = (probability: number | undefined): boolean => prng.unit() < (probability ?? 0);
    if (happens(faults.drop)) {
      this.counts.dropped++;
      return;
    }
    const repeated = happens(faults.repeat);
    if (repeated) this.counts.repeated++;
    for (let copies = repeated ? 2 : 1; copies > 0; copies--) {
      if (happens(faults.reorder)) this.holdBack(message, 1 + prng.below(faults.reorderMs ?? REORDER_MS));
      else this.enqueue(message);
    }
  }

  private holdBack(message: Message, ms: number): void {
    this.counts.reordered++;
    const cancel = this.time.timers.schedule(this.time.clock.now() + ms, () => {
      this.heldBack.delete(cancel);
      this.enqueue(message);
    });
    this.heldBack.add(cancel);
  }

  private enqueue(message: Message): void {
    this.queue.push(message);
    if (this.woken) return;
    this.woken = true;
    queueMicrotask(() => {
      this.woken = false;
      this.pump();
    });
  }

  private deliver(message: Message): void {
    if (message.answer) {
      this.settle(message.request)?.resolve(message.payload);
      return;
    }
    for (const subscription of this.route(message.subject)) {
      // An earlier handler of this very message may have unsubscribed this one.
      if (this.subscriptions.has(subscription)) this.call(subscription.handler, message);
    }
  }

  private call(handler: BusHandler, message: Message): void {
    this.counts.delivered++;
    try {
      const answer = handler(message.payload, message.subject);
      if (answer === undefined) return;
      if (!isPromise(answer)) return this.answer(message, answer);
      answer.then(
        (bytes) => this.answer(message, bytes),
        (error: unknown) => this.onHandlerError(error, message.subject),
      );
    } catch (error) {
      this.onHandlerError(error, message.subject);
    }
  }

  private answer({ subject, request }: Message, bytes: Uint8Array | undefined): void {
    if (request === 0 || bytes === undefined || this.closed) return;
    this.send({ subject, payload: new Uint8Array(bytes), request, answer: true });
  }

  /** Takes a request off the list, once: later answers and its deadline find nothing. */
  private settle(request: number): PendingRequest | undefined {
    const pending = this.requests.get(request);
    this.requests.delete(request);
    pending?.stopTimer();
    return pending;
  }

  private route(subject: string): readonly Subscription[] {
    let route = this.routes.get(subject);
    if (route === undefined) {
      if (this.routes.size >= ROUTES_MAX) this.routes.clear();
      route = [...this.subscriptions].filter(({ matches }) => matches(subject));
      this.routes.set(subject, route);
    }
    return route;
  }
}

/** Realm-safe: a promise made elsewhere is one too. */
function isPromise(value: Uint8Array | Promise<Uint8Array | void>): value is Promise<Uint8Array | void> {
  return typeof (value as { then?: unknown }).then === 'function';
}
