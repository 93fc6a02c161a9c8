import type { Arena } from '../frames/arena';
import { S_FRAGMENT, S_L3, S_L4, S_LEN, S_NETWORK, S_OFF, S_REASON, S_FLAGS, SLOT_FRAME } from '../frames/layout';
import { FRAGMENT_LATER } from '../headers/numbers';
import { reason } from '../frames/reasons';
import type { Kernels, Way } from '../kernels/kernels';

/** ICMP and ICMPv6 errors quote behind an eight-byte header. */
const ICMP_HEADER = 8;
const UNREADABLE = new Set([reason('not-ip'), reason('malformed-ip'), reason('no-ports'), reason('runt')]);

export interface QuotedPacketOptions {
  readonly arena: Arena;
  readonly kernels: Kernels;
  /** A slot for this use alone. */
  readonly scratchSlot: number;
  readonly seedLo: number;
  readonly seedHi: number;
  /** How quoted packets stand to the network of the errors that quote them; absent: not told, as in captures. */
  readonly quotedWay?: Way;
}

/**
 * Reads the packet that an ICMP error quotes, by putting it behind the error's own link header and parsing that as a
 * frame: so its key has the same network and VLANs, and is made by the same code.
 */
export class QuotedPacket {
  /** Address of the slot that holds the quoted packet's parse results. */
  readonly slot: number;
  private readonly arena: Arena;
  private readonly list: number;

  constructor(private readonly options: QuotedPacketOptions) {
    this.arena = options.arena;
    this.slot = options.arena.slot(options.scratchSlot);
    this.list = options.arena.allocate(4, 4);
    options.arena.u32[this.list >>> 2] = options.scratchSlot;
  }

  /** Parses what the ICMP error in `error` quotes; false if there is nothing that names a connection. */
  parse(error: number): boolean {
    const { arena, slot } = this;
    const frame = error + arena.u32[(error + S_OFF) >>> 2];
    const length = arena.u32[(error + S_LEN) >>> 2];
    const link = arena.u16[(error + S_L3) >>> 1];
    const quote = arena.u16[(error + S_L4) >>> 1] + ICMP_HEADER;
    if (link === 0 || quote >= length) return false;
    const target = slot + SLOT_FRAME;
    arena.u8.copyWithin(target, frame, frame + link);
    arena.u8.copyWithin(target + link, frame + quote, frame + length);
    arena.u32[(slot + S_OFF) >>> 2] = SLOT_FRAME;
    arena.u32[(slot + S_LEN) >>> 2] = link + length - quote;
    arena.u16[(slot + S_NETWORK) >>> 1] = arena.u16[(error + S_NETWORK) >>> 1];
    arena.u16[(slot + S_REASON) >>> 1] = 0;
    arena.u16[(slot + S_FLAGS) >>> 1] = 0;
    const { kernels, seedLo, seedHi, quotedWay } = this.options;
    kernels.parse(this.list, 1, seedLo, seedHi, quotedWay);
    return !UNREADABLE.has(arena.u16[(slot + S_REASON) >>> 1]);
  }

  get isLaterFragment(): boolean {
    return this.arena.u8[this.slot + S_FRAGMENT] === FRAGMENT_LATER;
  }
}
