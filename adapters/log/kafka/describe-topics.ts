import { connect } from 'node:net';

/** A topic's settings as a broker tells them, by name; undefined: it does not know the topic (yet). */
export type TopicSettings = ReadonlyMap<string, string | null> | undefined;

const DESCRIBE_CONFIGS = 32;
/** The newest version whose encoding is not compact; brokers from 4.0 on know 1 to 4. */
const VERSION = 1;
const RESOURCE_TOPIC = 2;
const CORRELATION = 0x666c6f77;
/** `UNKNOWN_TOPIC_OR_PARTITION` of the Kafka protocol. */
const UNKNOWN_TOPIC = 3;
/** No answer about three topics is longer. */
const ANSWER_BYTES_MAX = 1_000_000;

/**
 * Asks one broker for the settings of topics: `DescribeConfigs`, the one request that is needed here and that the client
 * library does not offer.
 *
 * @param broker `host:port`
 * @throws Error when the broker does not answer in time, or refuses to.
 */
export async function describeTopics(
  broker: string,
  topics: readonly string[],
  timeoutMs: number,
): Promise<ReadonlyMap<string, TopicSettings>> {
  const answer = new Answer(await exchange(broker, request(topics), timeoutMs));
  if (answer.int32() !== CORRELATION) throw new Error(`${broker} answered something else`);
  answer.int32(); // throttle time
  const described = new Map<string, TopicSettings>();
  for (let left = answer.int32(); left > 0; left--) {
    const error = answer.int16();
    const message = answer.text();
    answer.int8(); // resource type
    const topic = answer.text() ?? '';
    const settings = settingsOf(answer);
    if (error !== 0 && error !== UNKNOWN_TOPIC) throw new Error(`${topic}: ${message ?? `error ${error}`}`);
    described.set(topic, error === 0 ? settings : undefined);
  }
  return described;
}

function settingsOf(answer: Answer): ReadonlyMap<string, string | null> {
  const settings = new Map<string, string | null>();
  for (let left = answer.int32(); left > 0; left--) {
    const name = answer.text() ?? '';
    settings.set(name, answer.text());
    answer.skip(3); // read-only, source, sensitive
    answer.int32(); // synonyms: none were asked for
  }
  return settings;
}

function request(topics: readonly string[]): Buffer {
  const names = topics.map((topic) => Buffer.concat([Buffer.of(RESOURCE_TOPIC), text(topic), int32(-1)]));
  const body = [
    int16(DESCRIBE_CONFIGS),
    int16(VERSION),
    int32(CORRELATION),
    text('flowgrid'),
    int32(topics.length),
    ...names,
    Buffer.of(0), // without synonyms
  ];
  const length = body.reduce((sum, part) => sum + part.length, 0);
  return Buffer.concat([int32(length), ...body]);
}

/** Sends a request and resolves with the answer behind its length. */
function exchange(broker: string, bytes: Buffer, timeoutMs: number): Promise<Buffer> {
  const colon = broker.lastIndexOf(':');
  const host = broker.slice(0, colon).replace(/^\[|\]$/g, '');
  return new Promise((resolve, reject) => {
    const socket = connect(Number(broker.slice(colon + 1)), host);
    let got = Buffer.alloc(0);
    const end = (error?: Error): void => {
      socket.destroy();
      if (error === undefined) resolve(got.subarray(4));
      else reject(error);
    };
    socket.setTimeout(timeoutMs, () => end(new Error(`${broker} did not answer within ${timeoutMs} ms`)));
    socket.once('error', end);
    socket.once('close', () => end(new Error(`${broker} closed the connection`)));
    socket.once('connect', () => socket.write(bytes));
    socket.on('data', (part) => {
      got = Buffer.concat([got, part]);
      if (got.length < 4) return;
      const length = got.readInt32BE(0);
      if (length < 0 || length > ANSWER_BYTES_MAX) end(new Error(`${broker} answered something else`));
      else if (got.length >= 4 + length) end();
    });
  });
}

/** Reads an answer's fields one after another. */
class Answer {
  private at = 0;

  constructor(private readonly bytes: Buffer) {}

  skip(count: number): void {
    this.at += count;
  }

  int8(): number {
    this.skip(1);
    return this.bytes.readInt8(this.at - 1);
  }

  int16(): number {
    this.skip(2);
    return this.bytes.readInt16BE(this.at - 2);
  }

  int32(): number {
    this.skip(4);
    return this.bytes.readInt32BE(this.at - 4);
  }

  /** A text, or null. */
  text(): string | null {
    const length = this.int16();
    if (length < 0) return null;
    this.skip(length);
    return this.bytes.toString('utf8', this.at - length, this.at);
  }
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([int16(bytes.length), bytes]);
}
