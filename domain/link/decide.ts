import { canonical, type Canonical } from '../base/canonical';
import type { GridState } from '../grid-state';
import { NOTHING_TO_DO, reject, type Decision, type Rejection } from '../message';
import type { VirtualLink } from '../topology/topology';
import type { AllocateVlan } from './commands';
import type { LinkEvent, Probe } from './events';

type LinkDecision = Decision<LinkEvent>;

/** The block of VLAN IDs that the grid allocates from; operators name external ones outside it. */
export const VLAN_BLOCK = { first: 2048, last: 4094 } as const;

export function createLink(state: GridState, link: VirtualLink): LinkDecision {
  const refusal = invalidLink(state, link);
  if (refusal !== undefined) return refusal;
  const present = state.links.links[link.id];
  if (present !== undefined) {
    return text(present) === text(link)
      ? NOTHING_TO_DO
      : reject('exists', `link ${link.id} exists already, as ${present.name}`);
  }
  return [{ type: 'VirtualLinkCreated', v: 1, data: link }];
}

export function changeLink(state: GridState, link: VirtualLink): LinkDecision {
  const present = state.links.links[link.id];
  if (present === undefined) return reject('not-found', `there is no link ${link.id}`);
  const refusal = invalidLink(state, link);
  if (refusal !== undefined) return refusal;
  return text(present) === text(link) ? NOTHING_TO_DO : [{ type: 'VirtualLinkChanged', v: 1, data: link }];
}

export function deleteLink(state: GridState, link: number): LinkDecision {
  const { links, vlans, probes } = state.links;
  if (links[link] === undefined) return NOTHING_TO_DO;
  const probe = Object.values(probes).find((candidate) => candidate.link === link);
  if (probe !== undefined) return reject('in-use', `link ${links[link].name}: probe ${probe.name} is attached to it`);
  const released = Object.values(vlans).filter((allocation) => allocation.link === link);
  return [
    ...released.map(({ vlan }) => ({ type: 'VlanReleased', v: 1, data: { vlan } }) as const),
    { type: 'VirtualLinkDeleted', v: 1, data: { link } },
  ];
}

export function allocateVlan(state: GridState, data: AllocateVlan['data']): LinkDecision {
  const { links, vlans } = state.links;
  if (links[data.link] === undefined) return reject('not-found', `there is no link ${data.link}`);
  const isGiven = Object.values(vlans).some(
    ({ link, cluster, direction }) => link === data.link && cluster === data.cluster && direction === data.direction,
  );
  if (isGiven) return NOTHING_TO_DO;
  for (let vlan: number = VLAN_BLOCK.first; vlan <= VLAN_BLOCK.last; vlan++) {
    if (vlans[vlan] === undefined) return [{ type: 'VlanAllocated', v: 1, data: { ...data, vlan } }];
  }
  return reject('none-free', `all VLAN IDs ${VLAN_BLOCK.first}–${VLAN_BLOCK.last} are allocated`);
}

export function releaseVlan(state: GridState, vlan: number): LinkDecision {
  return state.links.vlans[vlan] === undefined ? NOTHING_TO_DO : [{ type: 'VlanReleased', v: 1, data: { vlan } }];
}

export function attachProbe(state: GridState, probe: Probe): LinkDecision {
  const { links, probes } = state.links;
  if (links[probe.link] === undefined)
    return reject('not-found', `probe ${probe.name}: there is no link ${probe.link}`);
  const present = probes[probe.id];
  if (present === undefined) return [{ type: 'ProbeAttached', v: 1, data: probe }];
  return text(present) === text(probe)
    ? NOTHING_TO_DO
    : reject('exists', `probe ${probe.id} exists already, as ${present.name}`);
}

export function detachProbe(state: GridState, probe: number): LinkDecision {
  return state.links.probes[probe] === undefined ? NOTHING_TO_DO : [{ type: 'ProbeDetached', v: 1, data: { probe } }];
}

function invalidLink(state: GridState, link: VirtualLink): Rejection | undefined {
  const namesake = Object.values(state.links.links).find((other) => other.name === link.name && other.id !== link.id);
  if (namesake !== undefined) return reject('exists', `link ${namesake.id} is called ${link.name} already`);
  for (const member of link.members) {
    if ('network' in member) {
      if (state.grid?.networks.some((network) => network.id === member.network) !== true) {
        return reject('not-found', `link ${link.name}: there is no network ${member.network}`);
      }
    } else if (state.clusters[member.cluster] === undefined) {
      return reject('not-found', `link ${link.name}: there is no cluster ${member.cluster}`);
    }
  }
  return undefined;
}

function text(value: VirtualLink | Probe): string {
  return canonical(value as unknown as Canonical);
}
