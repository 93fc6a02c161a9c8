import type { FlowId } from '../../domain/base/ids';

/** Index of the two recordings of a pair. */
export const ORIGINAL = 0;
export const REPLICA = 1;
/** What an older node lets overtake each other: what is further behind than that comes no more. */
const OVERTAKING_MAX = 64;

/** What one side was seen to carry, and which of its frames wait for their other. */
export interface Recording {
  /** Hash of each, by its place; the oldest first. */
  readonly waiting: Map<number, number>;
  /** The same of frames without a number, in their order. */
  readonly loose: number[];
  /** Frames since both run. */
  count: number;
  bytes: number;
  /** The flow while it lives, and its ID when it is over; 0 = none yet. */
  flow: FlowId;
  id: FlowId;
  /** The highest place of a frame so far. */
  last: number;
}

/** One frame as the recorder takes it. */
export interface RecordedFrame {
  readonly hash: number;
  readonly length: number;
  /** In its flow and direction, from 1; 0 = created on the way. */
  readonly sequence: number;
  readonly flow: FlowId;
  readonly replica: boolean;
  /** Of a clone's first frame: the clone was asked for while its original ran. */
  readonly isLate: boolean;
}

/** What has been found: the frame at `place` is not the same on both sides, or came on one alone. */
export type Difference = (place: number, what: 'differs' | 'missing') => void;

/** A pair as data. */
export type PairState = readonly [
  sides: readonly (readonly [(readonly [number, number])[], number[], number, number, FlowId, FlowId, number])[],
  shift: number | null,
  isLate: boolean,
  compared: number,
  differing: number,
];

/**
 * A connection in one direction: an original beside its clone. Frames are matched by their numbers, so that one that was lost
 * on either side is one difference, and what comes behind it is compared with what it is a copy of.
 */
export class RecordedPair {
  sides: readonly [Recording, Recording] = [newRecording(), newRecording()];
  compared = 0;
  differing = 0;
  /** The clone was asked for while its original ran. */
  isLate = false;
  /** By how much an original's number is higher than its clone's; undefined until the original goes on, or there is a clone. */
  private shift: number | undefined;

  constructor(
    /** Frames of a side that wait for their other, at most. */
    private readonly keep: number,
    private readonly found: Difference,
  ) {}

  take(frame: RecordedFrame): void {
    const own = frame.replica ? REPLICA : ORIGINAL;
    const side = this.sides[own];
    if (frame.replica && side.flow === 0) this.begin(frame);
    side.flow = side.id = frame.flow;
    side.count++;
    side.bytes += frame.length;
    if (frame.sequence === 0) return this.takeLoose(own, frame.hash);
    if (this.shift === undefined) return this.takeUnaligned(own, frame);
    this.takeAt(own, frame.replica ? (frame.sequence + this.shift) >>> 0 : frame.sequence, frame.hash);
  }

  /** Both have ended: what still waits is missing on the other side; a tail that is missing is one difference. */
  finish(): void {
    if (!this.areBoth()) return;
    for (const own of [ORIGINAL, REPLICA]) {
      const { waiting, loose } = this.sides[own];
      const other = this.sides[1 - own];
      let isTail = false;
      for (const place of waiting.keys()) {
        const isBehind = ((place - other.last) | 0) > 0;
        if (!isBehind || !isTail) this.differ(place, 'missing');
        isTail ||= isBehind;
      }
      if (loose.length > 0) this.differ(0, 'missing');
    }
  }

  state(): PairState {
    const { sides, shift, isLate, compared, differing } = this;
    const rows = sides.map(({ waiting, loose, count, bytes, flow, id, last }): PairState[0][number] => [
      [...waiting],
      loose,
      count,
      bytes,
      flow,
      id,
      last,
    ]);
    return [rows, shift ?? null, isLate, compared, differing];
  }

  restore([rows, shift, isLate, compared, differing]: PairState): void {
    const [original, replica] = rows.map(([waiting, loose, count, bytes, flow, id, last]) => ({
      waiting: new Map(waiting),
      loose,
      count,
      bytes,
      flow,
      id,
      last,
    }));
    this.sides = [original, replica];
    this.shift = shift ?? undefined;
    this.isLate = isLate;
    this.compared = compared;
    this.differing = differing;
  }

  /** A clone's first frame: finds the original's that it is a copy of. */
  private begin({ sequence, hash, isLate }: RecordedFrame): void {
    const [original, replica] = this.sides;
    replica.waiting.clear();
    replica.loose.length = replica.count = replica.bytes = replica.last = 0;
    this.shift = undefined;
    this.isLate = false;
    // The first of its frames may be lost: one that has the number and the bytes of its original's is its copy.
    if (!isLate || (sequence > 1 && original.waiting.get(sequence) === hash)) {
      this.shift = 0;
      return;
    }
    this.isLate = true;
    const place = [...original.waiting].reverse().find(([, each]) => each === hash)?.[0];
    if (place !== undefined) this.shift = (place - sequence) >>> 0;
    for (const each of [...original.waiting.keys()]) {
      if (place !== undefined && ((each - place) | 0) >= 0) continue;
      original.waiting.delete(each);
      original.count--;
    }
    original.count -= original.loose.length;
    original.loose.length = 0;
  }

  /** There is no clone yet, or it has overtaken its original: then the original's next frame is its first. */
  private takeUnaligned(own: typeof ORIGINAL | typeof REPLICA, { sequence, hash }: RecordedFrame): void {
    const [, replica] = this.sides;
    if (own === ORIGINAL && replica.count > 0) {
      const early = [...replica.waiting];
      replica.waiting.clear();
      replica.last = 0;
      const shift = (sequence - (early[0]?.[0] ?? sequence)) >>> 0;
      this.shift = shift;
      for (const [number, each] of early) this.takeAt(REPLICA, (number + shift) >>> 0, each);
      return this.takeAt(ORIGINAL, sequence, hash);
    }
    const side = this.sides[own];
    side.waiting.set(sequence, hash);
    advance(side, sequence);
    // Nothing to compare the oldest with: it is not missed.
    if (side.waiting.size > this.keep && this.forget(side) !== undefined) side.count--;
  }

  private takeAt(own: typeof ORIGINAL | typeof REPLICA, place: number, hash: number): void {
    const side = this.sides[own];
    const other = this.sides[1 - own];
    const twin = other.waiting.get(place);
    if (twin === undefined) side.waiting.set(place, hash);
    else {
      other.waiting.delete(place);
      this.match(place, twin === hash);
    }
    advance(side, place);
    for (const each of other.waiting.keys()) {
      if (((side.last - each) | 0) <= OVERTAKING_MAX) break;
      other.waiting.delete(each);
      this.differ(each, 'missing');
    }
    if (side.waiting.size > this.keep) this.differ(this.forget(side)!, 'missing');
  }

  /** The oldest frame that waits does so no longer; its place. */
  private forget({ waiting }: Recording): number | undefined {
    const [oldest] = waiting.keys();
    if (oldest !== undefined) waiting.delete(oldest);
    return oldest;
  }

  /** Frames that were created on the way have no number: they are compared in their order. */
  private takeLoose(own: typeof ORIGINAL | typeof REPLICA, hash: number): void {
    const other = this.sides[1 - own];
    const twin = other.loose.shift();
    if (twin !== undefined) return this.match(0, twin === hash);
    const { loose } = this.sides[own];
    loose.push(hash);
    if (loose.length <= this.keep) return;
    loose.shift();
    if (this.areBoth()) this.differ(0, 'missing');
  }

  private areBoth(): boolean {
    return this.sides.every(({ count }) => count > 0);
  }

  private match(place: number, isSame: boolean): void {
    this.compared++;
    if (!isSame) this.differ(place, 'differs');
  }

  private differ(place: number, what: 'differs' | 'missing'): void {
    this.differing++;
    this.found(place, what);
  }
}

/** Numbers go round after 2^32. */
function advance(side: Recording, place: number): void {
  if (side.last === 0 || ((place - side.last) | 0) > 0) side.last = place;
}

function newRecording(): Recording {
  return { waiting: new Map(), loose: [], count: 0, bytes: 0, flow: 0, id: 0, last: 0 };
}
