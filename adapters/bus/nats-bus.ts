import type { ConnectionOptions, Msg, NatsConnection } from 'nats';
import { setTimeout as delay } from 'node:timers/promises';
import { FlowgridError } from '../../domain/base/errors';
import type { Bus, BusHandler, BusSubscription } from '../../domain/seams/bus';
import { compilePattern } from './matching';
import { identity, isUnreachable, refusal, type NatsSecurity } from './nats-security';
import { type HandlerErrorListener, busClosed, checkMessage, noAnswer, throwHandlerError } from './message';

export interface NatsBusOptions {
  /** `host:port`, one or several of a NATS cluster. */
  readonly servers: string | readonly string[];
  /** Shown in the server's list of connections. */
  readonly name?: string;
  /** How long the first connection may take, in milliseconds; default 5,000. */
  readonly connectWithinMs?: number;
  readonly onHandlerError?: HandlerErrorListener;
  /** Absent: servers that let everybody in. */
  readonly security?: NatsSecurity;
}

/** What a NATS bus lost on its own side. */
export interface NatsBusCounts {
  /** Messages given up because no server was connected. */
  dropped: number;
  reconnects: number;
}

export interface NatsBus extends Bus {
  /** What is published while no server can be reached is dropped and counted, never piled up. */
  readonly counts: Readonly<NatsBusCounts>;
}

/** Pause between attempts to reach a server again, in milliseconds. */
const RECONNECT_PAUSE_MS = 250;
const CONNECT_WITHIN_MS = 5_000;
/**
 * One attempt takes no longer: the system asks a silent server again after 1, 3 and 7 s, and one that is back would wait for
 * that.
 */
const ATTEMPT_MS = 2_000;
/**
 * A server that has not answered so many pings is gone, and another connection is tried: on the old one, what was lost
 * in a cut goes out again only after about as long as the cut lasted.
 */
const PING_MS = 500;
const PINGS_MAX = 2;

/**
 * Connects to nats-server. Subscriptions survive the loss of the server: the connection is tried again for ever.
 * The `nats` package is loaded here and nowhere else, so that an install without it works until this is called.
 *
 * @throws FlowgridError `unsupported` without the package, `timeout` when no server answers, `rejected` when one does not let this
 *   client in, or is not believed.
 */
export async function connectNatsBus(options: NatsBusOptions): Promise<NatsBus> {
  const nats = await import('nats').catch((cause: unknown) => {
    throw new FlowgridError('unsupported', 'the nats package is not installed', {
      remedy: 'npm install nats@2',
      cause,
    });
  });
  const settings: ConnectionOptions = {
    servers: typeof options.servers === 'string' ? options.servers : [...options.servers],
    name: options.name ?? 'flowgrid',
    timeout: ATTEMPT_MS,
    maxReconnectAttempts: -1,
    reconnectTimeWait: RECONNECT_PAUSE_MS,
    pingInterval: PING_MS,
    maxPingOut: PINGS_MAX,
    // A stack for each request, in case it fails, costs more than the request; errors name the subject.
    noAsyncTraces: true,
    ...identity(options.security ?? {}, nats),
  };
  const connection = await attempts(() => nats.connect(settings), options);
  return new ConnectedBus(connection, options.onHandlerError ?? throwHandlerError);
}

/** Connects; where one attempt takes too long, again while there is time. */
async function attempts(
  connect: () => Promise<NatsConnection>,
  { servers, connectWithinMs = CONNECT_WITHIN_MS }: NatsBusOptions,
): Promise<NatsConnection> {
  for (const began = performance.now(); ; await delay(RECONNECT_PAUSE_MS)) {
    try {
      return await connect();
    } catch (cause) {
      const isLate = (cause as { code?: unknown }).code === 'TIMEOUT';
      if (!isUnreachable(cause)) throw refusal(String(servers), cause);
      if (isLate && performance.now() - began < connectWithinMs - ATTEMPT_MS) continue;
      throw new FlowgridError('timeout', `no NATS server answers at ${String(servers)}: ${(cause as Error).message}`, {
        canRetry: true,
        remedy: 'start nats-server, or correct the address',
        cause,
      });
    }
  }
}

class ConnectedBus implements NatsBus {
  readonly kind = 'nats';
  readonly counts: NatsBusCounts = { dropped: 0, reconnects: 0 };
  connected = true;
  private readonly closing = new AbortController();
  /** Ends what waits for answers over the present connection. */
  private readonly waiting = new Set<() => void>();

  constructor(
    private readonly connection: NatsConnection,
    private readonly onHandlerError: HandlerErrorListener,
  ) {
    void this.watch();
  }

  publish(subject: string, payload: Uint8Array): void {
    checkMessage(subject, payload);
    if (this.connection.isClosed()) return;
    if (this.connected) this.connection.publish(subject, copy(payload));
    else this.counts.dropped++;
  }

  subscribe(pattern: string, handler: BusHandler): BusSubscription {
    compilePattern(pattern);
    if (this.connection.isClosed()) throw busClosed(`subscribe ${pattern}`);
    const subscription = this.connection.subscribe(pattern, {
      callback: (error, message) => {
        if (error !== null) this.onHandlerError(error, pattern);
        else void this.call(handler, message);
      },
    });
    return { unsubscribe: () => subscription.unsubscribe() };
  }

  async request(subject: string, payload: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
    checkMessage(subject, payload);
    if (this.closing.signal.aborted) throw busClosed(`request ${subject}`);
    const patience = this.patience(timeoutMs);
    const lost = patience.over.then(() => {
      throw new Error('no answer over this connection');
    });
    try {
      if (!this.connected) return await lost;
      const answer = this.connection.request(subject, copy(payload), { timeout: timeoutMs });
      return (await Promise.race([answer, lost])).data;
    } catch (error) {
      // NATS says at once that nobody listens. Waiting all the same keeps callers that try again from spinning.
      await patience.over;
      throw this.closing.signal.aborted ? busClosed(`request ${subject}`) : noAnswer(subject, timeoutMs, error);
    } finally {
      patience.end();
    }
  }

  async flush(): Promise<void> {
    if (this.connection.isClosed() || !this.connected) return;
    // A flush that a disconnection cuts short has nothing left to wait for: its messages are gone.
    await this.connection.flush().catch(() => undefined);
  }

  async close(): Promise<void> {
    await this.flush();
    this.closing.abort();
    this.endPatience();
    await this.connection.close();
  }

  private async call(handler: BusHandler, message: Msg): Promise<void> {
    try {
      const answer = await handler(message.data, message.subject);
      if (answer === undefined || !message.reply || this.connection.isClosed()) return;
      if (this.connected) message.respond(copy(answer));
      else this.counts.dropped++;
    } catch (error) {
      this.onHandlerError(error, message.subject);
    }
  }

  /** Over after this time, or as soon as there is another connection: nothing comes by the one before. */
  private patience(ms: number): { readonly over: Promise<void>; readonly end: () => void } {
    let end!: () => void;
    const over = new Promise<void>((resolve) => {
      const timer = setTimeout(() => end(), ms);
      end = () => {
        clearTimeout(timer);
        this.waiting.delete(end);
        resolve();
      };
      this.waiting.add(end);
    });
    return { over, end };
  }

  private endPatience(): void {
    for (const end of [...this.waiting]) end();
  }

  /** Follows the connection, so that nothing is published into a buffer that no server will ever read. */
  private async watch(): Promise<void> {
    for await (const { type } of this.connection.status()) {
      if (type === 'disconnect') this.connected = false;
      if (type !== 'reconnect') continue;
      this.connected = true;
      this.counts.reconnects++;
      this.endPatience();
    }
  }
}

/** The client keeps a reference until the socket takes the bytes, and the caller may use its buffer again before that. */
function copy(payload: Uint8Array): Uint8Array {
  return new Uint8Array(payload);
}
