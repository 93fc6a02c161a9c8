import type { ChainId } from '../base/ids';
import type { EventOf } from '../message';

/** How far each flow chain is known: later trimming reads "trimmed", not "tampered". Only chains that grew are listed. */
export type FlowsAnchored = EventOf<'FlowsAnchored', { readonly anchors: readonly FlowAnchor[] }>;

export interface FlowAnchor {
  readonly chain: ChainId;
  /** Number of the newest batch. */
  readonly number: number;
  /** SHA-256 of that batch's bytes, hex. */
  readonly hash: string;
}
