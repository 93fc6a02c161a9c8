import type { ChainId, Millis } from '../base/ids';
import type { GridState } from '../grid-state';
import { NOTHING_TO_DO, reject, type Decision } from '../message';
import { changesBetween } from './changes';
import { contentOf, isTopologyStale } from './content';
import type { TopologyLifeEvent } from './events';
import { liveTopology, stampedTopology, takesModes } from './state';
import { nextWireId, QUARANTINE_MS } from './wire-ids';

type TopologyDecision = Decision<TopologyLifeEvent>;

/** Publishes the grid as it is; waits (refused as `none-free`) while no wire ID is free. */
export function publishTopology(state: GridState, at: Millis): TopologyDecision {
  const content = contentOf(state);
  if (content === undefined) return reject('not-allowed', 'no node is active yet: there is nothing to publish');
  if (!isTopologyStale(state)) return NOTHING_TO_DO;
  const wireId = nextWireId(state.topology, at);
  if (wireId === 0) return reject('none-free', 'all 255 topology IDs are carried by live flows or resting');
  const version = state.topology.version + 1;
  const changes = changesBetween(state.topology.latest, content);
  return [{ type: 'TopologyPublished', v: 2, data: { version, wireId, changes, dead: deadLives(state) } }];
}

/** Lives that some live topology may still name, each once. */
function deadLives(state: GridState): readonly ChainId[] {
  return [...new Set(state.topology.dead.map((life) => life.chain))].sort();
}

export function applyTopology(state: GridState, version: number, at: Millis): TopologyDecision {
  const topology = liveTopology(state.topology, version);
  if (topology === undefined) return reject('not-found', `topology ${version} is not live`);
  if (topology.appliedAt !== 0) return NOTHING_TO_DO;
  return [{ type: 'TopologyApplied', v: 1, data: { version, tookMs: Math.max(0, at - topology.publishedAt) } }];
}

export function requestRepin(state: GridState, version: number): TopologyDecision {
  const topology = liveTopology(state.topology, version);
  if (topology === undefined) return reject('not-found', `topology ${version} is not live`);
  const target = stampedTopology(state.topology);
  if (target === undefined || target.version <= version) {
    return reject('not-allowed', `topology ${version}: no newer topology is applied that its flows could move to`);
  }
  const modes = takesModes(state.topology, version, target.version);
  if (topology.repinTo === target.version && (!modes || topology.repinModes === true)) return NOTHING_TO_DO;
  const data = { version, wireId: topology.wireId, toVersion: target.version, toWireId: target.wireId };
  return [{ type: 'TopologyRepinRequested', v: 1, data: modes ? { ...data, modes: true } : data }];
}

export function retireTopology(state: GridState, version: number, at: Millis): TopologyDecision {
  const topology = liveTopology(state.topology, version);
  if (topology === undefined) return NOTHING_TO_DO;
  if (version >= (stampedTopology(state.topology)?.version ?? 0)) {
    return reject('in-use', `topology ${version} is what new flows are stamped with, or newer`);
  }
  if (topology.heldUntil > at) {
    return reject('in-use', `topology ${version}: flows of an FNODE that died may live until ${topology.heldUntil}`);
  }
  const { wireId } = topology;
  return [{ type: 'TopologyRetired', v: 1, data: { version, wireId, freeAt: at + QUARANTINE_MS } }];
}
