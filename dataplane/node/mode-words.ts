import type { FlowId, NodeRef, WireId } from '../../domain/base/ids';
import type { ControlCursor } from './control-frames';
import { readOrder, writeOrder } from './flow-order';

/** Arguments of `MODES`. */
/** Onward, behind the flow's last frame; collects who emits on the way. */
export const HALT = 1;
/** Back, behind the last frame that went against the flow. */
export const HALTED = 2;
/** Onward along the new route: each node takes its entry. */
export const LAY = 3;
/** Back: everybody has it. */
export const LAID = 4;
/** To those who hold copies of the entry, or shadow it: the same entry, passed on by nobody. */
export const ENTRY = 5;

/** What travels between the nodes of a flow whose clusters' modes change. */
export interface Word {
  readonly step: number;
  readonly id: FlowId;
  /** Number of the attempt, of the INODE that makes it. */
  readonly attempt: number;
  readonly flowType: number;
  /** Who sent it. */
  readonly from: NodeRef;
  /** `HALT`, `HALTED`: who emits and who gets copies, as far as the word has come; else the new stops ({@link FRESH}). */
  readonly stops: readonly NodeRef[];
  /** `HALT`, `HALTED`: the topology that the flow has; else the one whose modes it takes. */
  readonly version: number;
  readonly wireId: WireId;
  readonly order: readonly NodeRef[];
  /** `HALT`, `HALTED`: the flow's route, for nodes on it that do not know the flow. */
  readonly route: readonly NodeRef[];
  /** Whether the far end knows the flow: then the entry goes all the way, also by nodes that no frame has come to. */
  readonly isComplete: boolean;
}

export function writeWord(
  control: ControlCursor,
  { id, attempt, flowType, stops, version, wireId, order, route, isComplete }: Word,
): void {
  control.u32(id);
  control.u32(attempt);
  control.u16(flowType);
  control.u8(stops.length);
  for (const stop of stops) control.u16(stop);
  control.u32(version);
  control.u8(wireId);
  writeOrder(control, order);
  control.u8(route.length);
  for (const ref of route) control.u16(ref);
  control.u8(isComplete ? 1 : 0);
}

export function readWord(body: ControlCursor, step: number, from: NodeRef): Word {
  const id = body.readU32();
  const attempt = body.readU32();
  const flowType = body.readU16();
  const stops = Array.from({ length: body.readU8() }, () => body.readU16());
  const version = body.readU32();
  const wireId = body.readU8();
  const order = readOrder(body);
  const route = Array.from({ length: body.readU8() }, () => body.readU16());
  return { step, id, attempt, flowType, from, stops, version, wireId, order, route, isComplete: body.readU8() === 1 };
}
