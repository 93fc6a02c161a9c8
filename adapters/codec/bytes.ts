import { FlowgridError } from '../../domain/base/errors';

/** Values below this take the integer path of the varints; beyond it arithmetic is done on doubles, exact to 2^53. */
const INT_LIMIT = 0x4000_0000;

/** Writes numbers and texts one after the other into a buffer that grows. */
export class ByteWriter {
  private bytes = new Uint8Array(1024);
  private length = 0;

  /** What was written, in a buffer of its own. */
  finish(): Uint8Array {
    return this.bytes.slice(0, this.length);
  }

  u8(value: number): void {
    this.reserve(1);
    this.bytes[this.length++] = value;
  }

  /** 32 bits, little-endian. */
  u32(value: number): void {
    if (value >>> 0 !== value) throw unwritable(value);
    this.reserve(4);
    const { bytes, length } = this;
    bytes[length] = value;
    bytes[length + 1] = value >>> 8;
    bytes[length + 2] = value >>> 16;
    bytes[length + 3] = value >>> 24;
    this.length = length + 4;
  }

  /** A count: seven bits a byte, lowest first, the high bit set on all but the last. */
  varint(value: number): void {
    this.reserve(8);
    if (value >>> 0 === value && value < 0x80) {
      this.bytes[this.length++] = value;
      return;
    }
    if (!Number.isSafeInteger(value) || value < 0) throw unwritable(value);
    this.rest(value);
  }

  /** An integer of either sign: the first byte holds the sign and six bits, the rest is a varint. */
  signed(value: number): void {
    if (!Number.isSafeInteger(value)) throw unwritable(value);
    this.reserve(9);
    const sign = value < 0 ? 0x40 : 0;
    const magnitude = Math.abs(value);
    if (magnitude < 0x40) {
      this.bytes[this.length++] = sign | magnitude;
      return;
    }
    this.bytes[this.length++] = 0x80 | sign | (magnitude % 0x40);
    this.rest(Math.floor(magnitude / 0x40));
  }

  raw(source: Uint8Array): void {
    this.reserve(source.length);
    this.bytes.set(source, this.length);
    this.length += source.length;
  }

  /** UTF-8 with its length in bytes before it. */
  text(value: string): void {
    const encoded = Buffer.from(value, 'utf8');
    this.varint(encoded.length);
    this.raw(encoded);
  }

  private rest(value: number): void {
    const { bytes } = this;
    let high = value;
    while (high >= INT_LIMIT) {
      bytes[this.length++] = 0x80 | (high % 0x80);
      high = Math.floor(high / 0x80);
    }
    let low = high | 0;
    while (low >= 0x80) {
      bytes[this.length++] = 0x80 | (low & 0x7f);
      low >>>= 7;
    }
    bytes[this.length++] = low;
  }

  private reserve(more: number): void {
    if (this.length + more <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(this.bytes.length * 2, this.length + more));
    grown.set(this.bytes);
    this.bytes = grown;
  }
}

/** Reads what {@link ByteWriter} wrote; every method throws FlowgridError `invalid-record` at the end of the bytes. */
export class ByteReader {
  private at = 0;

  constructor(private readonly bytes: Uint8Array) {}

  get remaining(): number {
    return this.bytes.length - this.at;
  }

  u8(): number {
    const value = this.bytes[this.at];
    if (value === undefined) throw truncated();
    this.at++;
    return value;
  }

  u32(): number {
    if (this.remaining < 4) throw truncated();
    const { bytes, at } = this;
    this.at = at + 4;
    const low = (bytes[at] as number) | ((bytes[at + 1] as number) << 8) | ((bytes[at + 2] as number) << 16);
    return (low | ((bytes[at + 3] as number) << 24)) >>> 0;
  }

  varint(): number {
    const first = this.u8();
    return first < 0x80 ? first : this.rest(first & 0x7f, 0x80);
  }

  signed(): number {
    const first = this.u8();
    const low = first & 0x3f;
    const magnitude = first < 0x80 ? low : this.rest(low, 0x40);
    return (first & 0x40) === 0 ? magnitude : 0 - magnitude;
  }

  /** @returns a view into the bytes read. */
  raw(length: number): Uint8Array {
    if (length > this.remaining) throw truncated();
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  text(): string {
    const encoded = this.raw(this.varint());
    return Buffer.from(encoded.buffer, encoded.byteOffset, encoded.byteLength).toString('utf8');
  }

  /** The number of things that follow, each of which takes at least a byte: bounds what damaged bytes can ask for. */
  count(): number {
    const value = this.varint();
    if (value > this.remaining) throw truncated();
    return value;
  }

  /** Adds the further bytes of a varint to its first bits; `scale` is the worth of the next bit. */
  private rest(first: number, scale: number): number {
    let value = first;
    let worth = scale;
    for (;;) {
      const byte = this.u8();
      value += (byte & 0x7f) * worth;
      if (byte < 0x80) break;
      worth *= 0x80;
    }
    if (!Number.isSafeInteger(value)) throw new FlowgridError('invalid-record', 'an integer beyond 2^53');
    return value;
  }
}

function truncated(): FlowgridError {
  return new FlowgridError('invalid-record', 'the record ends in the middle of a value');
}

function unwritable(value: number): FlowgridError {
  return new FlowgridError('invalid-record', `${value} has no place in an integer column`);
}
