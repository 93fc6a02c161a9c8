import { FileSink, type ByteSink } from './byte-sink';

export interface PcapWriterOptions {
  readonly linkType: number;
  /** Nanosecond timestamps instead of microseconds. */
  readonly nanosecond?: boolean;
  /** Most bytes kept of a frame; longer ones are cut, their wire length tells. */
  readonly snapLength?: number;
}

const SNAP_LENGTH = 262_144;

/** Writes a pcap file: one interface, little-endian. */
export class PcapWriter {
  private readonly sink: ByteSink;
  private readonly nanosecond: boolean;
  private readonly snapLength: number;

  /** Creates the file, or overwrites it. */
  constructor(path: string, options: PcapWriterOptions) {
    this.nanosecond = options.nanosecond ?? false;
    this.snapLength = options.snapLength ?? SNAP_LENGTH;
    this.sink = new FileSink(path);
    const { sink } = this;
    sink.u32(this.nanosecond ? 0xa1b23c4d : 0xa1b2c3d4);
    sink.u16(2);
    sink.u16(4);
    sink.u32(0);
    sink.u32(0);
    sink.u32(this.snapLength);
    sink.u32(options.linkType);
  }

  /**
   * Writes a frame: `length` bytes of `data` from `offset` on.
   * @param timeUs microseconds since 1970, and `nanos` (0–999) beyond; the latter is lost at microsecond resolution
   * @param wireLength bytes it had on the wire, if more than `length`
   */
  write(timeUs: number, nanos: number, data: Uint8Array, offset: number, length: number, wireLength = length): void {
    const { sink } = this;
    const seconds = Math.floor(timeUs / 1e6);
    const micros = timeUs - seconds * 1e6;
    const kept = Math.min(length, this.snapLength);
    sink.u32(seconds);
    sink.u32(this.nanosecond ? micros * 1000 + nanos : micros);
    sink.u32(kept);
    sink.u32(wireLength);
    sink.bytes(data, offset, kept);
  }

  /** Completes the file. */
  close(): void {
    this.sink.close();
  }
}
