import type { ChainId, Millis, Seq, WireId } from '../base/ids';
import { vlansOf } from '../link/lan-links';
import { applyChanges, type TopologyChanges } from './changes';
import type { Topology } from './topology';

/** A topology that flows may live under: published and not yet retired. */
export interface LiveTopology {
  readonly version: number;
  readonly wireId: WireId;
  /** The commit that published it. */
  readonly seq: Seq;
  readonly publishedAt: Millis;
  /** When all live nodes had acknowledged it; 0 = not yet. */
  readonly appliedAt: Millis;
  /** Flows allocated by an FNODE that died may live until then, although nobody reports them; 0 = no such flows. */
  readonly heldUntil: Millis;
  /** Version whose wire ID its flows were asked to move to; 0 = they were not. */
  readonly repinTo: number;
  /** They were asked to take its modes too. */
  readonly repinModes?: true;
  /** What makes it out of the next newer live one; absent in the newest. */
  readonly back?: TopologyChanges;
}

/** A life of a node that is over, and the newest topology that can name it. */
export interface DeadLife {
  readonly chain: ChainId;
  readonly version: number;
}

export interface TopologyState {
  /** Version of the newest topology; 0 before the first. */
  readonly version: number;
  readonly latest: Topology | null;
  /** Oldest first. */
  readonly live: readonly LiveTopology[];
  /** Wire IDs that nothing carries any more, but that are not given again before `freeAt`. */
  readonly quarantine: readonly { readonly wireId: WireId; readonly freeAt: Millis }[];
  readonly dead: readonly DeadLife[];
  /** Flows under topologies up to this version shall take the modes of a later one; absent = of none. */
  readonly modesUpTo?: number;
  /** FNODE numbers whose flow IDs may still be alive. */
  readonly heldFnodes: readonly { readonly fnode: number; readonly freeAt: Millis }[];
}

export const NO_TOPOLOGY: TopologyState = {
  version: 0,
  latest: null,
  live: [],
  quarantine: [],
  dead: [],
  heldFnodes: [],
};

/** The newest topology that FNODEs stamp; undefined before the first is applied. */
export function stampedTopology(state: TopologyState): LiveTopology | undefined {
  return state.live.findLast((topology) => topology.appliedAt !== 0);
}

/** Whether flows that move from one topology to another shall take the modes of its clusters. */
export function takesModes({ modesUpTo = 0 }: TopologyState, version: number, toVersion: number): boolean {
  return version <= modesUpTo && toVersion > modesUpTo;
}

/** The live topologies, each whole, newest first. Parts that two of them share are the same objects. */
export function* wholeTopologies({ latest, live }: TopologyState): Iterable<Topology> {
  let topology = latest;
  for (const { version, wireId, back } of live.toReversed()) {
    if (back !== undefined) topology = applyChanges(topology, back, version, wireId);
    if (topology !== null) yield topology;
  }
}

/** One of them; undefined if it is not live. */
export function wholeTopology(state: TopologyState, version: number): Topology | undefined {
  for (const topology of wholeTopologies(state)) if (topology.version === version) return topology;
  return undefined;
}

export function liveTopology(state: TopologyState, version: number): LiveTopology | undefined {
  return state.live.find((topology) => topology.version === version);
}

const named = new WeakMap<TopologyState, ReadonlySet<number>>();

/** The VLAN IDs of the links that live topologies name. */
export function namedVlans(state: TopologyState): ReadonlySet<number> {
  let vlans = named.get(state);
  if (vlans === undefined) {
    // A link of an older topology is one of the next newer, or stands in what makes the older one of it.
    const older = state.live.flatMap(({ back }) => back?.links?.set ?? []);
    const newest = state.live.length === 0 ? [] : (state.latest?.links ?? []);
    named.set(state, (vlans = new Set([...newest, ...older].flatMap(vlansOf))));
  }
  return vlans;
}
