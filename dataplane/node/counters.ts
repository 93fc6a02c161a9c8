import type { Incarnation, Micros, NodeRef } from '../../domain/base/ids';
import type { NodeStatistics } from '../../domain/node/statistics';
import { REASONS, type Reason } from '../frames/reasons';

/** Latency buckets: powers of two of a microsecond, up to about 71 minutes. */
const LATENCY_BUCKETS = 32;

/** Indexes into {@link Counters.values}; each is a member of NodeStatistics. */
export const FLOWS_STARTED = 0;
export const FLOWS_ENDED = 1;
export const EXTERNAL_IN = 2;
export const EXTERNAL_OUT = 3;
export const RECEIVED = 4;
export const SENT = 5;
export const BYTES_RECEIVED = 6;
export const BYTES_SENT = 7;
export const CONSUMED = 8;
export const CREATED = 9;
export const COPIED = 10;
export const REPLICATED = 11;
export const SUPPRESSED = 12;
export const REEMITTED = 13;
export const HELLOS_SENT = 14;
export const HELLOS_RECEIVED = 15;
export const TOO_BIG_ANSWERED = 16;
export const FRAGMENTED = 17;
export const MSS_CLAMPED = 18;
export const CONGESTIONS = 19;
export const FLOWS_MOVED_AWAY = 20;
export const FLOWS_MOVED_HERE = 21;
export const FLOODED = 22;
export const UNTRACKED = 23;
/** Copies of broadcast and multicast frames for further networks of their bridge domain. */
export const BRIDGED = 24;
export const RESYNCHRONISED = 25;
const COUNT = 26;

/** What a node counts; floats, so that nothing is boxed and nothing wraps. */
export class Counters {
  readonly values = new Float64Array(COUNT);
  /** Drops by reason number. */
  readonly drops = new Float64Array(REASONS.length);
  readonly latency = new Float64Array(LATENCY_BUCKETS);

  drop(why: Reason): void {
    this.drops[why]++;
  }

  /** Counts one frame that left the node `us` microseconds after it entered the grid. */
  countLatency(us: number): void {
    this.latency[us < 1 ? 0 : Math.min(LATENCY_BUCKETS - 1, 31 - Math.clz32(us))]++;
  }

  /** As plain data. `live` holds what is a state and not a count; `functionDrops` those of the function, by its reasons. */
  statistics(
    identity: { readonly node: NodeRef; readonly incarnation: Incarnation; readonly at: Micros },
    live: Pick<
      NodeStatistics,
      'flowsPrimary' | 'flowsBackup' | 'boundByFlood' | 'inFlight' | 'utilisation' | 'congested'
    >,
    functionDrops: { readonly [reason: string]: number },
  ): NodeStatistics {
    const { values } = this;
    return {
      ...identity,
      ...live,
      flowsStarted: values[FLOWS_STARTED],
      flowsEnded: values[FLOWS_ENDED],
      externalIn: values[EXTERNAL_IN],
      externalOut: values[EXTERNAL_OUT],
      received: values[RECEIVED],
      sent: values[SENT],
      bytesReceived: values[BYTES_RECEIVED],
      bytesSent: values[BYTES_SENT],
      consumed: values[CONSUMED],
      created: values[CREATED],
      copied: values[COPIED],
      replicated: values[REPLICATED],
      suppressed: values[SUPPRESSED],
      flooded: values[FLOODED],
      untracked: values[UNTRACKED],
      reemitted: values[REEMITTED],
      resynchronised: values[RESYNCHRONISED],
      dropped: this.dropped(functionDrops),
      latencyBuckets: Array.from(this.latency),
      bridged: values[BRIDGED],
      tooBigAnswered: values[TOO_BIG_ANSWERED],
      fragmented: values[FRAGMENTED],
      mssClamped: values[MSS_CLAMPED],
      hellosSent: values[HELLOS_SENT],
      hellosReceived: values[HELLOS_RECEIVED],
      congestions: values[CONGESTIONS],
      flowsMovedAway: values[FLOWS_MOVED_AWAY],
      flowsMovedHere: values[FLOWS_MOVED_HERE],
    };
  }

  /** `function-drop` is what the function dropped without a reason of its own. */
  private dropped(functionDrops: { readonly [reason: string]: number }): { [reason: string]: number } {
    const dropped: { [reason: string]: number } = {};
    this.drops.forEach((n, why) => {
      if (n > 0) dropped[REASONS[why]] = n;
    });
    for (const [name, n] of Object.entries(functionDrops)) {
      if (n === 0) continue;
      dropped[name] = (dropped[name] ?? 0) + n;
      dropped['function-drop'] = (dropped['function-drop'] ?? 0) - n;
    }
    if (dropped['function-drop'] !== undefined && dropped['function-drop'] <= 0) delete dropped['function-drop'];
    return dropped;
  }
}
