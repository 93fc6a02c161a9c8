import { existsSync, readdirSync, readFileSync } from 'node:fs';

const TASKS = '/proc/self/task';

/** What the system says about one thread of this process, nanoseconds since it began. */
interface ThreadTime {
  /** On a core. */
  readonly ran: number;
  /** Ready to run, while the machine had no core for it. */
  readonly waited: number;
}

/**
 * How long threads of this process had to wait for a core: because other programs run on the machine, or the thread that
 * plays the world. What a grid does in that time says nothing about it. Linux tells; elsewhere nothing is left out.
 */
export class CoreTime {
  private readonly before: ReadonlyMap<string, ThreadTime> = threadTimes();

  /** Nanoseconds that this thread had no core since this object was made. */
  withheldHere(): number {
    return this.since().get(String(process.pid))?.waited ?? 0;
  }

  /** The same for the `count` threads that ran longest of those that are not this one, on average. */
  withheldFrom(count: number): number {
    const others = [...this.since()].filter(([thread]) => thread !== String(process.pid)).map(([, time]) => time);
    const busiest = others.sort((a, b) => b.ran - a.ran).slice(0, count);
    return busiest.reduce((sum, { waited }) => sum + waited, 0) / Math.max(1, busiest.length);
  }

  private since(): Map<string, ThreadTime> {
    return new Map(
      [...threadTimes()].map(([thread, { ran, waited }]) => {
        const before = this.before.get(thread);
        return [thread, { ran: ran - (before?.ran ?? 0), waited: waited - (before?.waited ?? 0) }];
      }),
    );
  }
}

function threadTimes(): Map<string, ThreadTime> {
  const times = new Map<string, ThreadTime>();
  if (!existsSync(TASKS)) return times;
  for (const thread of readdirSync(TASKS)) {
    try {
      const [ran = 0, waited = 0] = readFileSync(`${TASKS}/${thread}/schedstat`, 'utf8').split(' ').map(Number);
      times.set(thread, { ran, waited });
    } catch {
      // The thread has ended, or the system keeps no such figures.
    }
  }
  return times;
}
