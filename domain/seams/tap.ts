import type { Micros, NodeRef } from '../base/ids';

/**
 * A tap sees each frame that crosses a link, as bytes, exactly as it is on that link. Verdicts about the invariants are
 * made from taps and the log alone.
 *
 * - `entered`: came in from an external network, before classification
 * - `left`: went out to an external network
 * - `sent`: put on an internal link by `from` for `to` (one record per unicast copy), descriptor included, outer tag not
 * - `lost`: was on a link or in a queue to `to` when that node died
 */
export interface TapRecord {
  readonly kind: 'entered' | 'left' | 'sent' | 'lost';
  /** Grid time at which the frame entered the grid (the same for all records of one frame's journey). */
  readonly at: Micros;
  /** External network ID for `entered` and `left`, else 0. */
  readonly network: number;
  /** Virtual link ID for `sent` and `lost`, else 0. */
  readonly link: number;
  readonly from: NodeRef;
  readonly to: NodeRef;
  /** Number of the frame in its source, 0-based; 0xffffffff for frames that a node itself created. */
  readonly frameNo: number;
  readonly bytes: Uint8Array;
}

/** Where taps deliver. Records of one link arrive in the order of that link. */
export type TapListener = (record: TapRecord) => void;
