import { NODE_REF_COUNT } from '../../domain/base/ids';
import type { HopTraffic, NodeStatistics } from '../../domain/node/statistics';
import { isCount, isFlag, isListOf, isRecordOf, type Shape } from './shape';

/** Reasons, names and buckets of one node, at most. */
const NAMES_MAX = 1_024;
const HOPS_MAX = NODE_REF_COUNT;
const TYPES_MAX = 65_536;

const isRef: Shape<number> = (value): value is number => isCount(value) && value > 0 && value < NODE_REF_COUNT;

const isCounts: Shape<{ readonly [name: string]: number }> = (value): value is { readonly [name: string]: number } => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const counts = Object.values(value);
  return counts.length <= NAMES_MAX && counts.every(isCount);
};

const isOptionalCounts = (value: unknown): value is { readonly [name: string]: number } | undefined =>
  value === undefined || isCounts(value);

/** By hand: a node tells hundreds of them every second. */
const isHop: Shape<HopTraffic> = (value): value is HopTraffic => {
  if (typeof value !== 'object' || value === null) return false;
  const { to, frames, bytes } = value as { readonly [name: string]: unknown };
  return isRef(to) && isCount(frames) && isCount(bytes);
};

const isStatistics = isRecordOf({
  node: isRef,
  incarnation: isCount,
  at: isCount,
  flowsPrimary: isCount,
  flowsBackup: isCount,
  boundByFlood: isFlag,
  flowsStarted: isCount,
  flowsEnded: isCount,
  externalIn: isCount,
  externalOut: isCount,
  received: isCount,
  sent: isCount,
  bytesReceived: isCount,
  bytesSent: isCount,
  hops: isListOf(isHop, HOPS_MAX),
  types: isListOf(
    isRecordOf({
      flowType: isCount,
      live: isCount,
      started: isCount,
      ended: isCount,
      packets: isCount,
      bytes: isCount,
    }),
    TYPES_MAX,
  ),
  consumed: isCount,
  created: isCount,
  copied: isCount,
  replicated: isCount,
  bridged: isCount,
  suppressed: isCount,
  flooded: isCount,
  untracked: isCount,
  reemitted: isCount,
  resynchronised: isCount,
  inFlight: isCount,
  dropped: isCounts,
  latencyBuckets: isListOf(isCount, NAMES_MAX),
  tooBigAnswered: isCount,
  fragmented: isCount,
  mssClamped: isCount,
  hellosSent: isCount,
  hellosReceived: isCount,
  utilisation: isCount,
  congested: isFlag,
  congestions: isCount,
  flowsMovedAway: isCount,
  flowsMovedHere: isCount,
}) satisfies Shape<Omit<NodeStatistics, 'counted'>>;

/** What a node counted, as it came over the bus in JSON: untrusted; undefined for what is no such message. */
export function decodeNodeStatistics(bytes: Uint8Array): NodeStatistics | undefined {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString());
  } catch {
    return undefined;
  }
  return isStatistics(value) && isOptionalCounts((value as { counted?: unknown }).counted) ? value : undefined;
}
