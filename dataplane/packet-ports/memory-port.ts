import { FlowgridError } from '../../domain/base/errors';
import { S_LEN, S_OFF, SLOT_FRAME } from '../frames/layout';
import type { PacketPort, PortMemory, PortStatistics } from './port';

/*
 * Words that the two sides share, each on a cache line of its own. Counts grow modulo 2^32.
 */
/** Frames that may enter, in all; written by the driver. */
const GRANTED = 0;
/** Frames that entered, and frames that left, in all; written by the port. */
const ENTERED = 16;
const LEFT = 32;
/** Beside each of the two: the port gives a signal when it comes to that; written by the driver. */
const ALARM = 32;
const CONTROL_WORDS = 80;

/** Frames lie as in a slot, so that both are copied in whole words: their first byte is the third of a word. */
const PADDING = SLOT_FRAME & 3;

/** What another thread needs to open the port of a {@link MemoryNetwork}; structured-cloneable. */
export interface MemoryPortShare {
  readonly control: SharedArrayBuffer;
  readonly bytes: SharedArrayBuffer;
  readonly starts: SharedArrayBuffer;
  /** Number of the frame after which the frames begin anew, and of the one with which they do. */
  readonly count: number;
  readonly repeatFrom: number;
}

/** Frames to be put into a {@link MemoryNetwork}: number `index` is written to `target` at `at`, its length returned. */
export interface MemoryFrames {
  readonly length: number;
  copyTo(index: number, target: Uint8Array, at: number): number;
}

/**
 * An external network in memory, for measuring: frames that were prepared enter in order, as many as are granted, and
 * those that leave are counted. One thread owns its port, another grants.
 */
export class MemoryNetwork {
  private readonly control: Int32Array;

  private constructor(readonly share: MemoryPortShare) {
    this.control = new Int32Array(share.control);
  }

  /**
   * Prepares frames of at most `frameMax` bytes: all of `once` enter once, those of `again` after them, again and again.
   */
  static create(once: readonly MemoryFrames[], again: MemoryFrames, frameMax: number): MemoryNetwork {
    const all = [...once, again];
    const count = all.reduce((sum, { length }) => sum + length, 0);
    const starts = new SharedArrayBuffer(8 * count);
    const places = new Uint32Array(starts);
    const one = new Uint8Array(frameMax);
    let n = 0;
    let end = 0;
    const lay = (put: (frames: MemoryFrames, index: number) => number): void => {
      n = end = 0;
      for (const frames of all) {
        for (let i = 0; i < frames.length; i++, n++) {
          places[2 * n] = end;
          places[2 * n + 1] = put(frames, i);
          end = (end + PADDING + places[2 * n + 1] + 3) & ~3;
        }
      }
    };
    lay((frames, index) => frames.copyTo(index, one, 0));
    const bytes = new SharedArrayBuffer(end);
    const target = new Uint8Array(bytes);
    lay((frames, index) => frames.copyTo(index, target, end + PADDING));
    const control = new SharedArrayBuffer(4 * CONTROL_WORDS);
    return new MemoryNetwork({ control, bytes, starts, count, repeatFrom: count - again.length });
  }

  /** Lets `n` more frames enter; whoever owns the port must be told to look. */
  grant(n: number): void {
    Atomics.add(this.control, GRANTED, n);
  }

  get granted(): number {
    return Atomics.load(this.control, GRANTED);
  }

  get entered(): number {
    return Atomics.load(this.control, ENTERED);
  }

  get left(): number {
    return Atomics.load(this.control, LEFT);
  }

  /**
   * Blocks this thread until `n` frames have entered in all.
   * @throws FlowgridError `timeout` when none has for `patienceMs`.
   */
  awaitEntered(n: number, patienceMs: number): void {
    this.await(ENTERED, n, patienceMs);
  }

  /** As {@link awaitEntered}, for frames that have left. */
  awaitLeft(n: number, patienceMs: number): void {
    this.await(LEFT, n, patienceMs);
  }

  private await(word: number, n: number, patienceMs: number): void {
    Atomics.store(this.control, word + ALARM, n);
    for (;;) {
      const seen = Atomics.load(this.control, word);
      if (((seen - n) | 0) >= 0) return;
      const woken = Atomics.wait(this.control, word, seen, patienceMs);
      if (woken === 'timed-out' && Atomics.load(this.control, word) === seen) {
        throw new FlowgridError('timeout', `a network in memory came to rest after ${seen} frames of ${n}`);
      }
    }
  }
}

/** The port of a {@link MemoryNetwork}. */
export class MemoryPort implements PacketPort {
  private readonly control: Int32Array;
  private readonly words: Uint32Array;
  private readonly starts: Uint32Array;
  private next = 0;
  private entered = 0;
  private left = 0;
  private bytesIn = 0;
  private bytesOut = 0;

  constructor(
    private readonly memory: PortMemory,
    private readonly share: MemoryPortShare,
  ) {
    this.control = new Int32Array(share.control);
    this.words = new Uint32Array(share.bytes);
    this.starts = new Uint32Array(share.starts);
  }

  receive(list: number, max: number): number {
    const { control, memory, starts, share } = this;
    const wanted = Math.min(max, (Atomics.load(control, GRANTED) - this.entered) | 0);
    let n = 0;
    for (; n < wanted; n++) {
      const slot = memory.slots.allocate();
      if (slot < 0) break;
      const length = starts[2 * this.next + 1];
      this.copy(starts[2 * this.next] >>> 2, slot, length);
      memory.arena.u32[(list >>> 2) + n] = slot;
      this.bytesIn += length;
      this.next = this.next + 1 === share.count ? share.repeatFrom : this.next + 1;
    }
    this.entered = this.tell(ENTERED, this.entered, n);
    return n;
  }

  send(list: number, n: number): number {
    const { arena, slots } = this.memory;
    for (let i = 0; i < n; i++) {
      const slot = arena.u32[(list >>> 2) + i];
      this.bytesOut += arena.u32[(arena.slot(slot) + S_LEN) >>> 2];
      slots.free(slot);
    }
    this.left = this.tell(LEFT, this.left, n);
    return n;
  }

  statistics(): PortStatistics {
    const { entered, left, bytesIn, bytesOut } = this;
    return { framesIn: entered >>> 0, framesOut: left >>> 0, bytesIn, bytesOut, dropped: {} };
  }

  async close(): Promise<void> {}

  private copy(from: number, slot: number, length: number): void {
    const { words, memory } = this;
    const { u32 } = memory.arena;
    const address = memory.arena.slot(slot);
    u32[(address + S_OFF) >>> 2] = SLOT_FRAME;
    u32[(address + S_LEN) >>> 2] = length;
    const to = (address + SLOT_FRAME) >>> 2;
    const count = (PADDING + length + 3) >>> 2;
    for (let i = 0; i < count; i++) u32[to + i] = words[from + i];
  }

  /** Adds to a count, and gives the signal if that is what the driver waits for; returns the count. */
  private tell(word: number, before: number, n: number): number {
    if (n === 0) return before;
    const missing = (Atomics.load(this.control, word + ALARM) - before) | 0;
    const count = (before + n) | 0;
    Atomics.store(this.control, word, count);
    if (missing > 0 && missing <= n) Atomics.notify(this.control, word);
    return count;
  }
}
