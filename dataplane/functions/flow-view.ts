import type { FlowId } from '../../domain/base/ids';
import {
  D_FLAGS,
  DF_FLOOD,
  F_ID,
  F_STATE,
  F_TYPE,
  FS_REPLICA,
  FS_STATELESS,
  S_DESCRIPTOR,
  S_FLAGS,
  S_FLOW,
  S_HASH,
  S_REVERSE,
  S_SEQ,
  SF_END,
  SF_HOLD,
  SF_START,
} from '../frames/layout';
import type { ArenaViews } from './frame-view';

/** What a function may know about the flow of the frame at hand: one reusable cursor, never to be kept. */
export class FlowView {
  private slot = 0;
  private entry = 0;

  constructor(private readonly views: ArenaViews) {}

  /** Points at the frame in the slot at byte address `slot`. The host calls it; functions do not. */
  moveTo(slot: number): void {
    this.slot = slot;
    this.entry = this.views.u32[(slot + S_FLOW) >>> 2];
  }

  /** The flow ID ([0077]): the same in both directions and for all connections of the flow. */
  get id(): FlowId {
    return this.entry === 0 ? 0 : this.views.u32[(this.entry + F_ID) >>> 2];
  }

  /** Flow type ([0059]): a policy's number, 0 where there is none. */
  get type(): number {
    return this.entry === 0 ? 0 : this.views.u16[(this.entry + F_TYPE) >>> 1];
  }

  /**
   * Tells the connections of one flow apart (an FTP control connection and its data connections): a keyed hash of the
   * unordered 5-tuple as it is *at this node*, the same for both directions unless this very function translates.
   * Valid for functions that read headers.
   */
  get connection(): number {
    return this.views.u32[(this.slot + S_HASH) >>> 2];
  }

  /** Whether the frame runs against the flow's direction: from the responder to the initiator. */
  get reverse(): boolean {
    return this.views.u8[this.slot + S_REVERSE] === 1;
  }

  /**
   * The frame's number in its flow and direction, from 1; 0 = created by a node on the way ([0071] says not to rely on
   * start marks alone; this number does not get lost with the first frame).
   */
  get sequence(): number {
    return this.views.u32[(this.slot + S_SEQ) >>> 2];
  }

  /** First frame of the flow, as its INODE marked it ([0071]). */
  get start(): boolean {
    return (this.views.u16[(this.slot + S_FLAGS) >>> 1] & SF_START) !== 0;
  }

  /** Last frame of the flow, as its INODE marked it. */
  get end(): boolean {
    return (this.views.u16[(this.slot + S_FLAGS) >>> 1] & SF_END) !== 0;
  }

  /** The frame belongs to a replica: a clone that is to end here, beside its original ([0084]). */
  get replica(): boolean {
    return this.entry !== 0 && (this.views.u32[(this.entry + F_STATE) >>> 2] & FS_REPLICA) !== 0;
  }

  /**
   * The frame's flow has no entry in the grid (flood guard): several flows may share its ID, no backup sees its frames,
   * and nobody will say that it has ended. What a function remembers of it is bounded by the function alone.
   */
  get stateless(): boolean {
    return this.entry !== 0 && (this.views.u32[(this.entry + F_STATE) >>> 2] & FS_STATELESS) !== 0;
  }

  /**
   * Nobody in the grid remembers the flow (flag 7), so that replies are placed by what they show of themselves: a function
   * that changes addresses or ports will not see those to what it changed, and should not carry the flow.
   */
  get unremembered(): boolean {
    return this.stateless && (this.views.u8[this.slot + S_DESCRIPTOR + D_FLAGS] & DF_FLOOD) !== 0;
  }

  /** This node shadows the flow: what comes out is held. For counters only; a verdict must not depend on it. */
  get shadow(): boolean {
    return (this.views.u16[(this.slot + S_FLAGS) >>> 1] & SF_HOLD) !== 0;
  }
}
