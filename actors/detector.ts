import type { Incarnation, Millis, NodeRef } from '../domain/base/ids';

interface Watched {
  readonly incarnation: Incarnation;
  lastSeen: Millis;
  /** Milliseconds since then in which nobody was expected to speak. */
  excused: Millis;
}

/** Share of the detection time in which at least somebody is heard while the bus works. */
const BLACKOUT_SHARE = 0.25;

/** Sets, replaces and clears one deadline per key: the part of the timer service that the detector needs. */
export interface DeadlineSetter {
  set(key: string, dueAt: Millis): void;
  clear(key: string): void;
}

/**
 * Counts hellos outside the machines, which are too slow for them, and speaks only when something changes: a watched
 * life has been silent for the detection time (hello interval × multiplier, as BFD detects). A hello costs one map
 * look-up; the deadline is moved only when it is reached.
 */
export class Detector {
  private readonly watched = new Map<NodeRef, Watched>();

  /** @param deadlines keys that this detector sets begin with {@link Detector.KEY}. */
  constructor(private readonly deadlines: DeadlineSetter) {}

  static readonly KEY = 'silence/';

  /** Milliseconds of silence after which a node is suspected. */
  detectionMs = 0;
  /**
   * While nobody at all is heard it is rather the bus that is gone than every node: then nobody is suspected before this
   * many milliseconds. 0 = silence is silence.
   */
  blackoutMs = 0;
  private isDeaf = false;
  /** When anybody was heard last. */
  private heardAt = -Infinity;

  /** Whether nobody can be heard, however long that lasts. What comes after is a blackout's end. */
  setDeaf(isDeaf: boolean, at: Millis): void {
    if (this.isDeaf && !isDeaf) this.heard(at);
    this.isDeaf = isDeaf;
  }

  /** Begins to watch a life of a node; `at` counts as its first sign of life. */
  watch(ref: NodeRef, incarnation: Incarnation, at: Millis): void {
    if (this.watched.get(ref)?.incarnation === incarnation) return;
    this.watched.set(ref, { incarnation, lastSeen: at, excused: 0 });
    this.deadlines.set(`${Detector.KEY}${ref}`, at + this.detectionMs);
  }

  unwatch(ref: NodeRef): void {
    if (this.watched.delete(ref)) this.deadlines.clear(`${Detector.KEY}${ref}`);
  }

  /** Watches nobody: what was silent, or not, is forgotten. */
  unwatchAll(): void {
    for (const ref of [...this.watched.keys()]) this.unwatch(ref);
  }

  /** Whether the node is watched in this life. */
  isWatching(ref: NodeRef, incarnation: Incarnation): boolean {
    return this.watched.get(ref)?.incarnation === incarnation;
  }

  /** The nodes watched now. */
  refs(): Iterable<NodeRef> {
    return this.watched.keys();
  }

  /** A sign of life. */
  hello(ref: NodeRef, incarnation: Incarnation, at: Millis): void {
    this.heard(at);
    const watched = this.watched.get(ref);
    if (watched?.incarnation !== incarnation || at <= watched.lastSeen) return;
    watched.lastSeen = at;
    watched.excused = 0;
  }

  /** Somebody was heard. What comes after a blackout ends it: silence counts anew, for everybody. */
  heard(at: Millis): void {
    if (this.isBlackout(at)) this.excuse(this.heardAt, at);
    this.heardAt = Math.max(this.heardAt, at);
  }

  /**
   * Nobody was expected to say hello between `gapBegan` and `at` (a silent gap in a replayed capture): that time is no
   * silence. What a node was silent for before the gap still counts, so that gap after gap a dead node is found out.
   */
  excuse(gapBegan: Millis, at: Millis): void {
    for (const watched of this.watched.values()) watched.excused += Math.max(0, at - gapBegan);
  }

  /**
   * The deadline of `ref` was reached. Returns the silence to report, or undefined if there were signs of life; either
   * way the node is looked at again.
   */
  check(ref: NodeRef, now: Millis): { readonly incarnation: Incarnation; readonly lastSeen: Millis } | undefined {
    const watched = this.watched.get(ref);
    if (watched === undefined) return undefined;
    const silentAt = watched.lastSeen + watched.excused + this.detectionMs;
    const isSilent = silentAt <= now && !this.isBlackout(now);
    this.deadlines.set(`${Detector.KEY}${ref}`, silentAt <= now ? now + this.detectionMs : silentAt);
    return isSilent ? { incarnation: watched.incarnation, lastSeen: watched.lastSeen } : undefined;
  }

  /**
   * Whether nobody was heard for a good part of the detection time (several hellos of everybody), and not yet for so long
   * that it must be believed.
   */
  private isBlackout(now: Millis): boolean {
    if (this.isDeaf) return true;
    const silence = now - this.heardAt;
    return silence > this.detectionMs * BLACKOUT_SHARE && silence < this.blackoutMs;
  }
}
