import { canonical, type Canonical } from '../base/canonical';
import type { Millis } from '../base/ids';
import type { GridState } from '../grid-state';
import { isRejection, NOTHING_TO_DO, reject, type Decision, type Rejection } from '../message';
import type { VirtualLink } from '../topology/topology';
import type { LinkEvent, Probe } from './events';
import { linkProblems, type LinkSurroundings } from './kinds';
import { goes, hasDirections } from './sides';
import { settleVlans, vlanRefusal } from './vlan-manager';

type LinkDecision = Decision<LinkEvent>;

/** A link comes with the VLAN IDs of its ways. */
export function createLink(state: GridState, link: VirtualLink, at: Millis): LinkDecision {
  const refusal = invalidLink(state, link);
  if (refusal !== undefined) return refusal;
  const present = state.links.links[link.id];
  if (present !== undefined) {
    return text(present) === text(link)
      ? NOTHING_TO_DO
      : reject('exists', `link ${link.id} exists already, as ${present.name}`);
  }
  const vlans = settleVlans(state, link, at);
  return isRejection(vlans) ? vlans : [{ type: 'VirtualLinkCreated', v: 1, data: link }, ...vlans];
}

/** Another kind has other ways; and a link that an earlier version made is given what it lacks. */
export function changeLink(state: GridState, link: VirtualLink, at: Millis): LinkDecision {
  const present = state.links.links[link.id];
  if (present === undefined) return reject('not-found', `there is no link ${link.id}`);
  const refusal = invalidLink(state, link);
  if (refusal !== undefined) return refusal;
  const vlans = settleVlans(state, link, at);
  if (isRejection(vlans) || text(present) === text(link)) return vlans;
  return [{ type: 'VirtualLinkChanged', v: 1, data: link }, ...vlans];
}

export function deleteLink(state: GridState, link: number): LinkDecision {
  const { links, vlans, probes } = state.links;
  if (links[link] === undefined) return NOTHING_TO_DO;
  const probe = Object.values(probes).find((candidate) => candidate.link === link);
  if (probe !== undefined) return reject('in-use', `link ${links[link].name}: probe ${probe.name} is attached to it`);
  const [tap] = tapsOf(state, link);
  if (tap !== undefined) return reject('in-use', `link ${links[link].name}: ${tap.name} listens to it`);
  const released = Object.values(vlans).filter((allocation) => allocation.link === link);
  return [
    ...released.map(({ vlan }) => ({ type: 'VlanReleased', v: 1, data: { vlan } }) as const),
    { type: 'VirtualLinkDeleted', v: 1, data: { link } },
  ];
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
  const links = Object.values(state.links.links);
  const namesake = links.find((other) => other.name === link.name && other.id !== link.id);
  if (namesake !== undefined) return reject('exists', `link ${namesake.id} is called ${link.name} already`);
  const [problem] = linkProblems(link, surroundings(state));
  if (problem !== undefined) return reject(problem.reason, `${problem.what} (${problem.remedy})`);
  const clash = vlanRefusal(state, link);
  if (clash !== undefined) return clash;
  const deaf = tapsOf(state, link.id).find(({ tap }) => !hasDirections(link) || !goes(link, tap!.direction));
  if (deaf === undefined) return undefined;
  return reject('in-use', `link ${link.name}: ${deaf.name} listens to what goes ${deaf.tap!.direction} on it`);
}

function surroundings({ grid, clusters, links }: GridState): LinkSurroundings {
  return {
    cluster: (id) => clusters[id]?.settings.name,
    network: (id) => grid?.networks.find((network) => network.id === id),
    link: (id) => links.links[id],
  };
}

/** The replicated links that listen to a link. */
function tapsOf({ links }: GridState, link: number): VirtualLink[] {
  return Object.values(links.links).filter(({ tap }) => tap?.link === link);
}

function text(value: VirtualLink | Probe): string {
  return canonical(value as unknown as Canonical);
}
