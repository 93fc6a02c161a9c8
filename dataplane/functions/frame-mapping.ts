import type { FlowId } from '../../domain/base/ids';
import {
  D_FLAGS,
  DF_REPLICA,
  F_ID,
  F_STATE,
  FS_STATELESS,
  S_DESCRIPTOR,
  S_FLAGS,
  S_FLOW,
  S_IP,
  S_L3,
  S_L4,
  S_LEN,
  S_OFF,
  S_PROTO,
  S_REASON,
  S_REVERSE,
  SF_HOLD,
} from '../frames/layout';
import { FlowMapper, type MapperFrame, type MappedFrame, type Translation } from './flow-mapper';
import type { FunctionServices } from './host';

/** Frames that the function keeps, and 5-tuples and translations, that are remembered at most. */
const INSIDE = 1024;
const TUPLES = 65_536;
const ETHERNET_ADDRESSES = 12;

/**
 * Sent frames by how they were matched; a shadow's are copies and not counted. `secondary`: those that waited for the flow
 * that they opened; those behind them are found by its 5-tuple.
 */
export type MappingCounters = {
  'mapped-by-bytes': number;
  'mapped-by-tuple': number;
  'mapped-by-translation': number;
} & {
  secondary: number;
  unmatched: number;
};

const COUNTED = {
  bytes: 'mapped-by-bytes',
  tuple: 'mapped-by-tuple',
  translation: 'mapped-by-translation',
  unmatched: 'unmatched',
} as const;

/** Where a frame that a function made goes: a flow and direction, or the 5-tuple by which it opens a flow of its own. */
export type Destination = MappedFrame | { readonly opens: string };

/**
 * The flow mapper ([0078]) between a host and a function that declares `emits: 'mapped'`. Clones, copies, and flows without
 * an entry stay out of it: what a function sends because of one belongs to it and to nothing else.
 */
export class FrameMapping {
  readonly counters: MappingCounters = {
    'mapped-by-bytes': 0,
    'mapped-by-tuple': 0,
    'mapped-by-translation': 0,
    secondary: 0,
    unmatched: 0,
  };
  private readonly mapper: FlowMapper;
  private cause = 0;
  private place = 0;
  /** The ticket of the frame at hand; 0 = it is none of the mapper's. */
  private ticket = 0;

  constructor(
    private readonly services: Pick<FunctionServices, 'views' | 'slotAddress' | 'parse' | 'carries' | 'open'>,
  ) {
    this.mapper = new FlowMapper({
      capacity: INSIDE,
      tuples: TUPLES,
      secondary: services.open !== undefined,
      carries: (flow) => services.carries?.(flow) ?? false,
    });
  }

  /** The function is about to process the frame at byte address `cause`, whose slot number stands at `place`. */
  enter(cause: number, place: number): void {
    this.cause = cause;
    this.place = place;
    const { u8, u32 } = this.services.views;
    const entry = u32[(cause + S_FLOW) >>> 2];
    const isReplica = (u8[cause + S_DESCRIPTOR + D_FLAGS] & DF_REPLICA) !== 0;
    if (entry === 0 || isReplica || (u32[(entry + F_STATE) >>> 2] & FS_STATELESS) !== 0) {
      this.ticket = 0;
      return;
    }
    const mapped = { flow: u32[(entry + F_ID) >>> 2], reverse: u8[cause + S_REVERSE] };
    this.ticket = this.mapper.enter(this.read(cause), mapped);
  }

  /** The function is done with the frame at hand; what it consumed stays inside. */
  leave(consumed: boolean): void {
    if (!consumed && this.ticket !== 0) this.mapper.forget(this.ticket);
    this.ticket = 0;
  }

  /** Where a frame that the function made goes; undefined = unmatched. */
  find(slot: number): Destination | undefined {
    const { u16, u32 } = this.services.views;
    const address = this.services.slotAddress(slot);
    // The place of the frame at hand in its list serves for the parser: nobody else looks at it meanwhile.
    const own = u32[this.place >>> 2];
    u32[this.place >>> 2] = slot;
    this.services.parse(this.place, 1);
    u32[this.place >>> 2] = own;
    u16[(address + S_REASON) >>> 1] = 0;
    const found = this.ticket === 0 ? undefined : this.mapper.leave(this.read(address));
    if (found?.tuple !== undefined) return { opens: found.tuple };
    const match = found === undefined || found.match === 'secondary' ? 'unmatched' : found.match;
    if ((u16[(this.cause + S_FLAGS) >>> 1] & SF_HOLD) === 0) this.counters[COUNTED[match]]++;
    if (found?.mapped === undefined) return undefined;
    const { flow, reverse } = found.mapped;
    return { flow, reverse: found.answer === true ? 1 - reverse : reverse };
  }

  /** `frames` frames of a 5-tuple belong to the secondary flow that they opened, as do those to come; 0 = to none. */
  opened(tuple: string, flow: FlowId, frames: number): void {
    this.counters[flow === 0 ? 'unmatched' : 'secondary'] += frames;
    if (flow !== 0) this.mapper.bind(tuple, { flow, reverse: 0 });
  }

  declare(translation: Translation): void {
    this.mapper.declare(translation);
  }

  withdraw(translation: Translation): void {
    this.mapper.withdraw(translation);
  }

  flowEnded(flow: number): void {
    this.mapper.flowEnded(flow);
  }

  /** What the parser found of a frame, for the mapper. */
  private read(address: number): MapperFrame {
    const { u8, u16, u32 } = this.services.views;
    const base = address + u32[(address + S_OFF) >>> 2];
    const ip = u8[address + S_IP];
    const l4 = u16[(address + S_L4) >>> 1];
    const source = base + (ip === 0 ? ETHERNET_ADDRESSES : u16[(address + S_L3) >>> 1] + (ip === 4 ? 12 : 8));
    return {
      bytes: u8,
      l4: l4 === 0 ? 0 : base + l4,
      end: base + u32[(address + S_LEN) >>> 2],
      ip,
      proto: u8[address + S_PROTO],
      source,
      destination: source + (ip === 4 ? 4 : 16),
    };
  }
}
