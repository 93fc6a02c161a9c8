import { canonical, type Canonical } from '../base/canonical';
import { clusterOf, nodeName, nodeOf, type NodeRef } from '../base/ids';
import { isFlowgridError } from '../base/errors';
import type { GridState } from '../grid-state';
import { NOTHING_TO_DO, reject, type Decision, type Rejection } from '../message';
import { PROBES_MAX, RING_BYTES_MAX, RING_BYTES_MIN, type Probe, type ProbeEvent } from './events';
import { parseFilter } from './filter';
import { hasInterface } from './points';

type ProbeDecision = Decision<ProbeEvent>;

/** A point stands on a link that is there, where a network joins, or on the interface that a node of the grid has there. */
export function attachProbe(state: GridState, probe: Probe): ProbeDecision {
  const { probes } = state.links;
  const refusal = withoutPlace(state, probe) ?? wrongRing(probe) ?? wrongFilter(probe);
  if (refusal !== undefined) return refusal;
  const present = probes[probe.id];
  if (present !== undefined) {
    return text(present) === text(probe)
      ? NOTHING_TO_DO
      : reject('exists', `probe ${probe.id} exists already, as ${present.name}`);
  }
  if (Object.keys(probes).length >= PROBES_MAX) {
    return reject('none-free', `probe ${probe.name}: ${PROBES_MAX} probe points are attached already`);
  }
  return [{ type: 'ProbeAttached', v: 1, data: probe }];
}

export function detachProbe(state: GridState, probe: number): ProbeDecision {
  return state.links.probes[probe] === undefined ? NOTHING_TO_DO : [{ type: 'ProbeDetached', v: 1, data: { probe } }];
}

/** Whether a probe is attached, exactly as it is here. */
export function isAttached(state: GridState, probe: Probe): boolean {
  const attached = state.links.probes[probe.id];
  return attached !== undefined && text(attached) === text(probe);
}

function withoutPlace(state: GridState, probe: Probe): Rejection | undefined {
  const { name, link, network } = probe;
  const networks = state.grid?.networks ?? [];
  if (network === undefined) {
    const on = state.links.links[link];
    if (on === undefined) return reject('not-found', `probe ${name}: there is no link ${link}`);
    return withoutInterface(state, probe, `link ${on.name}`, (node) => hasInterface({ networks }, on, node));
  }
  if (link !== 0) return reject('invalid', `probe ${name}: a point is on a link or where a network joins, not both`);
  const joins = networks.find(({ id }) => id === network);
  if (joins === undefined) return reject('not-found', `probe ${name}: there is no network ${network}`);
  return withoutInterface(state, probe, `network ${joins.name}`, (node) => joins.cluster === clusterOf(node));
}

function withoutInterface(
  state: GridState,
  { name, node }: Probe,
  where: string,
  isThere: (node: NodeRef) => boolean,
): Rejection | undefined {
  if (node === 0) return undefined;
  const cluster = state.clusters[clusterOf(node)];
  if (cluster?.nodes[nodeOf(node)] === undefined) {
    return reject('not-found', `probe ${name}: there is no node ${clusterOf(node)}/${nodeOf(node)}`);
  }
  if (isThere(node)) return undefined;
  const called = nodeName(cluster.settings.name, nodeOf(node));
  return reject('not-found', `probe ${name}: ${called} has no interface on ${where}`);
}

function wrongRing({ name, ringBytes }: Probe): Rejection | undefined {
  if (ringBytes === undefined) return undefined;
  const isRight = Number.isInteger(ringBytes) && ringBytes >= RING_BYTES_MIN && ringBytes <= RING_BYTES_MAX;
  if (isRight) return undefined;
  return reject('invalid', `probe ${name}: a ring has ${RING_BYTES_MIN} to ${RING_BYTES_MAX} bytes, not ${ringBytes}`);
}

function wrongFilter({ name, filter }: Probe): Rejection | undefined {
  if (filter === undefined) return undefined;
  try {
    parseFilter(filter);
    return undefined;
  } catch (error) {
    if (!isFlowgridError(error)) throw error;
    return reject('invalid', `probe ${name}: ${error.message}`);
  }
}

function text(probe: Probe): string {
  return canonical(probe as unknown as Canonical);
}
