import type { Arena } from '../frames/arena';
import { DESCRIPTOR_MAX, FRAME_MAX, PACKED_FIELDS, S_DESC_LEN, S_LEN } from '../frames/layout';
import { NO_SLOT } from '../frames/slots';
import type { GroupContext } from './context';
import type { FlowSide } from './flow-side';

/** Bytes of a chunk; holds more than one of the longest frames. */
const CHUNK = 64 * 1024;

/**
 * An entry: u32 bytes of it in all (0 = the chunk ends here), u32 hello round in which it was held, u32 side index of
 * its flow (or {@link GONE}), u32 address of the flow's entry before; then the packed frame. Chained from the newest to the
 * oldest, so that holding a frame writes to no entry but its own: the one before has left the cache.
 */
const E_SIZE = 0;
const E_ROUND = 4;
const E_FLOW = 8;
const E_BEFORE = 12;
const ENTRY = 16;
/** E_FLOW of an entry whose frame was taken out before its time. */
const GONE = 0xffff_ffff;

if (ENTRY + PACKED_FIELDS + DESCRIPTOR_MAX + FRAME_MAX + 32 > CHUNK) throw new RangeError('a frame fits no chunk');

/** Chunks of memory for held frames, shared by the nodes of a group: what one has let go of the next one takes. */
export class HoldChunks {
  private readonly free: number[] = [];

  constructor(private readonly arena: Arena) {}

  /** The address of a chunk; 0 when the arena has no room left. */
  take(): number {
    return this.free.pop() ?? this.arena.tryAllocate(CHUNK);
  }

  give(chunk: number): void {
    this.free.push(chunk);
  }
}

/**
 * What a shadow holds back ([0085 c]), oldest first, packed one behind the other outside of the slots: a frame is held
 * for several hello rounds, and slots that rested as long would have left the processor's cache, so that every copy
 * met a cold one. A flow's frames are chained from `heldTail` of its side index; `heldCount` says how many there are.
 */
export class HeldFrames {
  /** Frames held, and their bytes. */
  count = 0;
  bytes = 0;
  /** Chunks in use, oldest first: reading goes on in the first one at {@link oldest}, writing in the last one. */
  private readonly chunks: number[] = [];
  private oldest = 0;
  private at = 0;
  private end = 0;

  constructor(
    private readonly ctx: GroupContext,
    private readonly side: FlowSide,
  ) {}

  /** Holds a copy of the frame in a slot, as the last one of the flow with side index `aux`. False: there is no room. */
  hold(slot: number, address: number, aux: number): boolean {
    const { u16, u32 } = this.ctx.arena;
    const length = u32[(address + S_LEN) >>> 2];
    const size = ENTRY + PACKED_FIELDS + wide(u16[(address + S_DESC_LEN) >>> 1]) + wide(length);
    if (this.at + size > this.end && !this.extend()) return false;
    const entry = this.at;
    const words = entry >>> 2;
    u32[words] = size;
    u32[words + (E_ROUND >>> 2)] = this.ctx.round;
    u32[words + (E_FLOW >>> 2)] = aux;
    u32[words + (E_BEFORE >>> 2)] = this.side.heldTail[aux];
    this.ctx.kernels.pack(slot, entry + ENTRY);
    this.side.heldTail[aux] = entry;
    this.side.heldCount[aux]++;
    this.at = entry + size;
    this.count++;
    this.bytes += length;
    return true;
  }

  /** Whether frames of a flow are held. */
  holds(aux: number): boolean {
    return this.side.heldCount[aux] !== 0;
  }

  /** Takes all held frames of a flow out, oldest first; `take` gets a fresh slot for each, or −1 when no slot is free. */
  takeAll(aux: number, take: (slot: number) => void): void {
    for (const entry of this.entriesOf(aux)) take(this.takeOut(entry, aux));
  }

  /** Lets all frames of a flow go; returns how many there were. */
  forget(aux: number): number {
    const entries = this.entriesOf(aux);
    for (const entry of entries) this.unchain(entry, aux);
    return entries.length;
  }

  /** Lets the oldest frame of all go; false if none is held. */
  forgetOldest(): boolean {
    const { u32 } = this.ctx.arena;
    while (this.count > 0) {
      const aux = u32[(this.first() + E_FLOW) >>> 2];
      if (aux !== GONE) this.unchain(this.oldest, aux);
      this.pass();
      if (aux !== GONE) return true;
    }
    return false;
  }

  /** Lets go of the frames that were held `rounds` hello rounds ago or earlier; returns how many there were. */
  release(rounds: number): number {
    const { u32 } = this.ctx.arena;
    const before = this.count;
    while (this.count > 0) {
      const entry = this.first();
      if (this.ctx.round - u32[(entry + E_ROUND) >>> 2] < rounds) break;
      const aux = u32[(entry + E_FLOW) >>> 2];
      if (aux !== GONE) this.unchain(entry, aux);
      this.pass();
    }
    if (this.count === 0) this.rewind();
    return before - this.count;
  }

  /** Takes every frame out, oldest first; `take` gets a slot of its own for each, or −1 when no slot is free. */
  abandon(take: (slot: number) => void): void {
    const { u32 } = this.ctx.arena;
    while (this.count > 0) {
      const aux = u32[(this.first() + E_FLOW) >>> 2];
      if (aux !== GONE) take(this.takeOut(this.oldest, aux));
      this.pass();
    }
    for (const chunk of this.chunks.splice(0)) this.ctx.holdChunks.give(chunk);
    this.at = this.end = 0;
  }

  /** A flow's entries, oldest first. */
  private entriesOf(aux: number): number[] {
    const entries: number[] = [];
    let entry = this.side.heldTail[aux];
    for (let left = this.side.heldCount[aux]; left > 0; left--) {
      entries.push(entry);
      entry = this.ctx.arena.u32[(entry + E_BEFORE) >>> 2];
    }
    return entries.reverse();
  }

  private takeOut(entry: number, aux: number): number {
    const slot = this.ctx.slots.allocate();
    if (slot !== NO_SLOT) this.ctx.kernels.unpack(entry + ENTRY, slot);
    this.unchain(entry, aux);
    return slot;
  }

  /** Takes an entry, which is its flow's oldest, out of the flow's chain. */
  private unchain(entry: number, aux: number): void {
    const { u32 } = this.ctx.arena;
    const words = entry >>> 2;
    this.side.heldCount[aux]--;
    u32[words + (E_FLOW >>> 2)] = GONE;
    this.count--;
    this.bytes -= u32[(entry + ENTRY + S_LEN) >>> 2];
  }

  /** The oldest entry, gone or not; there must be one. */
  private first(): number {
    const { u32 } = this.ctx.arena;
    const chunk = this.chunks[0];
    if (this.oldest === chunk + CHUNK || u32[(this.oldest + E_SIZE) >>> 2] === 0) {
      this.ctx.holdChunks.give(chunk);
      this.chunks.shift();
      this.oldest = this.chunks[0];
    }
    return this.oldest;
  }

  /** The oldest entry is done with. */
  private pass(): void {
    this.oldest += this.ctx.arena.u32[(this.oldest + E_SIZE) >>> 2];
    if (this.count === 0) this.rewind();
  }

  /** Nothing is held: begins anew in one chunk. */
  private rewind(): void {
    if (this.chunks.length === 0) return;
    while (this.chunks.length > 1) this.ctx.holdChunks.give(this.chunks.shift() as number);
    this.oldest = this.at = this.chunks[0];
    this.end = this.at + CHUNK;
  }

  /** Goes on in another chunk. */
  private extend(): boolean {
    const chunk = this.ctx.holdChunks.take();
    if (chunk === 0) return false;
    if (this.at < this.end) this.ctx.arena.u32[(this.at + E_SIZE) >>> 2] = 0;
    if (this.chunks.length === 0) this.oldest = chunk;
    this.chunks.push(chunk);
    this.at = chunk;
    this.end = chunk + CHUNK;
    return true;
  }
}

/** Rounded up as the kernel `pack` does. */
function wide(length: number): number {
  return (length + 15) & ~15;
}
