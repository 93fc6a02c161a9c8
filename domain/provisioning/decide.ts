import { freeRoom } from '../agent/placement';
import type { ClusterId } from '../base/ids';
import { nodesOf, type ClusterState } from '../cluster/state';
import type { GridState } from '../grid-state';
import { NOTHING_TO_DO, reject, type Decision } from '../message';
import { findNode, freeNodeId, nameOf } from '../node/decide';
import type { NodeEvent } from '../node/events';
import type { WorkflowJournalEntry } from '../seams/workflow-engine';
import type { ReleaseSpare, ReserveSpare } from './commands';
import { stepOf } from './evolve';
import type { SpareEvent, WorkflowEvent } from './events';

/** Journals a workflow's step; what is settled already is not recorded twice. */
export function journalWorkflow(
  state: GridState,
  workflow: string,
  entry: WorkflowJournalEntry,
): Decision<WorkflowEvent> {
  const record = state.workflows[workflow];
  if (entry.kind === 'started') {
    if (record !== undefined) return NOTHING_TO_DO;
    return [{ type: 'ProvisioningRequested', v: 1, data: { workflow, entry } }];
  }
  if (record === undefined) return reject('not-found', `workflow ${workflow} was never requested`);
  if (record.status !== 'running') {
    return entry.kind === 'ended'
      ? NOTHING_TO_DO
      : reject('not-allowed', `workflow ${workflow} has ended (${record.status})`);
  }
  if (entry.kind === 'ended') {
    const type = entry.status === 'succeeded' ? 'ProvisioningSucceeded' : 'ProvisioningFailed';
    return [{ type, v: 1, data: { workflow, entry } }];
  }
  const step = stepOf(entry);
  if (step !== undefined && record.steps.includes(step)) return NOTHING_TO_DO;
  return [{ type: 'ProvisioningStepCompleted', v: 1, data: { workflow, entry } }];
}

export function reserveSpare(state: GridState, data: ReserveSpare['data']): Decision<SpareEvent | NodeEvent> {
  const { cluster, workflow } = data;
  const present = state.clusters[cluster];
  if (present === undefined) return reject('not-found', `there is no cluster ${cluster}`);
  // A step may run twice: a spare that this workflow has set aside already is the one.
  if (data.node === 0 && nodesOf(present).some((node) => node.reservedBy === workflow)) return NOTHING_TO_DO;
  const node = data.node === 0 ? firstSpare(state, cluster) : data.node;
  if (node === 0) return reserveRoom(state, present, workflow);
  const spare = findNode(state, { cluster, node });
  const name = nameOf(state, { cluster, node });
  if (spare === undefined) return reject('not-found', `there is no node ${name}`);
  if (spare.reservedBy === workflow) return NOTHING_TO_DO;
  if (spare.reservedBy !== '') return reject('in-use', `${name} is reserved by ${spare.reservedBy}`);
  if (spare.status !== 'admitted' || !spare.spare)
    return reject('not-allowed', `${name} is no spare (${spare.status})`);
  return [{ type: 'SpareReserved', v: 1, data: { cluster, node, workflow } }];
}

/** A node that nobody has named yet, in the room that agents have left: interchangeable hardware. */
function reserveRoom(state: GridState, { settings }: ClusterState, workflow: string): Decision<SpareEvent | NodeEvent> {
  const { id: cluster, name } = settings;
  const room = freeRoom(state, state.clusters[cluster]!);
  const node = room > 0 ? freeNodeId(state, cluster) : 0;
  if (node === 0) {
    return reject('none-free', `cluster ${name} has no spare left, and no agent that suits has room for one`);
  }
  return [
    { type: 'NodeAdmitted', v: 1, data: { cluster, node, weight: 1, spare: true, lent: true } },
    { type: 'SpareReserved', v: 1, data: { cluster, node, workflow } },
  ];
}

export function releaseSpare(state: GridState, data: ReleaseSpare['data']): Decision<SpareEvent | NodeEvent> {
  const node = findNode(state, data);
  const name = nameOf(state, data);
  if (node === undefined) return reject('not-found', `there is no node ${name}`);
  if (node.reservedBy !== '' && node.reservedBy !== data.workflow)
    return reject('in-use', `${name} is reserved by ${node.reservedBy}`);
  if (node.status === 'admitted' && node.spare && node.reservedBy === '') return NOTHING_TO_DO;
  if (node.status !== 'admitted' && node.status !== 'configured' && node.status !== 'drained') {
    return reject('in-use', `${name} is ${node.status}: drain it first`);
  }
  const released: SpareEvent = { type: 'SpareReleased', v: 1, data };
  if (!node.lent) return [released];
  return [released, { type: 'NodeRemoved', v: 1, data: { cluster: data.cluster, node: data.node } }];
}

function firstSpare(state: GridState, cluster: ClusterId): number {
  const present = state.clusters[cluster];
  const spares = present === undefined ? [] : nodesOf(present);
  return spares.find((node) => node.status === 'admitted' && node.spare && node.reservedBy === '')?.node ?? 0;
}
