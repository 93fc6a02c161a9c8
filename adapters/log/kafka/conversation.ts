import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { KafkaSecurity, KafkaTls } from './security';
import { authenticate } from './sasl';
import { Answer, bytesOf, int16, int32, text } from './wire';

/** No answer that is asked for here is longer. */
const ANSWER_BYTES_MAX = 1_000_000;
const CORRELATION = 0x666c6f77;

/** A request by its number in the protocol, and the version of its encoding; headers and bodies are not compact. */
export interface Request {
  readonly api: number;
  readonly version: number;
  readonly body: readonly Buffer[];
}

/** Asks one broker one thing after another, for what the client library does not offer. */
export interface Conversation {
  ask(request: Request): Promise<Answer>;
}

/**
 * Talks to a broker while `use` runs, as the security says.
 *
 * @param broker `host:port`
 * @throws Error when it does not answer in time, or refuses to.
 */
export async function converse<Result>(
  broker: string,
  security: KafkaSecurity,
  timeoutMs: number,
  use: (broker: Conversation) => Promise<Result>,
): Promise<Result> {
  const line = new Line(await reach(broker, security.tls, timeoutMs), broker, timeoutMs);
  try {
    if (security.sasl !== undefined) await authenticate(line, security.sasl);
    return await use(line);
  } finally {
    line.end();
  }
}

function reach(broker: string, tls: KafkaTls | undefined, timeoutMs: number): Promise<Socket> {
  const colon = broker.lastIndexOf(':');
  const place = { host: broker.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(broker.slice(colon + 1)) };
  const socket = tls === undefined ? connect(place) : connectTls({ ...place, ...filesOf(tls) });
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => {
      socket.destroy();
      reject(error);
    };
    socket.setTimeout(timeoutMs, () => fail(late(broker, timeoutMs)));
    socket.once('error', fail);
    socket.once(tls === undefined ? 'connect' : 'secureConnect', () => {
      socket.off('error', fail);
      resolve(socket);
    });
  });
}

function filesOf({ ca, cert, key }: KafkaTls): { ca?: Buffer; cert?: Buffer; key?: Buffer } {
  return {
    ...(ca === undefined ? {} : { ca: readFileSync(ca) }),
    ...(cert === undefined ? {} : { cert: readFileSync(cert) }),
    ...(key === undefined ? {} : { key: readFileSync(key) }),
  };
}

function late(broker: string, timeoutMs: number): Error {
  return new Error(`${broker} did not answer within ${timeoutMs} ms`);
}

/** One connection, on which one question at a time is asked. */
class Line implements Conversation {
  private got = Buffer.alloc(0);
  private waiting: { resolve(answer: Answer): void; reject(error: Error): void } | undefined;

  constructor(
    private readonly socket: Socket,
    private readonly broker: string,
    timeoutMs: number,
  ) {
    socket.removeAllListeners('timeout');
    socket.setTimeout(timeoutMs, () => this.fail(late(broker, timeoutMs)));
    socket.on('error', (error) => this.fail(error));
    socket.once('close', () => this.fail(new Error(`${broker} closed the connection`)));
    socket.on('data', (part: Buffer) => this.take(part));
  }

  ask({ api, version, body }: Request): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.waiting = { resolve, reject };
      this.socket.write(bytesOf([int16(api), int16(version), int32(CORRELATION), text('flowgrid'), ...body]));
    });
  }

  end(): void {
    this.socket.destroy();
  }

  private take(part: Buffer): void {
    this.got = Buffer.concat([this.got, part]);
    if (this.got.length < 4) return;
    const length = this.got.readInt32BE(0);
    if (length < 4 || length > ANSWER_BYTES_MAX) return this.fail(new Error(`${this.broker} answered something else`));
    if (this.got.length < 4 + length) return;
    const answer = new Answer(this.got.subarray(4, 4 + length));
    this.got = this.got.subarray(4 + length);
    if (answer.int32() !== CORRELATION) return this.fail(new Error(`${this.broker} answered something else`));
    const { waiting } = this;
    this.waiting = undefined;
    waiting?.resolve(answer);
  }

  private fail(error: Error): void {
    const { waiting } = this;
    this.waiting = undefined;
    waiting?.reject(error);
    this.socket.destroy();
  }
}
