import { createHash } from 'node:crypto';
import { nodeRef, type NodeRef } from '../../../../domain/base/ids';
import { nodeKey, writeNode } from '../../../../dataplane/descriptor/node-table';
import { FlowTable } from '../../../../dataplane/flows/flow-table';
import { PathLists } from '../../../../dataplane/flows/path-lists';
import { Arena } from '../../../../dataplane/frames/arena';
import {
  F_COUNT,
  F_NEXT_FWD,
  F_NEXT_REV,
  F_PATH,
  F_SHADOW_FWD,
  F_TYPE,
  F_WIRE,
  S_FLAGS,
  S_FRAME_NO,
  S_LEN,
  S_NETWORK,
  S_OFF,
  S_REASON,
  S_TIME,
  SLOT_FRAME,
} from '../../../../dataplane/frames/layout';
import { REASONS, type ReasonName } from '../../../../dataplane/frames/reasons';

export const SECRET = createHash('sha256').update('a grid of tests').digest();
/** A path of four clusters: ingress INODE 1/1, ANODEs 2/2 and 3/1, egress INODE 4/3. */
export const PATH: readonly NodeRef[] = [nodeRef(1, 1), nodeRef(2, 2), nodeRef(3, 1), nodeRef(4, 3)];
export const SHADOW = nodeRef(2, 3);
export const FLOW_ID = 0x01abcdef;

/** An arena whose node table knows the nodes of {@link PATH} and the shadow, and a list of slot numbers in it. */
export interface TestGrid {
  readonly arena: Arena;
  /** Address of 64 u32, for batches. */
  readonly list: number;
  readonly flows: FlowTable;
  readonly paths: PathLists;
}

export function createTestGrid(slots = 64): TestGrid {
  const arena = Arena.create({ slots, bytes: 1 << 20 });
  for (const ref of [...PATH, SHADOW]) writeNode(arena, ref, keyOf(ref), 1);
  return {
    arena,
    list: arena.allocate(256),
    flows: new FlowTable(arena, 256),
    paths: new PathLists(arena),
  };
}

export function keyOf(ref: NodeRef): Uint8Array {
  return nodeKey(SECRET, ref >>> 7, ref & 127, 1);
}

/** Adds the test flow as the first node of the path knows it. */
export function addFlow(grid: TestGrid, next: NodeRef = PATH[1], back: NodeRef = 0): number {
  const { arena, flows, paths } = grid;
  const entry = flows.insert(FLOW_ID);
  arena.u16[(entry + F_TYPE) >>> 1] = 7;
  arena.u8[entry + F_WIRE] = 9;
  arena.u8[entry + F_COUNT] = PATH.length;
  arena.u32[(entry + F_PATH) >>> 2] = paths.intern(PATH);
  arena.u16[(entry + F_NEXT_FWD) >>> 1] = next;
  arena.u16[(entry + F_SHADOW_FWD) >>> 1] = SHADOW;
  arena.u16[(entry + F_NEXT_REV) >>> 1] = back;
  return entry;
}

/** Puts a frame into a slot, as a port does, and returns the slot's address. */
export function putFrame(arena: Arena, number: number, frame: Uint8Array, time = 1_700_000_000_123_456): number {
  const slot = arena.slot(number);
  arena.u8.fill(0, slot, slot + 512);
  arena.u32[(slot + S_OFF) >>> 2] = SLOT_FRAME;
  arena.u32[(slot + S_LEN) >>> 2] = frame.length;
  arena.f64[(slot + S_TIME) >>> 3] = time;
  arena.u32[(slot + S_FRAME_NO) >>> 2] = number;
  arena.u16[(slot + S_NETWORK) >>> 1] = 1;
  arena.u16[(slot + S_FLAGS) >>> 1] = 0;
  arena.u8.set(frame, slot + SLOT_FRAME);
  return slot;
}

/** A copy of the frame in the slot at `slot`. */
export function frameOf(arena: Arena, slot: number): Uint8Array {
  const start = slot + arena.u32[(slot + S_OFF) >>> 2];
  return arena.u8.slice(start, start + arena.u32[(slot + S_LEN) >>> 2]);
}

export function reasonOf(arena: Arena, slot: number): ReasonName {
  return REASONS[arena.u16[(slot + S_REASON) >>> 1]];
}
