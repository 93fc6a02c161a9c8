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

  /** @param read reads durable accepted commits, synchronously: from a seq on, at most so many. */
  constructor(private readonly read: (from: Seq, limit: number) => readonly StoredCommit[]) {}

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
        this.deliver(tail);
      }
    } catch (error) {
      // A listener that throws has lost its place: it is not called again, and its error is nobody else's.
      this.tails.delete(tail);
      queueMicrotask(() => {
        throw error;
      });
    } finally {
      tail.busy = false;
    }
  }

  private deliver(tail: Tail): void {
    for (;;) {
      if (!this.tails.has(tail)) return;
      const commits = this.read(tail.next, TAIL_CHUNK);
      for (const commit of commits) {
        if (!this.tails.has(tail)) return;
        tail.next = commit.seq + 1;
        tail.listener(commit);
      }
      if (commits.length < TAIL_CHUNK) return;
    }
  }
}

interface Tail {
  next: Seq;
  readonly listener: (commit: StoredCommit) => void;
  busy: boolean;
  again: boolean;
}
