/** Copies share blocks of this size, unless one needs more than a quarter of it. */
const BLOCK_BYTES = 64 * 1024;

/**
 * Copies what lmdb reads into its reusable buffer. Copies share blocks, and are made word by word, because a buffer for
 * each would cost more than finding the value in the database.
 */
export class ValueBlocks {
  private block = Buffer.alloc(0);
  private words = new Int32Array(0);
  private at = 0;
  /** lmdb's buffer as words. */
  private source: Int32Array = new Int32Array(0);

  /** A copy that is the caller's. */
  copy(value: Uint8Array): Buffer {
    const { length } = value;
    // The reusable buffer is larger than its length says, so that Buffer's own ways of copying refuse it.
    if (value.byteLength === length || length > BLOCK_BYTES / 4) return ownCopy(value, length);
    if (this.at + length > this.block.length) this.nextBlock();
    const { words, at } = this;
    const source = this.wordsOf(value);
    const end = (at + length + 3) >> 2;
    for (let to = at >> 2, from = 0; to < end; to++, from++) words[to] = source[from]!;
    this.at = end << 2;
    return this.block.subarray(at, at + length);
  }

  private nextBlock(): void {
    this.block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
    this.words = new Int32Array(this.block.buffer);
    this.at = 0;
  }

  private wordsOf({ buffer, byteOffset, byteLength }: Uint8Array): Int32Array {
    if (this.source.buffer !== buffer) this.source = new Int32Array(buffer, byteOffset, byteLength >> 2);
    return this.source;
  }
}

function ownCopy(value: Uint8Array, length: number): Buffer {
  return Buffer.from(value.buffer.slice(value.byteOffset, value.byteOffset + length));
}
