import { canonical, type Canonical } from '../base/canonical';
import type { Millis } from '../base/ids';
import type { GridState } from '../grid-state';
import { isRejection, NOTHING_TO_DO, reject, type Decision, type Rejection } from '../message';
import type { VirtualLink } from '../topology/topology';
import type { LinkEvent } from './events';
import type { LinkState } from './evolve';
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
    return isSame(present, link)
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
  if (isRejection(vlans) || isSame(present, link)) return vlans;
  return [{ type: 'VirtualLinkChanged', v: 1, data: link }, ...vlans];
}

export function deleteLink({ links }: GridState, link: number): LinkDecision {
  const present = links.links[link];
  return present === undefined ? NOTHING_TO_DO : deletion(present, links);
}

/** @param links who may listen to the link, and what it holds */
export function deletion({ id, name }: VirtualLink, links: LinkState): LinkDecision {
  const probe = Object.values(links.probes).find((candidate) => candidate.link === id);
  if (probe !== undefined) return reject('in-use', `link ${name}: probe ${probe.name} is attached to it`);
  const [tap] = tapsOf(links, id);
  if (tap !== undefined) return reject('in-use', `link ${name}: ${tap.name} listens to it`);
  const released = Object.values(links.vlans).filter((allocation) => allocation.link === id);
  return [
    ...released.map(({ vlan }) => ({ type: 'VlanReleased', v: 1, data: { vlan } }) as const),
    { type: 'VirtualLinkDeleted', v: 1, data: { link: id } },
  ];
}

/** Why a link cannot be among the links of a state, where it may stand already. */
export function invalidLink(state: GridState, link: VirtualLink): Rejection | undefined {
  const links = Object.values(state.links.links);
  const namesake = links.find((other) => other.name === link.name && other.id !== link.id);
  if (namesake !== undefined) return reject('exists', `link ${namesake.id} is called ${link.name} already`);
  const [problem] = linkProblems(link, surroundings(state));
  if (problem !== undefined) return reject(problem.reason, `${problem.what} (${problem.remedy})`);
  const clash = vlanRefusal(state, link);
  if (clash !== undefined) return clash;
  const deaf = tapsOf(state.links, link.id).find(({ tap }) => !hasDirections(link) || !goes(link, tap!.direction));
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
function tapsOf({ links }: LinkState, link: number): VirtualLink[] {
  return Object.values(links).filter(({ tap }) => tap?.link === link);
}

export function isSame(one: VirtualLink, other: VirtualLink): boolean {
  return text(one) === text(other);
}

function text(value: VirtualLink): string {
  return canonical(value as unknown as Canonical);
}
