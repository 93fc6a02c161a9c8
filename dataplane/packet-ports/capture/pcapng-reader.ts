import { FlowgridError } from '../../../domain/base/errors';
import type { ByteSource } from './byte-source';
import {
  type CaptureInterface,
  type CaptureReadError,
  type CaptureReader,
  CaptureRecord,
  RECORD_BYTES_MAX,
} from './record';
import { TimestampUnit } from './timestamps';

/** Block type of a section header; a palindrome, so that it reads the same in either byte order. */
export const PCAPNG_MAGIC = 0x0a0d0d0a;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const BLOCK_INTERFACE = 1;
/** Obsolete, but in files of the first years. */
const BLOCK_PACKET = 2;
const BLOCK_SIMPLE = 3;
const BLOCK_ENHANCED = 6;

const OPTION_END = 0;
/** Of a packet: bits 0–1 are its direction. */
const OPTION_EPB_FLAGS = 2;
const DIRECTIONS = [undefined, 'in', 'out', undefined] as const;
const OPTION_IF_NAME = 2;
const OPTION_IF_DESCRIPTION = 3;
const OPTION_IF_TSRESOL = 9;
const OPTION_IF_TSOFFSET = 14;

/** Interface blocks and section headers are read whole; longer ones than this are taken for damage. */
const DESCRIPTION_BYTES_MAX = 1 << 20;

interface SectionInterface extends CaptureInterface {
  readonly unit: TimestampUnit;
}

/**
 * Reader of pcapng: sections, each in its own byte order and with its own interfaces; enhanced, simple and obsolete packet
 * blocks yield records; all other blocks are passed over by their length.
 */
export class PcapngReader implements CaptureReader {
  readonly format = 'pcapng';
  readonly record = new CaptureRecord();
  readonly interfaces: SectionInterface[] = [];
  readError: CaptureReadError | null = null;
  private little = false;
  /** Index of the current section's first interface. */
  private sectionBase = 0;

  /** @throws FlowgridError `usage` when the first section header cannot be read. */
  constructor(private readonly source: ByteSource) {
    if (!this.block() || this.readError !== null) {
      const why = this.readError === null ? 'has no section header' : (this.readError as CaptureReadError).message;
      throw new FlowgridError('usage', `${source.path}: ${why}`, { remedy: 'Record the capture again.' });
    }
  }

  get path(): string {
    return this.source.path;
  }

  next(): boolean {
    const number = this.record.number;
    while (this.readError === null && this.block()) {
      if (this.record.number !== number) return true;
    }
    return false;
  }

  close(): void {
    this.source.close();
  }

  /** Reads one block of any kind; false at the end of the file or when the block cannot be read. */
  private block(): boolean {
    const { source } = this;
    if (!source.ensure(12)) return source.available === 0 ? false : this.fail('the file ends within a block');
    const type = source.view.getUint32(source.cursor, this.little);
    if (type === PCAPNG_MAGIC && !this.readByteOrder()) return false;
    const length = source.view.getUint32(source.cursor + 4, this.little);
    if (length < 12 || length % 4 !== 0) return this.fail(`a block claims ${length} bytes`);
    switch (type) {
      case PCAPNG_MAGIC:
        return this.sectionHeader(length);
      case BLOCK_INTERFACE:
        return this.interfaceDescription(length);
      case BLOCK_ENHANCED:
        return this.packet(length, 28, false);
      case BLOCK_PACKET:
        return this.packet(length, 28, true);
      case BLOCK_SIMPLE:
        return this.simplePacket(length);
      default:
        return source.skip(length) || this.fail('the file ends within a block');
    }
  }

  private readByteOrder(): boolean {
    const { source } = this;
    if (source.view.getUint32(source.cursor + 8, true) === BYTE_ORDER_MAGIC) this.little = true;
    else if (source.view.getUint32(source.cursor + 8, false) === BYTE_ORDER_MAGIC) this.little = false;
    else return this.fail('a section has no valid byte-order mark');
    return true;
  }

  private sectionHeader(length: number): boolean {
    if (!this.whole(length, 28)) return false;
    const major = this.source.view.getUint16(this.source.cursor + 12, this.little);
    if (major !== 1) return this.fail(`a section is of version ${major}, not 1`);
    this.sectionBase = this.interfaces.length;
    this.source.cursor += length;
    return true;
  }

  private interfaceDescription(length: number): boolean {
    if (!this.whole(length, 20)) return false;
    const { view, data, cursor } = this.source;
    let name = '';
    let description = '';
    let resolution = 6;
    let offsetSeconds = 0;
    this.options(cursor + 16, cursor + length - 4, (code, at, size) => {
      if (code === OPTION_IF_NAME) name = new TextDecoder().decode(data.subarray(at, at + size));
      if (code === OPTION_IF_DESCRIPTION) description = new TextDecoder().decode(data.subarray(at, at + size));
      if (code === OPTION_IF_TSRESOL && size >= 1) resolution = data[at];
      if (code === OPTION_IF_TSOFFSET && size >= 8) offsetSeconds = Number(view.getBigInt64(at, this.little));
    });
    const unit = new TimestampUnit(resolution, offsetSeconds);
    this.interfaces.push({
      linkType: view.getUint16(cursor + 8, this.little),
      snapLength: view.getUint32(cursor + 12, this.little),
      name,
      description,
      unitsPerSecond: unit.perSecond,
      unit,
    });
    this.source.cursor += length;
    return true;
  }

  private readonly packetOption = (code: number, at: number, size: number): void => {
    if (code !== OPTION_EPB_FLAGS || size !== 4) return;
    this.record.direction = DIRECTIONS[this.source.view.getUint32(at, this.little) & 3];
  };

  private options(from: number, to: number, visit: (code: number, at: number, size: number) => void): void {
    const { view } = this.source;
    let at = from;
    while (at + 4 <= to) {
      const code = view.getUint16(at, this.little);
      const size = view.getUint16(at + 2, this.little);
      if (code === OPTION_END || at + 4 + size > to) return;
      visit(code, at + 4, size);
      at += 4 + ((size + 3) & ~3);
    }
  }

  /** Enhanced packet blocks and obsolete ones differ in how they name the interface alone. */
  private packet(length: number, header: number, obsolete: boolean): boolean {
    if (length > header + 4 + RECORD_BYTES_MAX + DESCRIPTION_BYTES_MAX)
      return this.fail(`a block claims ${length} bytes`);
    if (!this.whole(length, header + 4, length)) return false;
    const { view, cursor } = this.source;
    const local = obsolete ? view.getUint16(cursor + 8, this.little) : view.getUint32(cursor + 8, this.little);
    const described = this.interfaces[this.sectionBase + local];
    if (described === undefined) return this.fail(`a packet names interface ${local}, which was not described`);
    const capLen = view.getUint32(cursor + 20, this.little);
    if (capLen > length - header - 4) return this.fail(`a packet of ${capLen} bytes does not fit its block`);
    if (capLen > RECORD_BYTES_MAX) return this.fail(`a record claims ${capLen} bytes`);
    const { unit } = described;
    unit.convert(view.getUint32(cursor + 12, this.little), view.getUint32(cursor + 16, this.little));
    this.record.time = unit.micros;
    this.record.nanos = unit.nanos;
    this.record.direction = undefined;
    this.options(cursor + header + ((capLen + 3) & ~3), cursor + length - 4, this.packetOption);
    this.emit(described, this.sectionBase + local, header, capLen, view.getUint32(cursor + 24, this.little), length);
    return true;
  }

  /** Simple packet blocks have no time of their own: they keep that of the record before. */
  private simplePacket(length: number): boolean {
    if (length > 16 + RECORD_BYTES_MAX) return this.fail(`a block claims ${length} bytes`);
    if (!this.whole(length, 16, length)) return false;
    const described = this.interfaces[this.sectionBase];
    if (described === undefined) return this.fail('a simple packet comes before any interface was described');
    const wireLen = this.source.view.getUint32(this.source.cursor + 8, this.little);
    const limit = described.snapLength === 0 ? wireLen : Math.min(wireLen, described.snapLength);
    this.emit(described, this.sectionBase, 12, Math.min(limit, length - 16), wireLen, length);
    return true;
  }

  private emit(
    from: CaptureInterface,
    id: number,
    header: number,
    capLen: number,
    wireLen: number,
    length: number,
  ): void {
    const { record, source } = this;
    record.linkType = from.linkType;
    record.interfaceId = id;
    record.capLen = capLen;
    record.wireLen = wireLen;
    record.data = source.data;
    record.offset = source.cursor + header;
    record.number += 1;
    source.cursor += length;
  }

  /** Brings a whole block into the window and checks that its two lengths agree. */
  private whole(length: number, least: number, most = DESCRIPTION_BYTES_MAX): boolean {
    if (length < least || length > most) return this.fail(`a block claims ${length} bytes`);
    if (!this.source.ensure(length)) return this.fail('the file ends within a block');
    const trailer = this.source.view.getUint32(this.source.cursor + length - 4, this.little);
    return trailer === length || this.fail(`a block's two lengths differ (${length}, ${trailer})`);
  }

  private fail(message: string): false {
    this.readError = { offset: this.source.offset, message };
    return false;
  }
}
