/**
 * One record of a capture. A reader has one such object and fills it anew with each {@link CaptureReader.next}; its bytes
 * are valid until then.
 */
export class CaptureRecord {
  /** Number of the record in its file, from 0. */
  number = -1;
  /** Microseconds since 1970, rounded down; and the nanoseconds (0–999) that this leaves. */
  time = 0;
  nanos = 0;
  /** Bytes captured, and bytes the frame had on the wire. */
  capLen = 0;
  wireLen = 0;
  linkType = 0;
  /** Into or out of the interface; undefined where the file does not tell. */
  direction: 'in' | 'out' | undefined = undefined;
  /** Index into {@link CaptureReader.interfaces}. */
  interfaceId = 0;
  /** The frame is `data[offset … offset + capLen)`. */
  data: Uint8Array = new Uint8Array(0);
  offset = 0;

  /** The frame's bytes as a view (allocates one; hot loops use `data` and `offset`). */
  bytes(): Uint8Array {
    return this.data.subarray(this.offset, this.offset + this.capLen);
  }
}

/** An interface that a capture was taken on. A pcap file has one, without a name. */
export interface CaptureInterface {
  readonly linkType: number;
  readonly name: string;
  /** Most bytes kept of a frame; 0 = no limit. */
  readonly snapLength: number;
  /** Timestamp units in a second. */
  readonly unitsPerSecond: number;
  /** What its writer says of it, as far as it does. */
  readonly description?: string;
}

/** Where and why a file stops being readable. */
export interface CaptureReadError {
  /** Byte offset in the file of the record that cannot be read. */
  readonly offset: number;
  readonly message: string;
}

/** Reads a capture file record by record, forwards. */
export interface CaptureReader {
  readonly path: string;
  readonly format: 'pcap' | 'pcapng';
  readonly record: CaptureRecord;
  /** Interfaces seen so far; pcapng files may add more as they go, each section its own. */
  readonly interfaces: readonly CaptureInterface[];
  /** Set when `next` returned false before the proper end of the file: everything before was yielded. */
  readonly readError: CaptureReadError | null;
  /** Reads the next record into `record`; false at the end of the file or at the first record that cannot be read. */
  next(): boolean;
  close(): void;
}

/** Longest record that is believed; a longer one means that the file is damaged there. */
export const RECORD_BYTES_MAX = 262_144;

/** A record's time in seconds since 1970, as exactly as a Number can (some 100 ns). */
export function recordSeconds(record: CaptureRecord): number {
  return record.time / 1e6 + record.nanos / 1e9;
}
