import { FlowgridError } from '../../../../domain/base/errors';
import type { StoredCommit } from '../../../../domain/seams/event-log';
import { Tails } from '../../../../adapters/log/tails';

const commitOf = (seq: number): StoredCommit => ({ seq, hash: '', bytes: new Uint8Array() });

/** A log of which everything before a seq must be fetched, and comes when the test says so. */
class Fetched {
  head = 0;
  private readonly asked: { from: number; resolve(page: StoredCommit[]): void; reject(error: unknown): void }[] = [];
  readonly tails = new Tails((from, limit) => {
    if (from >= this.present) return this.commits(from, Math.min(limit, this.head - from + 1));
    return new Promise((resolve, reject) => this.asked.push({ from, resolve, reject }));
  });

  constructor(private readonly present: number) {}

  get waiting(): number[] {
    return this.asked.map(({ from }) => from);
  }

  commit(count: number): void {
    this.head += count;
    this.tails.advance();
  }

  async come(count: number): Promise<void> {
    const { from, resolve } = this.asked.shift()!;
    resolve(this.commits(from, count));
    await turn();
  }

  async fail(error: unknown): Promise<void> {
    this.asked.shift()!.reject(error);
    await turn();
  }

  private commits(from: number, count: number): StoredCommit[] {
    return Array.from({ length: count }, (_, i) => commitOf(from + i));
  }
}

/** Lets promises and microtasks settle. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('tails whose history must be fetched', () => {
  test('FG-433: one from far back gets page after page, then what was committed meanwhile, in order and once', async () => {
    const log = new Fetched(100);
    log.commit(120);
    const seen: number[] = [];
    log.tails.add(90, ({ seq }) => seen.push(seq));
    await turn();
    log.commit(1);
    expect([seen, log.waiting]).toEqual([[], [90]]);
    await log.come(4);
    expect([seen, log.waiting]).toEqual([[90, 91, 92, 93], [94]]);
    log.commit(1);
    await log.come(6);
    log.commit(1);
    expect(seen).toEqual(Array.from({ length: 34 }, (_, i) => 90 + i));
  });

  test('FG-433: one that waits for history does not hold up another, which hears of a commit at once', async () => {
    const log = new Fetched(100);
    log.commit(120);
    const [far, live] = [[] as number[], [] as number[]];
    log.tails.add(1, ({ seq }) => far.push(seq));
    log.tails.add(121, ({ seq }) => live.push(seq));
    await turn();
    log.commit(2);
    expect([far, live]).toEqual([[], [121, 122]]);
  });

  test('one that was stopped gets nothing of a page that comes later, and asks for no more', async () => {
    const log = new Fetched(100);
    log.commit(120);
    const seen: number[] = [];
    const stop = log.tails.add(1, ({ seq }) => seen.push(seq));
    await turn();
    stop();
    await log.come(9);
    expect([seen, log.waiting]).toEqual([[], []]);
  });

  test('a page that fails after the log was closed is nobody’s error', async () => {
    const log = new Fetched(100);
    log.commit(120);
    log.tails.add(1, () => undefined);
    await turn();
    log.tails.clear();
    await log.fail(new FlowgridError('closed', 'this log is closed'));
    expect(log.waiting).toEqual([]);
  });
});
