import { FileSink, type ByteSink } from './byte-sink';

/** An interface of a pcapng file to be written. */
export interface WrittenInterface {
  readonly name: string;
  readonly linkType: number;
  readonly description?: string;
  /** Timestamps in nanoseconds instead of microseconds. */
  readonly nanosecond?: boolean;
  /** Most bytes kept of a frame; 0 = all. */
  readonly snapLength?: number;
}

export interface PcapngWriterOptions {
  readonly interfaces: readonly WrittenInterface[];
  /** Of the whole file. */
  readonly comment?: string;
  /** Name of the program that wrote it. */
  readonly application?: string;
}

const OPTION_COMMENT = 1;
const OPTION_SHB_APPLICATION = 4;
/** Of a packet: its direction. */
const OPTION_EPB_FLAGS = 2;
const DIRECTION_FLAGS = { in: new Uint8Array([1, 0, 0, 0]), out: new Uint8Array([2, 0, 0, 0]) };
const OPTION_IF_NAME = 2;
const OPTION_IF_DESCRIPTION = 3;
const OPTION_IF_TSRESOL = 9;
const OPTION_IF_FCSLEN = 13;
const OPTION_ISB_RECEIVED = 4;
const OPTION_ISB_DROPPED = 5;
const MICROSECONDS = 6;
const NANOSECONDS = 9;
/** Longest text of an option; its length field has 16 bits, and nobody reads more. */
const TEXT_BYTES_MAX = 4096;
const WORD = 2 ** 32;

interface Option {
  readonly code: number;
  readonly value: Uint8Array;
}

/** Writes a pcapng file: one section, little-endian, interfaces known from the start, enhanced packet blocks. */
export class PcapngWriter {
  private readonly sink: ByteSink;
  private readonly interfaces: readonly WrittenInterface[];

  /** @param target path of the file, which is created or overwritten; or where else the bytes go */
  constructor(target: string | ByteSink, options: PcapngWriterOptions) {
    this.sink = typeof target === 'string' ? new FileSink(target) : target;
    this.interfaces = options.interfaces;
    this.section(
      texts([
        [OPTION_COMMENT, options.comment],
        [OPTION_SHB_APPLICATION, options.application ?? 'flowgrid'],
      ]),
    );
    for (const one of options.interfaces) this.description(one);
  }

  /**
   * Writes a frame on an interface (index into the ones given): `length` bytes of `data` from `offset` on.
   * @param timeUs microseconds since 1970, and `nanos` (0–999) beyond; the latter is lost at microsecond resolution
   * @param wireLength bytes it had on the wire, if more than `length`
   * @param direction into the interface or out of it; absent: not told
   */
  write(
    interfaceId: number,
    timeUs: number,
    nanos: number,
    data: Uint8Array,
    offset: number,
    length: number,
    wireLength = length,
    comment?: string,
    direction?: 'in' | 'out',
  ): void {
    const { sink } = this;
    const { nanosecond, snapLength } = this.interfaces[interfaceId];
    const kept = snapLength === undefined || snapLength === 0 ? length : Math.min(length, snapLength);
    const options = texts([[OPTION_COMMENT, comment]]);
    if (direction !== undefined) options.push({ code: OPTION_EPB_FLAGS, value: DIRECTION_FLAGS[direction] });
    const total = 32 + padded(kept) + optionBytes(options);
    sink.u32(6);
    sink.u32(total);
    sink.u32(interfaceId);
    if (nanosecond === true) this.nanoseconds(timeUs, nanos);
    else this.units(Math.floor(timeUs / WORD), timeUs % WORD);
    sink.u32(kept);
    sink.u32(wireLength);
    sink.bytes(data, offset, kept);
    sink.zeros(padded(kept) - kept);
    this.options(options);
    sink.u32(total);
  }

  /**
   * Writes what an interface has counted up to a time (an interface statistics block).
   * @param received frames that it saw, those that it dropped among them
   */
  statistics(interfaceId: number, timeUs: number, received: number, dropped: number): void {
    const { sink } = this;
    const options = [
      { code: OPTION_ISB_RECEIVED, value: u64(received) },
      { code: OPTION_ISB_DROPPED, value: u64(dropped) },
    ];
    const total = 24 + optionBytes(options);
    sink.u32(5);
    sink.u32(total);
    sink.u32(interfaceId);
    if (this.interfaces[interfaceId].nanosecond === true) this.nanoseconds(timeUs, 0);
    else this.units(Math.floor(timeUs / WORD), timeUs % WORD);
    this.options(options);
    sink.u32(total);
  }

  /** Completes the file. */
  close(): void {
    this.sink.close();
  }

  /** micros × 1000 + nanos in two 32-bit digits, as the product does not fit a Number exactly. */
  private nanoseconds(timeUs: number, nanos: number): void {
    const low = (timeUs % WORD) * 1000 + nanos;
    this.units(Math.floor(timeUs / WORD) * 1000 + Math.floor(low / WORD), low % WORD);
  }

  private units(high: number, low: number): void {
    this.sink.u32(high);
    this.sink.u32(low);
  }

  private section(options: readonly Option[]): void {
    const { sink } = this;
    const total = 28 + optionBytes(options);
    sink.u32(0x0a0d0d0a);
    sink.u32(total);
    sink.u32(0x1a2b3c4d);
    sink.u16(1);
    sink.u16(0);
    // The section's length is not known beforehand: all ones says so.
    this.units(0xffff_ffff, 0xffff_ffff);
    this.options(options);
    sink.u32(total);
  }

  private description(one: WrittenInterface): void {
    const { sink } = this;
    const resolution = new Uint8Array([one.nanosecond === true ? NANOSECONDS : MICROSECONDS]);
    const named = texts([
      [OPTION_IF_NAME, one.name],
      [OPTION_IF_DESCRIPTION, one.description],
    ]);
    // Frames have no frame check sequence: unless told so, Wireshark takes the last bytes of some for one.
    const options = [
      ...named,
      { code: OPTION_IF_TSRESOL, value: resolution },
      { code: OPTION_IF_FCSLEN, value: new Uint8Array(1) },
    ];
    const total = 20 + optionBytes(options);
    sink.u32(1);
    sink.u32(total);
    sink.u16(one.linkType);
    sink.u16(0);
    sink.u32(one.snapLength ?? 0);
    this.options(options);
    sink.u32(total);
  }

  private options(options: readonly Option[]): void {
    if (options.length === 0) return;
    for (const { code, value } of options) {
      this.sink.u16(code);
      this.sink.u16(value.length);
      this.sink.bytes(value, 0, value.length);
      this.sink.zeros(padded(value.length) - value.length);
    }
    this.sink.u32(0);
  }
}

/** Text options, without those that are empty or absent. */
function texts(pairs: readonly (readonly [number, string | undefined])[]): Option[] {
  return pairs
    .filter(([, text]) => text !== undefined && text !== '')
    .map(([code, text]) => ({ code, value: new TextEncoder().encode(text).subarray(0, TEXT_BYTES_MAX) }));
}

function u64(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value), true);
  return bytes;
}

/** Bytes that options take, the end mark included. */
function optionBytes(options: readonly Option[]): number {
  if (options.length === 0) return 0;
  return options.reduce((sum, { value }) => sum + 4 + padded(value.length), 4);
}

function padded(length: number): number {
  return (length + 3) & ~3;
}
