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
import { ORIGINAL, RecordedPair, REPLICA, type PairState, type Recording } from './recorded-pair';
import { decodeState, encodeState } from './state-codec';
import { cloneOf } from '../select/replica';

interface Connection {
  readonly direction: CloneFinding['direction'];
  readonly pair: RecordedPair;
}

/** What the recorder has to say about one connection and direction. */
export interface Comparison {
  /** ID of the original, keyed hash of the connection, and `>` or `<` for the direction. */
  readonly connection: string;
  readonly original: { readonly flow: FlowId; readonly frames: number; readonly bytes: number };
  readonly replica: { readonly flow: FlowId; readonly frames: number; readonly bytes: number };
  readonly compared: number;
  readonly differing: number;
}

/**
 * `recorder`: the end of a replicated flow ([0084]). It records the original, which passes, and its replica, and compares
 * them frame by frame, from the layer-3 header on. A clone carries the very packets of its original under the very numbers:
 * frames are matched by these, so that one that was lost is one difference; one that was asked for while its original ran, from
 * its first frame on. The first difference is reported for each connection and direction. The replica ends here in the directions
 * that `ends` names; where a stage behind is under test in the other direction, it must go on.
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
  private readonly connections = new Map<string, Connection>();
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
    const key = keyOf(flow, flow.reverse);
    const { pair } = this.connections.get(key) ?? this.begin(key, flow.reverse ? 'reverse' : 'forward');
    const { id, replica, sequence } = flow;
    const isLate = replica && pair.sides[REPLICA].flow === 0 && this.beganLate(flow);
    this.counting(pair, () =>
      pair.take({ hash: hashFrame(frame), length: frame.length, sequence, flow: id, replica, isLate }),
    );
  }

  private begin(key: string, direction: CloneFinding['direction']): Connection {
    const pair = new RecordedPair(this.keep, (place, what) => {
      if (pair.differing > 1) return;
      const text =
        what === 'differs' ? `frame ${place} is the first to differ` : `frame ${place} is the first to be missing`;
      this.context.report('replica-differs', `connection ${key}: ${text}`);
    });
    const connection = { direction, pair };
    this.connections.set(key, connection);
    return connection;
  }

  /** Adds to the counts what is found meanwhile. */
  private counting(pair: RecordedPair, find: () => void): void {
    const { compared, differing } = pair;
    find();
    this.counts.compared += pair.compared - compared;
    this.counts.differing += pair.differing - differing;
  }

  /** Every connection recorded so far. */
  describe(): Comparison[] {
    return [...this.connections].map(([connection, { pair }]) => ({
      connection,
      original: summary(pair.sides[ORIGINAL]),
      replica: summary(pair.sides[REPLICA]),
      compared: pair.compared,
      differing: pair.differing,
    }));
  }

  /** Frames compared so far, and how many differed, ended connections included; one that is missing is one that differs, and a missing tail too. */
  counted(): { readonly compared: number; readonly differing: number } {
    return { ...this.counts };
  }

  exportFlow(flow: FlowId): Uint8Array | undefined {
    const own = [...this.connections].filter(([, { pair }]) => pair.sides.some((side) => side.flow === flow));
    if (own.length === 0) return undefined;
    return encodeState(own.map(([key, { pair }]): ConnectionState => [key, pair.state()]));
  }

  importFlow(_flow: FlowId, state: Uint8Array): void {
    for (const [key, pair] of decodeState<ConnectionState[]>(state)) {
      this.begin(key, key.endsWith('<') ? 'reverse' : 'forward').pair.restore(pair);
    }
  }

  flowEnded(flow: FlowId): void {
    for (const [key, connection] of this.connections) {
      const { sides } = connection.pair;
      const mine = sides.find((side) => side.flow === flow);
      if (mine === undefined) continue;
      mine.flow = 0;
      if (sides.some((side) => side.flow !== 0)) continue;
      this.finish(key, connection);
      this.connections.delete(key);
    }
  }

  /** Whether a clone whose first frame in a direction this is began while its original ran. */
  private beganLate(flow: FlowView): boolean {
    if (!flow.reverse) return !flow.start;
    const forward = this.connections.get(keyOf(flow, false))?.pair;
    return forward === undefined || forward.sides[REPLICA].count === 0 || forward.isLate;
  }

  private endsHere(reverse: boolean): boolean {
    return this.ends === 'both' || this.ends === (reverse ? 'reverse' : 'forward');
  }

  private finish(key: string, { direction, pair }: Connection): void {
    this.counting(pair, () => pair.finish());
    const [original, replica] = pair.sides;
    if (replica.count === 0 || original.count === 0) return;
    if (original.count !== replica.count) {
      const text = `connection ${key}: ${original.count} frames, its replica ${replica.count}`;
      this.context.report('replica-differs', text);
    }
    const { compared, differing } = pair;
    const frames = [original.count, replica.count] as const;
    this.context.compared({ clone: replica.id, original: original.id, direction, frames, compared, differing });
  }
}

type ConnectionState = readonly [key: string, pair: PairState];

/** A connection may be that of two flows, one after the other; a clone's is that of its original. */
function keyOf({ id, replica, connection }: FlowView, reverse: boolean): string {
  return `${replica ? cloneOf(id) : id}/${connection}${reverse ? '<' : '>'}`;
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
