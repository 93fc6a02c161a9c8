import type { Incarnation, NodeRef } from '../../../../domain/base/ids';
import type { ResilientEnd } from '../../../../domain/link/cutover';

/** When an end was heard last: in which round, and what had been sent a round before that one began. */
interface Heard {
  readonly ref: NodeRef;
  round: number;
  sent: number;
  /** The life that is known of it; 0 = none yet. */
  life: Incarnation;
  /** Another life has been heard than the one that was watched. */
  isReborn: boolean;
}

/**
 * A root's watch over the ends of a resilient link, where no node runs whose own watch could tell it. Hellos and every other frame of an end are signs of its life, by
 * whatever link they come; one that gave none for `multiplier` rounds of the root is down, as BFD counts. Rounds and not time
 * are counted, so that a root that was stopped finds nobody dead for that. An end that comes back before it is missed says so
 * itself: hellos tell lives, and with its life before ended what was under way to that.
 *
 * Besides it knows how many frames may have been lost with an end that went down: those that were sent since the beginning of
 * the round before the one of the last sign of life. What was sent earlier had a round to get there while the end lived, which
 * is enough if a frame takes no longer there and back.
 */
export class ResilientWatch {
  private round = 0;
  /** Frames that had been sent on the link when this round and the one before began. */
  private sent = 0;
  private sentBefore = 0;
  private readonly ends: Readonly<Record<ResilientEnd, Heard>>;

  constructor(
    primary: NodeRef,
    standby: NodeRef,
    /** Rounds without a sign of life, after which an end is down. */
    private readonly multiplier: number,
  ) {
    const heard = (ref: NodeRef): Heard => ({ ref, round: 0, sent: 0, life: 0, isReborn: false });
    this.ends = { primary: heard(primary), standby: heard(standby) };
  }

  /** A frame came from a node. @param life of a hello; 0 = the frame does not tell it */
  heard(from: NodeRef, life: Incarnation = 0): void {
    const { primary, standby } = this.ends;
    const end = from === primary.ref ? primary : from === standby.ref ? standby : undefined;
    if (end === undefined) return;
    if (life > end.life) {
      end.isReborn = end.life !== 0;
      end.life = life;
    }
    if (end.isReborn) return;
    end.round = this.round;
    end.sent = this.sentBefore;
  }

  /** Whether the life of an end is over that was watched so far: it is down until it is {@link welcome}. */
  isReborn(end: ResilientEnd): boolean {
    return this.ends[end].isReborn;
  }

  /** What was lost with the life before is counted: from now on the new one is watched. */
  welcome(end: ResilientEnd): void {
    const heard = this.ends[end];
    heard.isReborn = false;
    heard.round = this.round;
    heard.sent = this.sentBefore;
  }

  /** A round begins. @param sent frames that the root has sent on the link by now */
  tick(sent: number): void {
    this.round++;
    this.sentBefore = this.sent;
    this.sent = sent;
  }

  isUp(end: ResilientEnd): boolean {
    const { isReborn, round } = this.ends[end];
    return !isReborn && this.round - round < this.multiplier;
  }

  /** Frames that may have been lost with an end, when so many were sent on the link in all. */
  inDoubt(end: ResilientEnd, sent: number): number {
    return sent - this.ends[end].sent;
  }
}
