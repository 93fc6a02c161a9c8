import type { HopTraffic, NodeStatistics, TypeTraffic } from '../../domain/node/statistics';

/** Members that only grow while a node lives. */
const COUNTS = [
  'flowsStarted',
  'flowsEnded',
  'externalIn',
  'externalOut',
  'received',
  'sent',
  'bytesReceived',
  'bytesSent',
  'consumed',
  'created',
  'copied',
  'replicated',
  'bridged',
  'suppressed',
  'flooded',
  'untracked',
  'reemitted',
  'resynchronised',
  'tooBigAnswered',
  'fragmented',
  'mssClamped',
  'hellosSent',
  'hellosReceived',
  'congestions',
  'flowsMovedAway',
  'flowsMovedHere',
] as const satisfies readonly (keyof NodeStatistics)[];

type Join = (a: number, b: number) => number;

/**
 * Two readings of one node as one: each count is what `join` makes of both (0 where one has none), and what is a
 * state and not a count is that of `b`.
 */
export function combined(a: NodeStatistics, b: NodeStatistics, join: Join): NodeStatistics {
  const counts = Object.fromEntries(COUNTS.map((name) => [name, join(a[name], b[name])]));
  const length = Math.max(a.latencyBuckets.length, b.latencyBuckets.length);
  return {
    ...b,
    ...counts,
    dropped: joinedByName(a.dropped, b.dropped, join),
    counted: joinedByName(a.counted ?? {}, b.counted ?? {}, join),
    latencyBuckets: Array.from({ length }, (_, i) => join(a.latencyBuckets[i] ?? 0, b.latencyBuckets[i] ?? 0)),
    hops: joinedHops(a.hops, b.hops, join),
    types: joinedTypes(a.types, b.types, join),
  };
}

interface ByName {
  readonly [name: string]: number;
}

function joinedByName(a: ByName, b: ByName, join: Join): ByName {
  const names = new Set([...Object.keys(a), ...Object.keys(b)]);
  return Object.fromEntries(Array.from(names, (name) => [name, join(own(a, name), own(b, name))]));
}

/** Names come over the bus: one that every object has is no count. */
function own(counts: ByName, name: string): number {
  return Object.hasOwn(counts, name) ? counts[name]! : 0;
}

function joinedHops(a: readonly HopTraffic[], b: readonly HopTraffic[], join: Join): HopTraffic[] {
  // Two readings in a row mostly name the same nodes in the same order: thousands of nodes tell hundreds each.
  if (a.length === b.length && a.every(({ to }, i) => to === b[i]!.to)) {
    return b.map(({ to, frames, bytes }, i) => ({
      to,
      frames: join(a[i]!.frames, frames),
      bytes: join(a[i]!.bytes, bytes),
    }));
  }
  const before = new Map(a.map((hop) => [hop.to, hop]));
  const after = new Map(b.map((hop) => [hop.to, hop]));
  return Array.from(new Set([...before.keys(), ...after.keys()]), (to) => {
    const [x, y] = [before.get(to), after.get(to)];
    return { to, frames: join(x?.frames ?? 0, y?.frames ?? 0), bytes: join(x?.bytes ?? 0, y?.bytes ?? 0) };
  });
}

function joinedTypes(a: readonly TypeTraffic[], b: readonly TypeTraffic[], join: Join): TypeTraffic[] {
  const before = new Map(a.map((type) => [type.flowType, type]));
  const after = new Map(b.map((type) => [type.flowType, type]));
  return Array.from(new Set([...before.keys(), ...after.keys()]), (flowType) => {
    const [x, y] = [before.get(flowType), after.get(flowType)];
    const joined = (name: 'started' | 'ended' | 'packets' | 'bytes'): number => join(x?.[name] ?? 0, y?.[name] ?? 0);
    return {
      flowType,
      live: y?.live ?? 0,
      started: joined('started'),
      ended: joined('ended'),
      packets: joined('packets'),
      bytes: joined('bytes'),
    };
  });
}
