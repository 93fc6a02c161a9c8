import type { Incarnation, Micros, NodeRef } from '../../domain/base/ids';
import type { NodeStatistics } from '../../domain/node/statistics';
import { REASONS, type Reason } from '../frames/reasons';
import { HopCounters } from './hop-counters';
import { TypeCounters } from './type-counters';

/** Latency buckets: powers of two of a microsecond, up to about 71 minutes. */
const LATENCY_BUCKETS = 32;

/** Indexes into {@link Counters.values}; each is a member of NodeStatistics. */
export const FLOWS_STARTED = 0;
export const FLOWS_ENDED = 1;
export const EXTERNAL_IN = 2;
export const EXTERNAL_OUT = 3;
export const RECEIVED = 4;
export const BYTES_RECEIVED = 5;
export const CONSUMED = 6;
export const CREATED = 7;
export const COPIED = 8;
export const REPLICATED = 9;
export const SUPPRESSED = 10;
export const REEMITTED = 11;
export const HELLOS_SENT = 12;
export const HELLOS_RECEIVED = 13;
export const TOO_BIG_ANSWERED = 14;
export const FRAGMENTED = 15;
export const MSS_CLAMPED = 16;
export const CONGESTIONS = 17;
export const FLOWS_MOVED_AWAY = 18;
export const FLOWS_MOVED_HERE = 19;
export const FLOODED = 20;
export const UNTRACKED = 21;
/** Copies of broadcast and multicast frames for further networks of their bridge domain. */
export const BRIDGED = 22;
export const RESYNCHRONISED = 23;
const COUNT = 24;

/** What a node counts; floats, so that nothing is boxed and nothing wraps. */
export class Counters {
  readonly values = new Float64Array(COUNT);
  /** Drops by reason number. */
  readonly drops = new Float64Array(REASONS.length);
  readonly latency = new Float64Array(LATENCY_BUCKETS);
  readonly hops = new HopCounters();
  readonly types = new TypeCounters();

  drop(why: Reason): void {
    this.drops[why]++;
  }

  /** Counts one frame that left the node `us` microseconds after it entered the grid. */
  countLatency(us: number): void {
    this.latency[us < 1 ? 0 : Math.min(LATENCY_BUCKETS - 1, 31 - Math.clz32(us))]++;
  }

  /** As plain data. `live` holds what is known elsewhere; `functionDrops` the function's drops, by its reasons. */
  statistics(
    identity: { readonly node: NodeRef; readonly incarnation: Incarnation; readonly at: Micros },
    live: Pick<
      NodeStatistics,
      'flowsPrimary' | 'flowsBackup' | 'boundByFlood' | 'inFlight' | 'utilisation' | 'congested' | 'types'
    >,
    functionDrops: { readonly [reason: string]: number },
  ): NodeStatistics {
    const { values } = this;
    const hops = this.hops.traffic();
    return {
      ...identity,
      ...live,
      flowsStarted: values[FLOWS_STARTED],
      flowsEnded: values[FLOWS_ENDED],
      externalIn: values[EXTERNAL_IN],
      externalOut: values[EXTERNAL_OUT],
      received: values[RECEIVED],
      sent: hops.reduce((sum, { frames }) => sum + frames, 0),
      bytesReceived: values[BYTES_RECEIVED],
      bytesSent: hops.reduce((sum, { bytes }) => sum + bytes, 0),
      hops,
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
