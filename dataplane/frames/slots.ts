import type { Arena } from './arena';
import { A_FREE_BATCH, A_FREE_HEAD, A_FREE_LINKS, A_SLOT_COUNT } from './layout';

/** 2^18 − 1 slot numbers fit the head of the shared stack; more would not fit into 4 GiB anyway. */
export const SLOT_COUNT_MAX = 0x3_ffff;
/** What {@link SlotPool.allocate} returns when no slot is free. */
export const NO_SLOT = -1;
/** S_FRAME_NO of a frame that a node itself created: taps and reports show it as such. */
export const NO_FRAME_NUMBER = 0xffff_ffff;

const INDEX_MASK = 0x3_ffff;
const TAG_ONE = 0x4_0000;
const HEAD = A_FREE_HEAD >>> 2;

/** Slots that change between a thread and the shared stack at once: few when there are few slots, 64 at most. */
export function batchSize(slots: number): number {
  return Math.max(1, Math.min(64, slots >>> 4));
}

/** Puts every slot on the shared stack. For the creator of an arena, before any other thread knows of it. */
export function stackFreeSlots(words: Uint32Array): void {
  const count = words[A_SLOT_COUNT >>> 2];
  const batch = words[A_FREE_BATCH >>> 2];
  const links = words[A_FREE_LINKS >>> 2] >>> 2;
  let below = 0;
  for (let last = count; last > 0; last -= Math.min(batch, last)) {
    const first = last - Math.min(batch, last);
    for (let slot = first; slot < last; slot++) {
      words[links + 2 * slot] = slot + 1 < last ? slot + 2 : 0;
      words[links + 2 * slot + 1] = 0;
    }
    words[links + 2 * first + 1] = below;
    below = first + 1;
  }
  words[HEAD] = below;
}

/**
 * One thread's hold on the free slots. Slots are taken from and given to a cache of the thread's own; the cache is
 * refilled from, and spilled to, a stack of batches shared by all threads.
 *
 * The shared stack is Treiber's: its elements are batches, chained through two words per slot outside of the slots
 * (`link[slot] = (next in batch + 1, batch below + 1)`). Its head carries a 14-bit tag that changes with every
 * exchange, so that a stale head is recognised unless a thread sleeps between its load and its exchange while
 * exactly a multiple of 16,384 batches passes.
 */
export class SlotPool {
  private readonly words: Uint32Array;
  private readonly links: number;
  private readonly batch: number;
  private readonly cache: Uint32Array;
  private cached = 0;

  constructor(arena: Arena) {
    this.words = arena.u32;
    this.links = arena.u32[A_FREE_LINKS >>> 2] >>> 2;
    this.batch = arena.u32[A_FREE_BATCH >>> 2];
    this.cache = new Uint32Array(2 * this.batch);
  }

  /** A free slot's number, or {@link NO_SLOT}. Its contents are whatever they were. */
  allocate(): number {
    if (this.cached === 0 && !this.refill()) return NO_SLOT;
    return this.cache[--this.cached];
  }

  /** Gives a slot back. The caller must own it: nobody else may still hold its number. */
  free(slot: number): void {
    if (this.cached === this.cache.length) this.spill(this.batch);
    this.cache[this.cached++] = slot;
  }

  /** Returns the cached slots to the shared stack, for a thread that ends or rests. */
  flush(): void {
    while (this.cached > 0) this.spill(Math.min(this.batch, this.cached));
  }

  /** Free slots: this thread's and the shared ones. Walks the stack; exact only while no other thread moves slots. */
  countFree(): number {
    const { words, links } = this;
    let count = this.cached;
    for (let batch = words[HEAD] & INDEX_MASK; batch !== 0; batch = words[links + 2 * (batch - 1) + 1]) {
      for (let slot = batch; slot !== 0; slot = words[links + 2 * (slot - 1)]) count++;
    }
    return count;
  }

  private refill(): boolean {
    const { words, links } = this;
    for (;;) {
      const head = Atomics.load(words, HEAD);
      const top = head & INDEX_MASK;
      if (top === 0) return false;
      const below = Atomics.load(words, links + 2 * (top - 1) + 1);
      const next = (((head & ~INDEX_MASK) + TAG_ONE) | (below & INDEX_MASK)) >>> 0;
      if (Atomics.compareExchange(words, HEAD, head, next) !== head) continue;
      for (let slot = top; slot !== 0; slot = words[links + 2 * (slot - 1)]) this.cache[this.cached++] = slot - 1;
      return true;
    }
  }

  /** Moves the `count` slots that were freed first, so that those still in the processor's cache are used again. */
  private spill(count: number): void {
    const { words, links, cache } = this;
    for (let i = 0; i < count; i++) {
      words[links + 2 * cache[i]] = i + 1 < count ? cache[i + 1] + 1 : 0;
    }
    const top = cache[0] + 1;
    cache.copyWithin(0, count, this.cached);
    this.cached -= count;
    for (;;) {
      const head = Atomics.load(words, HEAD);
      Atomics.store(words, links + 2 * (top - 1) + 1, head & INDEX_MASK);
      const next = (((head & ~INDEX_MASK) + TAG_ONE) | top) >>> 0;
      if (Atomics.compareExchange(words, HEAD, head, next) === head) return;
    }
  }
}
