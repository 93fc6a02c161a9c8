import type { Micros, NodeRef } from '../../domain/base/ids';
import { C_DIRECTION, C_FROM, C_LENGTH, C_PROBE, C_SIZE, C_TIME, C_TO, RECORD_HEADER } from './capture-ring';

/** A frame as a probe point saw it. */
export interface CapturedFrame {
  readonly probe: number;
  /** When the point saw it, by the wall clock, microseconds since 1970. */
  readonly time: Micros;
  /** `in` and `out` at an interface, and where frames enter and leave the grid; undefined on an internal link. */
  readonly direction: 'in' | 'out' | undefined;
  /** The node that sent it on an internal link; 0 = it came from outside. */
  readonly from: NodeRef;
  /** The node that it is for; 0 = the outside. */
  readonly to: NodeRef;
  readonly bytes: Uint8Array;
}

const DIRECTIONS = [undefined, 'in', 'out'] as const;

/** Whether a frame was captured on an internal link, where each carries a descriptor. */
export function isInside({ from, to }: CapturedFrame): boolean {
  return from !== 0 && to !== 0;
}

/** The frames of records that were taken from rings (capture-ring.ts), in the order of time. */
export function capturedFrames(records: Uint8Array): CapturedFrame[] {
  const view = new DataView(records.buffer, records.byteOffset, records.length);
  const frames: CapturedFrame[] = [];
  for (let at = 0; at < records.length; at += view.getUint32(at + C_SIZE, true)) {
    const length = view.getUint32(at + C_LENGTH, true);
    frames.push({
      probe: view.getUint16(at + C_PROBE, true),
      time: view.getFloat64(at + C_TIME, true),
      direction: DIRECTIONS[view.getUint16(at + C_DIRECTION, true)],
      from: view.getUint16(at + C_FROM, true),
      to: view.getUint16(at + C_TO, true),
      bytes: records.subarray(at + RECORD_HEADER, at + RECORD_HEADER + length),
    });
  }
  return frames.sort((a, b) => a.time - b.time);
}
