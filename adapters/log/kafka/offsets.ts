/** Offsets that are stored together, and found together: at most so many are passed over to find one. */
const BLOCK = 1_024;
/** What a block begins with, bytes; most chains stay short. */
const BLOCK_BYTES = 16;
/** The longest step takes as many: 7 of 53 bits in each. */
const STEP_BYTES_MAX = 8;

/**
 * The growing offsets of records in one partition, one after another: mostly a byte for each, because offsets follow
 * each other closely.
 */
export class Offsets {
  /** Blocks that still hold something; those before were let go of. */
  private readonly blocks: Block[] = [];
  private dropped = 0;
  private last = 0;
  /** How many were added, those that were let go of too. */
  length = 0;

  /** Bytes that are held. */
  get bytes(): number {
    return this.blocks.reduce((sum, { steps }) => sum + steps.length, 0);
  }

  /** Adds the next one, which is greater than every earlier one. */
  push(offset: number): void {
    if (this.length % BLOCK === 0) {
      this.seal();
      this.blocks.push({ first: offset, steps: new Uint8Array(BLOCK_BYTES), used: 0 });
    } else addStep(this.blocks.at(-1)!, offset - this.last);
    this.last = offset;
    this.length++;
  }

  /** Those from an index on, at most so many. What was let go of is not among them. */
  slice(from: number, limit: number): number[] {
    const found: number[] = [];
    const end = Math.min(this.length, from + limit);
    for (let index = from; index < end;) {
      const block = this.blocks[Math.floor(index / BLOCK) - this.dropped];
      const blockEnd = (Math.floor(index / BLOCK) + 1) * BLOCK;
      if (block !== undefined) collect(block, index % BLOCK, Math.min(end, blockEnd) - index, found);
      index = blockEnd;
    }
    return found;
  }

  /** Index of the first one that is at least so great; `length` if none is. */
  indexFrom(offset: number): number {
    let at = this.blocks.findLastIndex(({ first }) => first <= offset);
    if (at < 0) at = 0;
    const begin = (this.dropped + at) * BLOCK;
    const within = this.slice(begin, BLOCK).findIndex((known) => known >= offset);
    return within < 0 ? Math.min(this.length, begin + BLOCK) : begin + within;
  }

  /** Lets go of those before an index, as far as whole blocks of them go. */
  dropBefore(index: number): void {
    const gone = Math.min(Math.floor(index / BLOCK) - this.dropped, this.blocks.length);
    if (gone <= 0) return;
    this.blocks.splice(0, gone);
    this.dropped += gone;
  }

  /** A full block keeps no room for more. */
  private seal(): void {
    const full = this.blocks.at(-1);
    if (full !== undefined) full.steps = full.steps.slice(0, full.used);
  }
}

/** The first offset as it is, then what each is more than the one before: seven bits a byte, lowest first. */
interface Block {
  readonly first: number;
  steps: Uint8Array;
  used: number;
}

function addStep(block: Block, step: number): void {
  if (block.used + STEP_BYTES_MAX > block.steps.length) {
    const roomier = new Uint8Array(2 * block.steps.length);
    roomier.set(block.steps);
    block.steps = roomier;
  }
  let rest = step;
  for (; rest > 0x7f; rest = Math.floor(rest / 0x80)) block.steps[block.used++] = (rest % 0x80) | 0x80;
  block.steps[block.used++] = rest;
}

/** Appends `count` offsets of a block, from the one at `from` on. */
function collect({ first, steps }: Block, from: number, count: number, into: number[]): void {
  let offset = first;
  let at = 0;
  for (let index = 0; index < from + count; index++) {
    if (index > 0) {
      let scale = 1;
      while (steps[at]! > 0x7f) {
        offset += (steps[at++]! & 0x7f) * scale;
        scale *= 0x80;
      }
      offset += steps[at++]! * scale;
    }
    if (index >= from) into.push(offset);
  }
}
