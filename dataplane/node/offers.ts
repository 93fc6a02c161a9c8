import type { FlowId, NodeRef, WireId } from '../../domain/base/ids';
import { FRAME_MAX } from '../frames/layout';
import { CONTROL_BODY_MAX, CONTROL_GRANT, CONTROL_OFFER, type ControlCursor } from './control-frames';
import type { Node } from './node';
import { readOrder, writeOrder } from './flow-order';

/** A frame that opens a secondary flow ([0062]), on its way to the INODE that classifies it. */
export interface Offer {
  /** Names the offer at the node that made it. */
  readonly token: number;
  /**
   * The flow whose frame made the function send this one. It goes that flow's way, in this direction; nodes behind the
   * function need not know the flow yet, nor ever, if the function keeps what it gets.
   */
  readonly parent: FlowId;
  readonly flowType: number;
  readonly wireId: WireId;
  readonly route: readonly NodeRef[];
  readonly reverse: number;
  /** Whom the parent falls to, in turn, when the node dies; the secondary flow is to fall to the same. */
  readonly heirs: readonly NodeRef[];
  /** The nodes passed so far, the one that made the offer first. */
  readonly via: readonly NodeRef[];
  readonly frame: Uint8Array;
}

/** The answer, on its way back. */
export interface Grant {
  readonly token: number;
  /** The nodes that the offer passed. */
  readonly via: readonly NodeRef[];
  /** 0: the frame is to open no flow; nothing else is said then. */
  readonly flow: FlowId;
  readonly flowType: number;
  readonly wireId: WireId;
  readonly route: readonly NodeRef[];
  /** The explicit order of a re-pinned flow's members; empty for others. */
  readonly order: readonly NodeRef[];
}

/** Longest frame that an offer carries, with whatever path. */
export const OFFERED_MAX = Math.min(FRAME_MAX, CONTROL_BODY_MAX - 512);

/** Sends an offer to the next node on its way; false when it could not be handed over. */
export function sendOffer({ control, incarnation, ref }: Node, to: NodeRef, offer: Offer): boolean {
  if (!control.begin(incarnation)) return false;
  control.u32(offer.token);
  control.u32(offer.parent);
  control.u16(offer.flowType);
  control.u8(offer.wireId);
  writeOrder(control, offer.route);
  control.u8(offer.reverse);
  writeOrder(control, offer.heirs);
  writeOrder(control, offer.via);
  control.bytes(offer.frame);
  return control.send(ref, to, CONTROL_OFFER, 0);
}

/** Reads what {@link sendOffer} wrote. */
export function readOffer(body: ControlCursor): Offer {
  return {
    token: body.readU32(),
    parent: body.readU32(),
    flowType: body.readU16(),
    wireId: body.readU8(),
    route: readOrder(body),
    reverse: body.readU8(),
    heirs: readOrder(body),
    via: readOrder(body),
    frame: body.readBytes(body.left),
  };
}

/** Sends a grant to the next node on its way back; what is lost is asked for again. */
export function sendGrant({ control, incarnation, ref }: Node, to: NodeRef, grant: Grant): void {
  if (!control.begin(incarnation)) return;
  control.u32(grant.token);
  writeOrder(control, grant.via);
  control.u32(grant.flow);
  control.u16(grant.flowType);
  control.u8(grant.wireId);
  writeOrder(control, grant.route);
  writeOrder(control, grant.order);
  control.send(ref, to, CONTROL_GRANT, 0);
}

/** Reads what {@link sendGrant} wrote. */
export function readGrant(body: ControlCursor): Grant {
  return {
    token: body.readU32(),
    via: readOrder(body),
    flow: body.readU32(),
    flowType: body.readU16(),
    wireId: body.readU8(),
    route: readOrder(body),
    order: readOrder(body),
  };
}
