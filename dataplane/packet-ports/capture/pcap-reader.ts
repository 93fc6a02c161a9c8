import { FlowgridError } from '../../../domain/base/errors';
import type { ByteSource } from './byte-source';
import {
  type CaptureInterface,
  type CaptureReadError,
  type CaptureReader,
  CaptureRecord,
  RECORD_BYTES_MAX,
} from './record';

const MICROSECOND_MAGIC = 0xa1b2c3d4;
const NANOSECOND_MAGIC = 0xa1b23c4d;
const FILE_HEADER = 24;
const RECORD_HEADER = 16;

/** Whether a big-endian reading of a file's first four bytes is one of the four pcap magic numbers. */
export function isPcapMagic(magic: number): boolean {
  const swapped = swap32(magic);
  return [MICROSECOND_MAGIC, NANOSECOND_MAGIC].some((known) => known === magic || known === swapped);
}

function swap32(value: number): number {
  return ((value >>> 24) | ((value >>> 8) & 0xff00) | ((value << 8) & 0xff0000) | (value << 24)) >>> 0;
}

/** Reader of the classic format: a 24-byte header, then records of a 16-byte header and the bytes. */
export class PcapReader implements CaptureReader {
  readonly format = 'pcap';
  readonly record = new CaptureRecord();
  readonly interfaces: readonly CaptureInterface[];
  readError: CaptureReadError | null = null;
  private readonly little: boolean;
  private readonly nanosecond: boolean;

  /** @throws FlowgridError `usage` when the file header is cut. */
  constructor(private readonly source: ByteSource) {
    if (!source.ensure(FILE_HEADER)) {
      throw new FlowgridError('usage', `${source.path}: ends within its 24-byte file header`, {
        remedy: 'Record the capture again.',
      });
    }
    const at = source.cursor;
    const magic = source.view.getUint32(at, false);
    this.little = magic !== MICROSECOND_MAGIC && magic !== NANOSECOND_MAGIC;
    this.nanosecond = (this.little ? swap32(magic) : magic) === NANOSECOND_MAGIC;
    // The high bits of the link type tell about frame check sequences.
    const linkType = source.view.getUint32(at + 20, this.little) & 0xffff;
    const snapLength = source.view.getUint32(at + 16, this.little);
    const unitsPerSecond = this.nanosecond ? 1e9 : 1e6;
    this.interfaces = [{ linkType, name: '', snapLength, unitsPerSecond }];
    this.record.linkType = linkType;
    source.cursor += FILE_HEADER;
  }

  get path(): string {
    return this.source.path;
  }

  next(): boolean {
    const { source, record, little } = this;
    if (this.readError !== null) return false;
    if (!source.ensure(RECORD_HEADER)) {
      return source.available === 0 ? false : this.fail(`the file ends within a record's header`);
    }
    const at = source.cursor;
    const capLen = source.view.getUint32(at + 8, little);
    if (capLen > RECORD_BYTES_MAX) return this.fail(`a record claims ${capLen} bytes`);
    if (!source.ensure(RECORD_HEADER + capLen)) {
      return this.fail(`the file ends within a record of ${capLen} bytes`);
    }
    // `ensure` may have moved the window.
    const view = source.view;
    const header = source.cursor;
    const fraction = view.getUint32(header + 4, little);
    const micros = this.nanosecond ? Math.floor(fraction / 1000) : fraction;
    record.time = view.getUint32(header, little) * 1e6 + micros;
    record.nanos = this.nanosecond ? fraction % 1000 : 0;
    record.capLen = capLen;
    record.wireLen = view.getUint32(header + 12, little);
    record.data = source.data;
    record.offset = header + RECORD_HEADER;
    record.number += 1;
    source.cursor = header + RECORD_HEADER + capLen;
    return true;
  }

  close(): void {
    this.source.close();
  }

  private fail(message: string): boolean {
    this.readError = { offset: this.source.offset, message };
    return false;
  }
}
