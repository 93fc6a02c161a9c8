import { mix2 } from '../../domain/base/hash';
import type { FlowId } from '../../domain/base/ids';
import type { FlowView } from './flow-view';
import type { FrameView } from './frame-view';
import {
  CONSUME,
  FORWARD,
  type CloneFinding,
  type FunctionConfig,
  type FunctionContext,
  type FunctionDefinition,
  type PacketFunction,
  type Verdict,
} from './function';
import { decodeState, encodeState } from './state-codec';

/** Index of the two recordings of a connection and direction. */
const ORIGINAL = 0;
const REPLICA = 1;

/** What one side was seen to carry: hash and length of each frame, in order, as far as kept. */
interface Recording {
  readonly frames: number[];
  count: number;
  bytes: number;
  /** The flow while it lives, and its ID when it is over; 0 = none yet. */
  flow: FlowId;
  id: FlowId;
  /** It began while the other ran. */
  isLate: boolean;
}

/** A connection in one direction: the original's frames beside the replica's. */
interface Pair {
  readonly sides: [Recording, Recording];
  readonly direction: CloneFinding['direction'];
  /** Frames compared so far, and how many of them differed. */
  compared: number;
  differing: number;
}
type PairState = readonly [
  key: string,
  sides: readonly (readonly [number[], number, number, FlowId, FlowId, boolean?])[],
  compared: number,
  differing: number,
];

/** What the recorder has to say about one connection and direction. */
export interface Comparison {
  /** Keyed hash of the connection and `>` or `<` for the direction. */
  readonly connection: string;
  readonly original: { readonly flow: FlowId; readonly frames: number; readonly bytes: number };
  readonly replica: { readonly flow: FlowId; readonly frames: number; readonly bytes: number };
  readonly compared: number;
  readonly differing: number;
}

/**
 * `recorder`: the end of a replicated flow ([0084]). It records the original, which passes, and its replica, and compares
 * them frame by frame in order, from the layer-3 header on. A clone carries the very packets of its original, so the two
 * are paired by their connection; one that was asked for while its original ran, from its first frame on. Differences are reported once for each connection and direction. The replica ends here
 * in the directions that `ends` names; where a stage behind is under test in the other direction, it must go on.
 */
export const recorder: FunctionDefinition = {
  name: 'recorder',
  summary: 'records a replica and its original and compares them; the replica ends here',
  create: (config, context) => new Recorder(config, context),
};

class Recorder implements PacketFunction {
  readonly stateKind = 'per-flow';
  readonly reads = 'headers';
  readonly dropReasons = [];

  private readonly keep: number;
  private readonly ends: 'both' | 'forward' | 'reverse' | 'none';
  private readonly compares: 'both' | 'forward' | 'reverse';
  private readonly pairs = new Map<string, Pair>();
  private readonly counts = { compared: 0, differing: 0 };

  constructor(
    config: FunctionConfig,
    private readonly context: FunctionContext,
  ) {
    this.keep = config.integer('keep', 1, 1_000_000, 10_000);
    this.ends = config.oneOf('ends', ['both', 'forward', 'reverse', 'none'], 'both');
    this.compares = config.oneOf('compares', ['both', 'forward', 'reverse'], 'both');
  }

  process(frame: FrameView, flow: FlowView): Verdict {
    if (this.compares === 'both' || this.compares === (flow.reverse ? 'reverse' : 'forward')) this.take(frame, flow);
    return flow.replica && this.endsHere(flow.reverse) ? CONSUME : FORWARD;
  }

  private take(frame: FrameView, flow: FlowView): void {
    const key = `${flow.connection}${flow.reverse ? '<' : '>'}`;
    let pair = this.pairs.get(key);
    if (pair === undefined) {
      const direction = flow.reverse ? 'reverse' : 'forward';
      pair = { sides: [newRecording(), newRecording()], direction, compared: 0, differing: 0 };
      this.pairs.set(key, pair);
    }
    const side = pair.sides[flow.replica ? REPLICA : ORIGINAL];
    this.record(side, frame, flow.id);
    if (flow.replica && side.count === 1 && this.beganLate(flow)) align(pair);
    this.compare(key, pair);
  }

  /** Every connection recorded so far. */
  describe(): Comparison[] {
    return [...this.pairs].map(([connection, { sides, compared, differing }]) => ({
      connection,
      original: summary(sides[ORIGINAL]),
      replica: summary(sides[REPLICA]),
      compared,
      differing,
    }));
  }

  /** Frames compared so far, and how many differed, ended connections included; a missing tail counts as one that differs. */
  counted(): { readonly compared: number; readonly differing: number } {
    return { ...this.counts };
  }

  exportFlow(flow: FlowId): Uint8Array | undefined {
    const own = [...this.pairs].filter(([, pair]) => pair.sides.some((side) => side.flow === flow));
    if (own.length === 0) return undefined;
    const rows: PairState[] = own.map(([key, { sides, compared, differing }]) => [
      key,
      sides.map((side) => [side.frames, side.count, side.bytes, side.flow, side.id, side.isLate]),
      compared,
      differing,
    ]);
    return encodeState(rows);
  }

  importFlow(_flow: FlowId, state: Uint8Array): void {
    for (const [key, sides, compared, differing] of decodeState<PairState[]>(state)) {
      const [original, replica] = sides.map(([frames, count, bytes, flow, id, isLate = false]) => ({
        frames,
        count,
        bytes,
        flow,
        id,
        isLate,
      }));
      const direction = key.endsWith('<') ? 'reverse' : 'forward';
      this.pairs.set(key, { sides: [original, replica], direction, compared, differing });
    }
  }

  flowEnded(flow: FlowId): void {
    for (const [key, pair] of this.pairs) {
      const mine = pair.sides.find((side) => side.flow === flow);
      if (mine === undefined) continue;
      mine.flow = 0;
      if (pair.sides.some((side) => side.flow !== 0)) continue;
      this.finish(key, pair);
      this.pairs.delete(key);
    }
  }

  /** Whether a clone whose first frame in a direction this is began while its original ran. */
  private beganLate({ connection, reverse, start }: FlowView): boolean {
    if (!reverse) return !start;
    const forward = this.pairs.get(`${connection}>`)?.sides[REPLICA];
    return forward === undefined || forward.count === 0 || forward.isLate;
  }

  private endsHere(reverse: boolean): boolean {
    return this.ends === 'both' || this.ends === (reverse ? 'reverse' : 'forward');
  }

  private record(side: Recording, frame: FrameView, flow: FlowId): void {
    side.flow = side.id = flow;
    if (side.count < this.keep) side.frames.push(hashFrame(frame));
    side.count++;
    side.bytes += frame.length;
  }

  private compare(key: string, pair: Pair): void {
    const [original, replica] = pair.sides;
    while (pair.compared < original.frames.length && pair.compared < replica.frames.length) {
      if (original.frames[pair.compared] !== replica.frames[pair.compared]) {
        if (pair.differing === 0) {
          this.context.report(
            'replica-differs',
            `connection ${key}: frame ${pair.compared + 1} is the first to differ`,
          );
        }
        pair.differing++;
        this.counts.differing++;
      }
      pair.compared++;
      this.counts.compared++;
    }
  }

  /** At the end, a missing tail is a difference too. */
  private finish(key: string, pair: Pair): void {
    const [original, replica] = pair.sides;
    if (replica.count === 0 || original.count === 0) return;
    if (original.count !== replica.count) {
      pair.differing++;
      this.counts.differing++;
      const text = `connection ${key}: ${original.count} frames, its replica ${replica.count}`;
      this.context.report('replica-differs', text);
    }
    const { direction, compared, differing } = pair;
    const frames = [original.count, replica.count] as const;
    this.context.compared({ clone: replica.id, original: original.id, direction, frames, compared, differing });
  }
}

function newRecording(): Recording {
  return { frames: [], count: 0, bytes: 0, flow: 0, id: 0, isLate: false };
}

/** The clone's first frame is compared with that of the original that equals it, or with the next where none has come. */
function align({ sides: [original, replica] }: Pair): void {
  replica.isLate = true;
  const [first] = replica.frames;
  const place = original.frames.lastIndexOf(first);
  const before = place < 0 ? original.frames.length : place;
  original.frames.splice(0, before);
  original.count -= before;
}

function summary(side: Recording): Comparison['original'] {
  return { flow: side.flow, frames: side.count, bytes: side.bytes };
}

/** Bytes from the layer-3 header on and their number; MAC addresses and tags may differ between paths. */
function hashFrame(frame: FrameView): number {
  const from = frame.l3 === 0 ? 12 : frame.l3;
  let hash = frame.length - from;
  for (let at = from; at < frame.length; at += 4) hash = mix2(hash, frame.u32(at));
  return hash;
}
