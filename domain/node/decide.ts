import { isTakenAway } from '../agent/placement';
import { nodeName, NODE_ID_MAX, type ClusterId, type Millis, type NodeId } from '../base/ids';
import { originatesFlows } from '../cluster/state';
import { flowIdsFreeAt } from '../grid/decide';
import { detectionMs } from '../grid/timing';
import type { GridState } from '../grid-state';
import { NOTHING_TO_DO, reject, type Decision, type Rejection } from '../message';
import type { NodeAddress, NodeLife } from './address';
import type {
  ActivateNode,
  AdmitNode,
  CompleteDrain,
  ConfigureNode,
  DiscoverNode,
  DrainNode,
  RecoverNode,
  SuspectNode,
} from './commands';
import { appliesTo } from './evolve';
import type { NodeEvent } from './events';
import { freeFnode } from './fnodes';
import type { NodeState } from './state';

type NodeDecision = Decision<NodeEvent>;

/** The node as the grid knows it; undefined if it does not. */
export function findNode(state: GridState, { cluster, node }: NodeAddress): NodeState | undefined {
  return state.clusters[cluster]?.nodes[node];
}

/** The node's name as people know it (`AB-2`), or its numbers where the cluster is unknown. */
export function nameOf(state: GridState, { cluster, node }: NodeAddress): string {
  return nodeName(state.clusters[cluster]?.settings.name ?? `cluster ${cluster}`, node);
}

export function discoverNode(state: GridState, data: DiscoverNode['data']): NodeDecision {
  const refusal = invalidAddress(state, data);
  if (refusal !== undefined) return refusal;
  const node = findNode(state, data);
  if (node !== undefined && node.status !== 'removed') return NOTHING_TO_DO;
  return stillNamed(state, data, node) ?? [{ type: 'NodeDiscovered', v: 1, data }];
}

export function admitNode(state: GridState, data: AdmitNode['data']): NodeDecision {
  const refusal = invalidAddress(state, data) ?? invalidWeight(state, data);
  if (refusal !== undefined) return refusal;
  const node = findNode(state, data);
  if (node?.status === 'admitted') {
    if (node.reservedBy !== '') return reject('in-use', `${nameOf(state, data)} is reserved by ${node.reservedBy}`);
    if (node.spare === data.spare && node.weight === data.weight) return NOTHING_TO_DO;
  } else if (node !== undefined && node.status !== 'discovered' && node.status !== 'removed') {
    return reject('exists', `${nameOf(state, data)} is a member already (${node.status})`);
  }
  return stillNamed(state, data, node) ?? [{ type: 'NodeAdmitted', v: 1, data }];
}

export function configureNode(state: GridState, data: ConfigureNode['data']): NodeDecision {
  const node = findNode(state, data);
  if (node === undefined) return unknownNode(state, data);
  const refusal = invalidWeight(state, data);
  if (refusal !== undefined) return refusal;
  const isBeginning = node.status === 'admitted' || node.status === 'drained';
  if (!isBeginning && node.weight === data.weight && appliesTo('NodeConfigured', node.status)) {
    return NOTHING_TO_DO;
  }
  if (node.status === 'admitted' && node.spare && node.reservedBy === '') {
    return reject('not-allowed', `${nameOf(state, data)} is a spare: reserve it or admit it as a member first`);
  }
  if (node.status === 'drained' && (node.leaving || node.placement.agent !== '')) {
    return reject('in-use', `${nameOf(state, data)} is drained and has not left its place yet`);
  }
  if (!appliesTo('NodeConfigured', node.status)) return wrongStatus(state, data, node, 'configured');
  return [{ type: 'NodeConfigured', v: 1, data }];
}

export function activateNode(state: GridState, data: ActivateNode['data'], at: Millis): NodeDecision {
  const node = findNode(state, data);
  const cluster = state.clusters[data.cluster];
  if (node === undefined || cluster === undefined) return unknownNode(state, data);
  if (node.status === 'active' && node.incarnation === data.incarnation) return NOTHING_TO_DO;
  if (!appliesTo('NodeActivated', node.status)) return wrongStatus(state, data, node, 'activated');
  if (data.incarnation < node.incarnation) return staleLife(state, data, node);
  if (node.status === 'configured' && isTakenAway(node, data.incarnation)) {
    return reject('stale', `${nameOf(state, data)}: life ${data.incarnation} was taken away from its agent`);
  }
  const fnode = originatesFlows(cluster) ? freeFnode(state, at) : 0;
  if (fnode === 0 && originatesFlows(cluster)) {
    return reject('none-free', `${nameOf(state, data)}: all 255 FNODE numbers are taken or resting`);
  }
  return [{ type: 'NodeActivated', v: 1, data: { ...data, fnode } }];
}

/** Silence makes an active node suspected; a draining one, which gets no new flows anyway, failed at once. */
export function suspectNode(state: GridState, data: SuspectNode['data'], at: Millis): NodeDecision {
  const node = findNode(state, data);
  if (node === undefined || state.grid === null) return unknownNode(state, data);
  if (node.incarnation !== data.incarnation) return staleLife(state, data, node);
  if (node.status === 'suspected' || node.status === 'failed') return NOTHING_TO_DO;
  if (node.status === 'draining' || node.status === 'recovering') return failed(state, data, data.lastSeen, at);
  if (node.status !== 'active') return wrongStatus(state, data, node, 'suspected');
  const dueAt = at + detectionMs(state.grid.timing);
  return [{ type: 'NodeSuspected', v: 1, data: { ...data, dueAt } }];
}

export function failNode(state: GridState, data: NodeLife, at: Millis): NodeDecision {
  const node = findNode(state, data);
  if (node === undefined) return unknownNode(state, data);
  if (node.incarnation !== data.incarnation) return staleLife(state, data, node);
  if (node.status === 'failed') return NOTHING_TO_DO;
  if (!appliesTo('NodeFailed', node.status)) return wrongStatus(state, data, node, 'failed');
  return failed(state, data, node.status === 'suspected' ? node.lastSeen : at, at);
}

function failed(state: GridState, life: NodeLife, lastSeen: Millis, at: Millis): NodeDecision {
  const { cluster, node, incarnation } = life;
  const fnodeFreeAt = state.grid === null ? at : flowIdsFreeAt(state.grid, at);
  return [{ type: 'NodeFailed', v: 1, data: { cluster, node, incarnation, lastSeen, detectedAt: at, fnodeFreeAt } }];
}

/** A sign of life ends a suspicion; a failed node returns only as a newer incarnation, its state being lost. */
export function recoverNode(state: GridState, data: RecoverNode['data']): NodeDecision {
  const node = findNode(state, data);
  if (node === undefined) return unknownNode(state, data);
  if (data.incarnation < node.incarnation) return staleLife(state, data, node);
  if (node.status === 'suspected') {
    if (data.incarnation !== node.incarnation) {
      return reject(
        'not-allowed',
        `${nameOf(state, data)}: its life ${node.incarnation} has to fail before ${data.incarnation}`,
      );
    }
  } else if (node.status === 'failed') {
    if (data.incarnation === node.incarnation) return reject('stale', `${nameOf(state, data)}: that life has ended`);
  } else {
    return NOTHING_TO_DO;
  }
  return [{ type: 'NodeRecovered', v: 1, data }];
}

export function drainNode(state: GridState, data: DrainNode['data'], at: Millis): NodeDecision {
  const node = findNode(state, data);
  if (node === undefined) return unknownNode(state, data);
  if (node.status === 'draining' || node.status === 'drained') return NOTHING_TO_DO;
  if (!appliesTo('NodeDraining', node.status)) return wrongStatus(state, data, node, 'drained');
  if (!Number.isInteger(data.withinMs) || data.withinMs < 0)
    return reject('invalid', `withinMs ${data.withinMs} is no count`);
  const { cluster, node: id, withinMs, thenRemove } = data;
  const dueAt = withinMs === 0 ? 0 : at + withinMs;
  return [{ type: 'NodeDraining', v: 1, data: { cluster, node: id, dueAt, thenRemove } }];
}

export function completeDrain(state: GridState, data: CompleteDrain['data'], at: Millis): NodeDecision {
  const node = findNode(state, data);
  if (node === undefined) return unknownNode(state, data);
  if (node.status === 'drained' || node.status === 'removed') return NOTHING_TO_DO;
  if (node.status !== 'draining') return wrongStatus(state, data, node, 'drained');
  const fnodeFreeAt = state.grid === null ? at : flowIdsFreeAt(state.grid, at);
  return [{ type: 'NodeDrained', v: 1, data: { ...data, fnodeFreeAt } }];
}

export function removeNode(state: GridState, data: NodeAddress): NodeDecision {
  const node = findNode(state, data);
  if (node === undefined || node.status === 'removed') return NOTHING_TO_DO;
  if (node.reservedBy !== '') return reject('in-use', `${nameOf(state, data)} is reserved by ${node.reservedBy}`);
  if (!appliesTo('NodeRemoved', node.status)) {
    return reject('in-use', `${nameOf(state, data)} is ${node.status}: drain it first`);
  }
  return [{ type: 'NodeRemoved', v: 1, data }];
}

function invalidAddress(state: GridState, address: NodeAddress): Rejection | undefined {
  if (state.clusters[address.cluster] === undefined)
    return reject('not-found', `there is no cluster ${address.cluster}`);
  if (!Number.isInteger(address.node) || address.node < 1 || address.node > NODE_ID_MAX) {
    return reject('invalid', `node ID ${address.node} is not in 1–${NODE_ID_MAX}`);
  }
  return undefined;
}

function invalidWeight(state: GridState, data: NodeAddress & { readonly weight: number }): Rejection | undefined {
  if (Number.isInteger(data.weight) && data.weight >= 1 && data.weight <= 100) return undefined;
  return reject('invalid', `${nameOf(state, data)}: weight ${data.weight} is not in 1–100`);
}

/**
 * The lowest ID in a cluster that names nobody, not even under a live topology; 0 if there is none. Only where nobody
 * cares which ID it is.
 */
export function freeNodeId(state: GridState, cluster: ClusterId): NodeId | 0 {
  for (let node = 1; node <= NODE_ID_MAX; node++) {
    const present = findNode(state, { cluster, node });
    if (present === undefined) return node;
    if (present.status === 'removed' && stillNamed(state, { cluster, node }, present) === undefined) return node;
  }
  return 0;
}

/** A removed node's ID must not name somebody else while flows live under a topology that lists it. */
function stillNamed(state: GridState, address: NodeAddress, node: NodeState | undefined): Rejection | undefined {
  if (node?.status !== 'removed') return undefined;
  const isNamed = state.topology.live.some((topology) => topology.version <= node.lastVersion);
  return isNamed
    ? reject('in-use', `${nameOf(state, address)}: a live topology still names the node removed before`)
    : undefined;
}

function unknownNode(state: GridState, address: NodeAddress): Rejection {
  return reject('not-found', `there is no node ${nameOf(state, address)}`);
}

function wrongStatus(state: GridState, address: NodeAddress, node: NodeState, participle: string): Rejection {
  return reject('not-allowed', `${nameOf(state, address)} is ${node.status} and cannot be ${participle}`);
}

function staleLife(state: GridState, life: NodeLife, node: NodeState): Rejection {
  return reject(
    'stale',
    `${nameOf(state, life)}: life ${life.incarnation} is not its present one, ${node.incarnation}`,
  );
}
