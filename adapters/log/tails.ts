import type { Seq } from '../../domain/base/ids';
import type { StoredCommit } from '../../domain/seams/event-log';

/** Commits that are handed to a tail at a time: bounds what is held in memory while a long history is caught up. */
const TAIL_CHUNK = 1024;

/**
 * The listeners of one log. Each has its own position and is given every accepted commit from there on, without gap or
 * repeat; adapters only say that something may have arrived. The first delivery is on a microtask, never inside `add`.
 */
export class Tails {
  private readonly tails = new Set<Tail>();

  /**
   * @param read reads durable accepted commits: from a seq on, at most so many. At once all of them that there are; where
   *   they must be fetched first, as many as the adapter likes, and one at least.
   */
  constructor(private readonly read: (from: Seq, limit: number) => Page | Promise<Page>) {}

  get size(): number {
    return this.tails.size;
  }

  /** Adds a listener from `from` on; returns the stop function, after which the listener is not called again. */
  add(from: Seq, listener: (commit: StoredCommit) => void): () => void {
    const tail: Tail = { next: Math.max(1, from), listener, busy: false, again: false };
    this.tails.add(tail);
    queueMicrotask(() => this.drain(tail));
    return () => this.tails.delete(tail);
  }

  /** New commits may be there. */
  advance(): void {
    for (const tail of this.tails) this.drain(tail);
  }

  clear(): void {
    this.tails.clear();
  }

  /** A listener may append, and so bring on another `advance` while it runs: that one is done after it, in order. */
  private drain(tail: Tail): void {
    tail.again = true;
    if (tail.busy) return;
    tail.busy = true;
    try {
      while (tail.again) {
        tail.again = false;
        const coming = this.deliver(tail);
        if (coming !== undefined) return this.deliverLater(tail, coming);
      }
    } catch (error) {
      this.lose(tail, error);
    }
    tail.busy = false;
  }

  /** Delivers what can be had at once; returns what must be waited for. */
  private deliver(tail: Tail): Promise<Page> | undefined {
    while (this.tails.has(tail)) {
      const page = this.read(tail.next, TAIL_CHUNK);
      if (!isPage(page)) return page;
      this.hand(tail, page);
      if (page.length < TAIL_CHUNK) break;
    }
    return undefined;
  }

  /** The tail is busy until the page has come: what is committed meanwhile is delivered behind it. Others go on. */
  private deliverLater(tail: Tail, coming: Promise<Page>): void {
    coming.then(
      (page) => this.resume(tail, page),
      // Nobody waits for what could not be read any more.
      (error: unknown) => this.tails.has(tail) && this.lose(tail, error),
    );
  }

  private resume(tail: Tail, page: Page): void {
    try {
      this.hand(tail, page);
    } catch (error) {
      this.lose(tail, error);
    }
    tail.busy = false;
    this.drain(tail);
  }

  private hand(tail: Tail, page: Page): void {
    for (const commit of page) {
      if (!this.tails.has(tail)) return;
      tail.next = commit.seq + 1;
      tail.listener(commit);
    }
  }

  /** A listener that throws has lost its place: it is not called again, and its error is nobody else's. */
  private lose(tail: Tail, error: unknown): void {
    this.tails.delete(tail);
    queueMicrotask(() => {
      throw error;
    });
  }
}

type Page = readonly StoredCommit[];

function isPage(page: Page | Promise<Page>): page is Page {
  return Array.isArray(page);
}

interface Tail {
  next: Seq;
  readonly listener: (commit: StoredCommit) => void;
  busy: boolean;
  again: boolean;
}
