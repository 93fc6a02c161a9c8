import {
  F_WIN_FWD_BITS,
  F_WIN_FWD_MAX,
  F_WIN_FWD_STAMP,
  F_WIN_REV_BITS,
  F_WIN_REV_MAX,
  F_WIN_REV_STAMP,
} from '../frames/layout';

/** Where a flow entry keeps its windows of sequences: forward, then reverse. */
export const WINDOWS = [
  { reverse: 0, stamp: F_WIN_FWD_STAMP, max: F_WIN_FWD_MAX, bits: F_WIN_FWD_BITS },
  { reverse: 1, stamp: F_WIN_REV_STAMP, max: F_WIN_REV_MAX, bits: F_WIN_REV_BITS },
] as const;
