import { FlowgridError } from '../../../domain/base/errors';
import { ByteSource } from './byte-source';
import { PcapReader, isPcapMagic } from './pcap-reader';
import { PcapngReader, PCAPNG_MAGIC } from './pcapng-reader';
import type { CaptureReader } from './record';

export { CaptureRecord, type CaptureInterface, type CaptureReadError, type CaptureReader } from './record';

/**
 * Opens a pcap (micro- or nanosecond, either byte order) or pcapng file.
 * @throws FlowgridError `not-found` or `usage` (cannot be read, or not such a file), naming the path.
 */
export function openCapture(path: string): CaptureReader {
  const source = ByteSource.open(path);
  try {
    if (!source.ensure(4)) throw notACapture(path, source.available === 0 ? 'is empty' : 'is too short');
    const magic = source.view.getUint32(source.cursor, false);
    if (magic === PCAPNG_MAGIC) return new PcapngReader(source);
    if (isPcapMagic(magic)) return new PcapReader(source);
    throw notACapture(path, describeMagic(magic));
  } catch (error) {
    source.close();
    throw error;
  }
}

function describeMagic(magic: number): string {
  if (magic >>> 16 === 0x1f8b) return 'is compressed with gzip';
  if (magic === 0x28b52ffd) return 'is compressed with zstd';
  if (magic === 0x04224d18) return 'is compressed with lz4';
  return `begins with 0x${magic.toString(16).padStart(8, '0')}, which no capture does`;
}

function notACapture(path: string, why: string): FlowgridError {
  const remedy = why.includes('compressed') ? 'Unpack it first.' : 'Give a pcap or pcapng file.';
  return new FlowgridError('usage', `${path}: ${why}`, { remedy });
}
