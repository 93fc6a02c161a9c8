import type { CaptureEntry } from '../../../domain/grid/settings';
import type { FlowPolicy } from '../../../domain/topology/topology';
import { compilePolicies } from '../../../dataplane/classify/policies';
import { Arena } from '../../../dataplane/frames/arena';
import {
  FRAME_MAX,
  S_FLAGS,
  S_LEN,
  S_NETWORK,
  S_OFF,
  S_REASON,
  S_SRC_IS_B,
  SLOT_FRAME,
} from '../../../dataplane/frames/layout';
import { loadKernels } from '../../../dataplane/kernels/load';

/** Bytes for the one-entry list that kernels take. */
const LIST_BYTES = 64;

/**
 * Where the frames of a capture enter the grid: the network that the grid file names for the interface on which they were
 * captured, else that of their side, by the first rule of the grid file that matches, else by its default.
 */
export class Entrances {
  private readonly arena: Arena;
  private readonly kernels;
  private readonly slot: number;
  private readonly list: number;
  private readonly rules;
  private readonly byInterface: ReadonlyMap<string, number>;

  constructor(private readonly entry: CaptureEntry) {
    this.arena = Arena.create({ slots: 1, bytes: LIST_BYTES });
    this.kernels = loadKernels(this.arena);
    this.slot = this.arena.slot(0);
    this.list = this.arena.allocate(LIST_BYTES);
    this.byInterface = new Map((entry.interfaces ?? []).map(({ name, network }) => [name, network]));
    this.rules = compilePolicies(
      entry.rules.map(({ match }, index): FlowPolicy => ({
        id: index + 1,
        name: `rule ${index + 1}`,
        flowType: index + 1,
        typeName: `rule ${index + 1}`,
        match,
        paths: [],
        criteria: 'static',
      })),
    );
  }

  /** The external network of a frame that comes from `side` (0 initiator, 1 responder), captured on `from` ('' = it is not told). */
  networkOf(side: number, bytes: Uint8Array, length: number, from = ''): number {
    const { entry } = this;
    const named = this.byInterface.get(from);
    if (named !== undefined) return named;
    const rule = entry.rules.length === 0 ? -1 : this.matching(side, bytes, length);
    const { initiator, responder } = rule < 0 ? entry : entry.rules[rule]!;
    return side === 0 ? initiator : responder;
  }

  private matching(side: number, bytes: Uint8Array, length: number): number {
    const { arena, slot } = this;
    const kept = Math.min(length, FRAME_MAX);
    arena.u8.set(bytes.subarray(0, kept), slot + SLOT_FRAME);
    arena.u32[(slot + S_OFF) >>> 2] = SLOT_FRAME;
    arena.u32[(slot + S_LEN) >>> 2] = kept;
    arena.u16[(slot + S_NETWORK) >>> 1] = this.entry.initiator;
    arena.u16[(slot + S_REASON) >>> 1] = 0;
    arena.u16[(slot + S_FLAGS) >>> 1] = 0;
    arena.u32[this.list >>> 2] = 0;
    this.kernels.parse(this.list, 1, 0, 0);
    const sourceIsB = arena.u8[slot + S_SRC_IS_B] === 1;
    return this.rules.match(arena, slot, sourceIsB === (side === 0));
  }
}
