import { applyChanges, changesBetween, composed } from './changes';
import { unreachable } from '../base/errors';
import { chainId, nodeRef, type Millis, type Seq } from '../base/ids';
import type { NodeLifeEvent } from '../node/evolve';
import type { TopologyLifeEvent } from './events';
import type { LiveTopology, TopologyState } from './state';
import type { Topology } from './topology';

/** Applies an event of a topology's life; `seq` and `at` are those of its commit. */
export function evolveTopology(state: TopologyState, event: TopologyLifeEvent, seq: Seq, at: Millis): TopologyState {
  switch (event.type) {
    case 'TopologyPublished':
      return published(state, event.data, seq, at);
    case 'TopologyApplied':
      return change(state, event.data.version, { appliedAt: at });
    case 'TopologyRepinRequested':
      return change(state, event.data.version, {
        repinTo: event.data.toVersion,
        ...(event.data.modes && { repinModes: true as const }),
      });
    case 'LiveFlowsSwitched':
      return { ...state, modesUpTo: event.data.upTo };
    case 'TopologyRetired':
      return retired(state, event.data, at);
    default:
      return unreachable(event);
  }
}

/**
 * What a node's end means for topologies: its life is dead to all that name it, and flows of an FNODE that died may
 * live on where nobody reports them.
 */
export function evolveLosses(state: TopologyState, event: NodeLifeEvent, fnode: number): TopologyState {
  if (event.type === 'NodeFailed') {
    const { cluster, node, incarnation, fnodeFreeAt } = event.data;
    const dead = { chain: chainId(nodeRef(cluster, node), incarnation), version: state.version };
    const lost = { ...state, dead: [...state.dead, dead] };
    return fnode === 0 ? lost : heldFlows(lost, fnode, fnodeFreeAt);
  }
  if (event.type === 'NodeDrained' && fnode !== 0) return heldNumber(state, fnode, event.data.fnodeFreeAt);
  return state;
}

function published(
  state: TopologyState,
  data: Extract<TopologyLifeEvent, { type: 'TopologyPublished' }>['data'],
  seq: Seq,
  at: Millis,
): TopologyState {
  const { version, wireId, changes } = data;
  const topology = applyChanges(state.latest, changes, version, wireId);
  const live: LiveTopology = { version, wireId, seq, publishedAt: at, appliedAt: 0, heldUntil: 0, repinTo: 0 };
  return {
    ...state,
    version,
    latest: topology,
    live: [...reachedFrom(topology, state), live],
    quarantine: state.quarantine.filter((resting) => resting.freeAt > at),
    heldFnodes: state.heldFnodes.filter((held) => held.freeAt > at),
  };
}

function retired(
  state: TopologyState,
  data: Extract<TopologyLifeEvent, { type: 'TopologyRetired' }>['data'],
  at: Millis,
): TopologyState {
  const live = without(state.live, data.version);
  const oldest = live[0]?.version ?? state.version;
  return {
    ...state,
    live,
    quarantine: [
      ...state.quarantine.filter((resting) => resting.freeAt > at),
      { wireId: data.wireId, freeAt: data.freeAt },
    ],
    dead: state.dead.filter((life) => life.version >= oldest),
  };
}

/** The live topologies, the newest of which is found from `next` from now on. */
function reachedFrom(next: Topology, { live, latest }: TopologyState): readonly LiveTopology[] {
  const newest = live.at(-1);
  if (newest === undefined || latest === null) return live;
  const step = changesBetween(next, latest);
  const back = newest.back === undefined ? step : composed(step, newest.back);
  return [...live.slice(0, -1), { ...newest, back }];
}

/** The live topologies but one; the next older is found from the next newer. */
function without(live: readonly LiveTopology[], version: number): readonly LiveTopology[] {
  const place = live.findIndex((topology) => topology.version === version);
  const gone = live[place];
  if (gone === undefined) return live;
  return live.flatMap((topology, i) => {
    if (i === place) return [];
    if (i !== place - 1 || gone.back === undefined || topology.back === undefined) return [topology];
    return [{ ...topology, back: composed(gone.back, topology.back) }];
  });
}

function change(state: TopologyState, version: number, members: Partial<LiveTopology>): TopologyState {
  const place = state.live.findIndex((topology) => topology.version === version);
  if (place < 0) return state;
  const live = state.live.slice();
  live[place] = { ...live[place]!, ...members };
  return { ...state, live };
}

function heldFlows(state: TopologyState, fnode: number, until: Millis): TopologyState {
  const live = state.live.map((topology) =>
    topology.heldUntil < until ? { ...topology, heldUntil: until } : topology,
  );
  return heldNumber({ ...state, live }, fnode, until);
}

function heldNumber(state: TopologyState, fnode: number, freeAt: Millis): TopologyState {
  return { ...state, heldFnodes: [...state.heldFnodes, { fnode, freeAt }] };
}
