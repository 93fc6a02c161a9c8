/** Fields of the Kafka protocol in their encoding that is not compact. */

/** Reads an answer's fields one after another. */
export class Answer {
  private at = 0;

  constructor(private readonly bytes: Buffer) {}

  skip(count: number): void {
    this.at += count;
  }

  int8(): number {
    this.skip(1);
    return this.bytes.readInt8(this.at - 1);
  }

  int16(): number {
    this.skip(2);
    return this.bytes.readInt16BE(this.at - 2);
  }

  int32(): number {
    this.skip(4);
    return this.bytes.readInt32BE(this.at - 4);
  }

  /** A text, or null. */
  text(): string | null {
    const length = this.int16();
    if (length < 0) return null;
    this.skip(length);
    return this.bytes.toString('utf8', this.at - length, this.at);
  }

  /** Bytes behind their length. */
  block(): Buffer {
    const length = Math.max(0, this.int32());
    this.skip(length);
    return this.bytes.subarray(this.at - length, this.at);
  }
}

/** Fields behind their common length. */
export function bytesOf(fields: readonly Buffer[]): Buffer {
  return block(Buffer.concat(fields));
}

export function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}

export function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

export function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([int16(bytes.length), bytes]);
}

/** Bytes behind their length. */
export function block(bytes: Buffer): Buffer {
  return Buffer.concat([int32(bytes.length), bytes]);
}
