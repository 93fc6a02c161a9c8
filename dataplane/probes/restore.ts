import { trailerV1 } from '../descriptor/codec';
import { isInside, type CapturedFrame } from './captured-frames';

/**
 * A captured frame as it was delivered to external interfaces and applications ([0040]): its own MAC addresses, no
 * descriptor. Undefined where there is no such frame: control frames are the grid's own, and what a damaged descriptor
 * belongs to is unknown.
 */
export function restored(frame: CapturedFrame): Uint8Array | undefined {
  if (!isInside(frame)) return frame.bytes;
  const decoded = trailerV1.decode(frame.bytes);
  if (!decoded.ok || decoded.descriptor.flowType === 0) return undefined;
  const bytes = frame.bytes.slice(0, decoded.frameLength);
  bytes.set(decoded.descriptor.destination, 0);
  bytes.set(decoded.descriptor.source, 6);
  return bytes;
}
