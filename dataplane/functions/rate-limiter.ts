import { mix2 } from '../../domain/base/hash';
import type { FlowId, Micros } from '../../domain/base/ids';
import type { FlowView } from './flow-view';
import type { FrameView } from './frame-view';
import {
  FORWARD,
  type FunctionConfig,
  type FunctionDefinition,
  type PacketFunction,
  type Verdict,
  drop,
} from './function';
import { decodeState, encodeState } from './state-codec';
import { VerdictWindow, type VerdictWindowState } from './verdict-window';

const OVER_RATE = drop(0);

/**
 * `rate-limiter`: a token bucket for each flow and direction (`per: flow`, shadowed exactly because a bucket knows only
 * its own direction) or for each source address (`per: source`, shared between flows and therefore exported). Time is
 * the frames' own.
 */
export const rateLimiter: FunctionDefinition = {
  name: 'rate-limiter',
  summary: 'token bucket per flow and direction, or per source address',
  create(config) {
    const limit = readLimit(config);
    return config.oneOf('per', ['flow', 'source'], 'flow') === 'flow'
      ? new FlowLimiter(limit)
      : new SourceLimiter(limit);
  },
};

interface Limit {
  /** Tokens a frame costs: 1, or its bytes. */
  readonly unit: 'packets' | 'bytes';
  /** Tokens per second. */
  readonly rate: number;
  /** Tokens a full bucket holds. */
  readonly burst: number;
}

function readLimit(config: FunctionConfig): Limit {
  const unit = config.oneOf('unit', ['packets', 'bytes'], 'packets');
  const rate = config.integer('rate', 1, 1e12);
  return { unit, rate, burst: config.integer('burst', 1, 1e12, rate) };
}

/** Tokens and the time for which they were counted. */
interface Bucket {
  tokens: number;
  at: Micros;
}

/** Refills by the time that has passed and takes the cost if it is there. */
function charge(bucket: Bucket, limit: Limit, now: Micros, cost: number): boolean {
  if (now > bucket.at) {
    bucket.tokens = Math.min(limit.burst, bucket.tokens + ((now - bucket.at) * limit.rate) / 1e6);
    bucket.at = now;
  }
  if (bucket.tokens < cost) return false;
  bucket.tokens -= cost;
  return true;
}

/** One bucket for each flow and direction. */
class FlowLimiter implements PacketFunction {
  readonly stateKind = 'per-flow';
  readonly reads = 'bytes';
  readonly dropReasons = ['over-rate'];
  private readonly flows = new Map<number, [Bucket, Bucket]>();

  constructor(private readonly limit: Limit) {}

  process(frame: FrameView, flow: FlowView): Verdict {
    const id = flow.id | 0;
    let buckets = this.flows.get(id);
    if (buckets === undefined) {
      const { burst } = this.limit;
      buckets = [
        { tokens: burst, at: 0 },
        { tokens: burst, at: 0 },
      ];
      this.flows.set(id, buckets);
    }
    const cost = this.limit.unit === 'packets' ? 1 : frame.length;
    return charge(buckets[flow.reverse ? 1 : 0], this.limit, frame.now, cost) ? FORWARD : OVER_RATE;
  }

  exportFlow(flow: FlowId): Uint8Array | undefined {
    const buckets = this.flows.get(flow | 0);
    return buckets && encodeState(buckets);
  }

  importFlow(flow: FlowId, state: Uint8Array): void {
    this.flows.set(flow | 0, decodeState<[Bucket, Bucket]>(state));
  }

  flowEnded(flow: FlowId): void {
    this.flows.delete(flow | 0);
  }
}

/** What one judged frame changed: the bucket, and the verdict by which a repeat is recognised. */
type LimiterDelta = readonly (readonly [
  source: number,
  tokens: number,
  at: Micros,
  flow: FlowId,
  reverse: number,
  sequence: number,
  passed: number,
])[];

/**
 * One bucket for each source address. A frame that was judged before, here or by the member whose state was taken over,
 * gets the same verdict again and costs nothing: that makes processing what a backup held exact.
 */
class SourceLimiter implements PacketFunction {
  readonly stateKind = 'exported';
  readonly reads = 'headers';
  readonly dropReasons = ['over-rate'];
  private readonly buckets = new Map<number, Bucket>();
  private readonly judged = new Map<number, [VerdictWindow, VerdictWindow]>();
  private delta: LimiterDelta[number][] = [];

  constructor(private readonly limit: Limit) {}

  process(frame: FrameView, flow: FlowView): Verdict {
    const window = this.windowOf(flow.id, flow.reverse);
    const { sequence } = flow;
    const before = window.verdict(sequence);
    if (before !== undefined) return before ? FORWARD : OVER_RATE;
    const source = sourceKey(frame);
    const bucket = this.bucketOf(source);
    const passed = charge(bucket, this.limit, frame.now, this.limit.unit === 'packets' ? 1 : frame.length);
    window.record(sequence, passed);
    this.delta.push([source, bucket.tokens, bucket.at, flow.id, flow.reverse ? 1 : 0, sequence, passed ? 1 : 0]);
    return passed ? FORWARD : OVER_RATE;
  }

  takeDelta(): Uint8Array | undefined {
    if (this.delta.length === 0) return undefined;
    const bytes = encodeState(this.delta);
    this.delta = [];
    return bytes;
  }

  applyDelta(bytes: Uint8Array): void {
    for (const [source, tokens, at, flow, reverse, sequence, passed] of decodeState<LimiterDelta>(bytes)) {
      const bucket = this.bucketOf(source);
      // A member keeps its own bucket for a source too; the poorer and later of the two is the truth nearest to both.
      if (at >= bucket.at) {
        bucket.tokens = tokens;
        bucket.at = at;
      }
      this.windowOf(flow, reverse === 1).record(sequence, passed === 1);
    }
  }

  exportFlow(flow: FlowId): Uint8Array | undefined {
    const windows = this.judged.get(flow | 0);
    return windows && encodeState(windows.map((window) => window.state()));
  }

  importFlow(flow: FlowId, state: Uint8Array): void {
    const [forward, reverse] = decodeState<VerdictWindowState[]>(state);
    this.judged.set(flow | 0, [new VerdictWindow(forward), new VerdictWindow(reverse)]);
  }

  flowEnded(flow: FlowId): void {
    this.judged.delete(flow | 0);
  }

  /** A bucket that would be full by now is what a new one is: forgetting it changes nothing. */
  tick(now: Micros): void {
    const { rate, burst } = this.limit;
    for (const [source, bucket] of this.buckets) {
      if (bucket.tokens + ((now - bucket.at) * rate) / 1e6 >= burst) this.buckets.delete(source);
    }
  }

  private windowOf(flow: FlowId, reverse: boolean): VerdictWindow {
    let windows = this.judged.get(flow | 0);
    if (windows === undefined) {
      windows = [new VerdictWindow(), new VerdictWindow()];
      this.judged.set(flow | 0, windows);
    }
    return windows[reverse ? 1 : 0];
  }

  private bucketOf(source: number): Bucket {
    let bucket = this.buckets.get(source);
    if (bucket === undefined) {
      bucket = { tokens: this.limit.burst, at: 0 };
      this.buckets.set(source, bucket);
    }
    return bucket;
  }
}

/** The source address as one number: IPv4 as it is, IPv6 folded to 51 bits, anything else by its source MAC. */
function sourceKey(frame: FrameView): number {
  if (frame.ip === 4) return frame.u32(frame.sourceAddressAt);
  const at = frame.ip === 6 ? frame.sourceAddressAt : 6;
  let low = frame.ip;
  let high = 0;
  for (let i = 0; i < (frame.ip === 6 ? 16 : 4); i += 4) {
    low = mix2(low, frame.u32(at + i));
    high = mix2(high + 1, frame.u32(at + i));
  }
  if (frame.ip === 0) low = mix2(low, frame.u16(10));
  // From 2^32 on, so that no IPv4 address is met.
  return 0x1_0000_0000 + (high & 0x7ffff) * 0x1_0000_0000 + low;
}
