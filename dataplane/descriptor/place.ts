import { D_FIXED, D_FLOW_TYPE, D_MARKER, FRAME_MIN, MARKER_V1 } from '../frames/layout';

/**
 * Where the descriptor of a frame begins that `length` bytes from `frame` on are: its last byte says how long it is. For whoever
 * looks at frames in passing: whether the descriptor is true only its signature tells.
 *
 * @returns 0 = the frame has none: it is too short for what it says
 */
export function descriptorAt(u8: Uint8Array, frame: number, length: number): number {
  const added = u8[frame + length - 1];
  return added < D_FIXED || length - added < FRAME_MIN ? 0 : frame + length - added;
}

/** Whether a descriptor begins as one of this version does. */
export function isMarked(u8: Uint8Array, descriptor: number): boolean {
  return ((u8[descriptor + D_MARKER] << 8) | u8[descriptor + D_MARKER + 1]) === MARKER_V1;
}

/** Whether a descriptor is a control frame's: those have flow type 0. */
export function isControl(u8: Uint8Array, descriptor: number): boolean {
  return u8[descriptor + D_FLOW_TYPE] === 0 && u8[descriptor + D_FLOW_TYPE + 1] === 0;
}
