import type { Micros, NodeRef } from '../domain/base/ids';

/** A frame of a flow as some point saw it. */
export interface Sighting {
  /** Names the frame wherever it is seen: flow, direction, sequence, and whether it is a replica. */
  readonly frame: string;
  readonly time: Micros;
  /** The node that sent it, and the one that it is for. */
  readonly from: NodeRef;
  readonly to: NodeRef;
  /** `arrive` = seen at the interface that it is for; `depart` = where it was sent, or on the link. */
  readonly kind: 'depart' | 'arrive';
}

/** What a hop took, microseconds. */
export interface HopLatency {
  /** Through a node, or over the link from one node to another. */
  readonly hop: { readonly node: NodeRef } | { readonly from: NodeRef; readonly to: NodeRef };
  readonly frames: number;
  /**
   * Of a node: frames that came to it and that nobody saw leave: shadowed, dropped, or still inside; 0 where no frame was seen to
   * leave it at all. Of a link: frames that were seen leave and not arrive, in the same way.
   */
  readonly unmatched: number;
  readonly min: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

interface Passing {
  readonly departures: Map<number, Sighting>;
  readonly arrivals: Map<number, Sighting>;
}

interface Hop {
  readonly hop: HopLatency['hop'];
  readonly took: number[];
  unmatched: number;
}

const REFS = 1 << 15;

/**
 * What each hop took that two points saw the same frame on: a node from a frame's arrival (or, where only links were
 * probed, from its departure to the node) to its first departure from it, a link from departure to arrival. In the order in which
 * hops were first seen.
 */
export function hopLatencies(sightings: Iterable<Sighting>): HopLatency[] {
  const hops = new Map<string, Hop>();
  const departing = new Set<NodeRef>();
  const arriving = new Set<NodeRef>();
  const frames = passings(sightings, departing, arriving);
  for (const { departures, arrivals } of frames.values()) {
    joinLinks(departures, arrivals, arriving, hops);
    joinNodes(departures, arrivals, departing, hops);
  }
  return [...hops.values()].filter(({ took }) => took.length > 0).map(figures);
}

/** Sightings by frame: the first departure and arrival for each pair of nodes. */
function passings(
  sightings: Iterable<Sighting>,
  departing: Set<NodeRef>,
  arriving: Set<NodeRef>,
): Map<string, Passing> {
  const frames = new Map<string, Passing>();
  for (const sighting of sightings) {
    const { frame, from, to, kind } = sighting;
    let passing = frames.get(frame);
    if (passing === undefined) frames.set(frame, (passing = { departures: new Map(), arrivals: new Map() }));
    const seen = kind === 'depart' ? passing.departures : passing.arrivals;
    const pair = from * REFS + to;
    if (sighting.time < (seen.get(pair)?.time ?? Infinity)) seen.set(pair, sighting);
    if (kind === 'depart') departing.add(from);
    else arriving.add(to);
  }
  return frames;
}

function joinLinks(
  departures: ReadonlyMap<number, Sighting>,
  arrivals: ReadonlyMap<number, Sighting>,
  arriving: ReadonlySet<NodeRef>,
  hops: Map<string, Hop>,
): void {
  for (const [pair, { from, to, time }] of departures) {
    if (!arriving.has(to)) continue;
    note(hops, `${from} ${to}`, { from, to }, time, arrivals.get(pair)?.time);
  }
}

function joinNodes(
  departures: ReadonlyMap<number, Sighting>,
  arrivals: ReadonlyMap<number, Sighting>,
  departing: ReadonlySet<NodeRef>,
  hops: Map<string, Hop>,
): void {
  const entered = new Map<NodeRef, Micros>();
  for (const { to, time } of departures.values()) keepFirst(entered, to, time);
  const atInterfaces = new Map<NodeRef, Micros>();
  for (const { to, time } of arrivals.values()) keepFirst(atInterfaces, to, time);
  const left = new Map<NodeRef, Micros>();
  for (const { from, time } of departures.values()) keepFirst(left, from, time);
  for (const [node, time] of new Map([...entered, ...atInterfaces])) {
    if (departing.has(node)) note(hops, `${node}`, { node }, time, left.get(node));
  }
}

function keepFirst(times: Map<NodeRef, Micros>, node: NodeRef, time: Micros): void {
  if (time < (times.get(node) ?? Infinity)) times.set(node, time);
}

function note(hops: Map<string, Hop>, key: string, hop: Hop['hop'], began: Micros, ended: Micros | undefined): void {
  let known = hops.get(key);
  if (known === undefined) hops.set(key, (known = { hop, took: [], unmatched: 0 }));
  if (ended === undefined) known.unmatched++;
  else known.took.push(ended - began);
}

function figures({ hop, took, unmatched }: Hop): HopLatency {
  const sorted = Float64Array.from(took).sort();
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)]!;
  return {
    hop,
    frames: sorted.length,
    unmatched,
    min: sorted[0]!,
    p50: at(0.5),
    p90: at(0.9),
    p99: at(0.99),
    max: sorted.at(-1)!,
  };
}
