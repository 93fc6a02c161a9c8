import { connect, type NatsConnection } from 'nats';

/** Messages of nodes come every second, so that it is looked at what did not come. */
const WITHIN_MS = 60_000;

/** A message of a statistics stream, as any client of NATS reads it. */
export interface StreamMessage {
  readonly subject: string;
  // What a reader of JSON has: no type of ours.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  readonly told: any;
}

/** What `nats sub 'flowgrid.<grid>.stats.>'` shows: a client of NATS and nothing of this project. */
export class StreamReader {
  readonly messages: StreamMessage[] = [];
  private readonly waiting = new Set<() => void>();

  private constructor(private readonly connection: NatsConnection) {}

  static async subscribe(servers: string, grid: string): Promise<StreamReader> {
    const reader = new StreamReader(await connect({ servers }));
    reader.connection.subscribe(`flowgrid.${grid}.stats.>`, {
      callback: (_, message) => {
        const subject = message.subject.slice(`flowgrid.${grid}.stats.`.length);
        reader.messages.push({ subject, told: JSON.parse(message.string()) as unknown });
        for (const wake of reader.waiting) wake();
        reader.waiting.clear();
      },
    });
    await reader.connection.flush();
    return reader;
  }

  /** The first message from now on of a subject that fits; rejects when none came in time. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  async next(subject: string, fits: (told: any) => boolean = () => true): Promise<any> {
    const until = Date.now() + WITHIN_MS;
    for (let seen = this.messages.length; ;) {
      const found = this.messages.slice(seen).find((each) => each.subject === subject && fits(each.told));
      if (found !== undefined) return found.told;
      if (Date.now() > until) {
        const last = this.messages.findLast((each) => each.subject === subject);
        throw new Error(`no such message of ${subject}; the last one: ${JSON.stringify(last?.told)}`);
      }
      seen = this.messages.length;
      await new Promise<void>((resolve) => this.waiting.add(resolve));
    }
  }

  close(): Promise<void> {
    return this.connection.close();
  }
}
