import type { Micros } from '../../domain/base/ids';
import type { Arena } from '../frames/arena';
import { S_FRAGMENT, S_PROTO, S_REASON, S_SRC_IS_B } from '../frames/layout';
import { reason } from '../frames/reasons';
import { FRAGMENT_FIRST, PROTO_TCP } from '../headers/numbers';
import type { FragmentTable } from './fragments';
import { Classified, type FlowGuard } from './ports';
import type { QuotedPacket } from './quoted-packet';
import { isBareSyn } from './tcp';

const TABLE_FULL = reason('table-full');

/**
 * What happens to frames of connections that have no entry and get none: the guard carries them, and without a guard
 * they are dropped as `table-full`.
 */
export class EntrylessFrames {
  constructor(
    private readonly arena: Arena,
    private readonly guard: FlowGuard | undefined,
    private readonly fragments: FragmentTable,
    private readonly quoted: QuotedPacket,
  ) {}

  /** Whether a frame of an unknown connection may have entries. */
  admits(slot: number): boolean {
    const { arena, guard } = this;
    if (guard === undefined) return true;
    return guard.admits(slot, arena.u8[slot + S_PROTO] === PROTO_TCP && isBareSyn(arena, slot));
  }

  /** A frame for whose connection or flow there was no room. */
  exhausted(slot: number, nowUs: Micros): Classified {
    this.guard?.exhausted();
    return this.carry(slot, nowUs);
  }

  /** A frame whose flow has no entry, and gets none. */
  carry(slot: number, nowUs: Micros): Classified {
    const { guard, arena } = this;
    if (guard === undefined) {
      arena.u16[(slot + S_REASON) >>> 1] = TABLE_FULL;
      return Classified.dropped;
    }
    if (!guard.carry(slot, slot, arena.u8[slot + S_SRC_IS_B] === 1)) return Classified.dropped;
    if (arena.u8[slot + S_FRAGMENT] === FRAGMENT_FIRST) {
      this.fragments.firstStateless(slot, guard.choiceOf(slot), nowUs);
    }
    return Classified.stateless;
  }

  /** A later fragment goes where its first one was carried; undefined = that one was not carried without an entry. */
  carryLaterFragment(slot: number): Classified | undefined {
    const choice = this.guard === undefined ? undefined : this.fragments.choice(slot);
    if (choice === undefined) return undefined;
    return this.guard?.carryLike(slot, choice) === true ? Classified.stateless : Classified.dropped;
  }

  /**
   * An ICMP error about a packet of a flow without an entry goes where that packet came from; undefined = frames are not
   * carried now, or it quotes nothing that names a connection.
   */
  carryQuoting(slot: number): Classified | undefined {
    const { guard, quoted } = this;
    if (guard?.isActive !== true || !quoted.parse(slot)) return undefined;
    const quotedFromB = this.arena.u8[quoted.slot + S_SRC_IS_B] === 1;
    return guard.carry(slot, quoted.slot, !quotedFromB) ? Classified.stateless : Classified.dropped;
  }
}
