import type { ClusterId } from '../base/ids';
import { nodesOf } from '../cluster/state';
import type { GridState } from '../grid-state';
import { NOTHING_TO_DO, reject, type Decision } from '../message';
import { findNode, nameOf } from '../node/decide';
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

export function reserveSpare(state: GridState, data: ReserveSpare['data']): Decision<SpareEvent> {
  const { cluster, workflow } = data;
  const present = state.clusters[cluster];
  if (present === undefined) return reject('not-found', `there is no cluster ${cluster}`);
  // A step may run twice: a spare that this workflow has set aside already is the one.
  if (data.node === 0 && nodesOf(present).some((node) => node.reservedBy === workflow)) return NOTHING_TO_DO;
  const node = data.node === 0 ? firstSpare(state, cluster) : data.node;
  if (node === 0) return reject('none-free', `cluster ${present.settings.name} has no spare left`);
  const spare = findNode(state, { cluster, node });
  const name = nameOf(state, { cluster, node });
  if (spare === undefined) return reject('not-found', `there is no node ${name}`);
  if (spare.reservedBy === workflow) return NOTHING_TO_DO;
  if (spare.reservedBy !== '') return reject('in-use', `${name} is reserved by ${spare.reservedBy}`);
  if (spare.status !== 'admitted' || !spare.spare)
    return reject('not-allowed', `${name} is no spare (${spare.status})`);
  return [{ type: 'SpareReserved', v: 1, data: { cluster, node, workflow } }];
}

export function releaseSpare(state: GridState, data: ReleaseSpare['data']): Decision<SpareEvent> {
  const node = findNode(state, data);
  const name = nameOf(state, data);
  if (node === undefined) return reject('not-found', `there is no node ${name}`);
  if (node.reservedBy !== '' && node.reservedBy !== data.workflow)
    return reject('in-use', `${name} is reserved by ${node.reservedBy}`);
  if (node.status === 'admitted' && node.spare && node.reservedBy === '') return NOTHING_TO_DO;
  if (node.status !== 'admitted' && node.status !== 'configured' && node.status !== 'drained') {
    return reject('in-use', `${name} is ${node.status}: drain it first`);
  }
  return [{ type: 'SpareReleased', v: 1, data }];
}

function firstSpare(state: GridState, cluster: ClusterId): number {
  const present = state.clusters[cluster];
  const spares = present === undefined ? [] : nodesOf(present);
  return spares.find((node) => node.status === 'admitted' && node.spare && node.reservedBy === '')?.node ?? 0;
}
