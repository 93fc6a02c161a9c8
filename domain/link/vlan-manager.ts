import type { Millis } from '../base/ids';
import type { GridState } from '../grid-state';
import { isRejection, NOTHING_TO_DO, reject, type Decision, type Rejection } from '../message';
import type { ExternalNetwork, VirtualLink } from '../topology/topology';
import type { AllocateVlan } from './commands';
import type { VlanAllocated, VlanReleased } from './events';
import { HELD } from './evolve';
import { restMs, vlanSettingsOf } from './vlan-settings';
import { vlanClashes, vlanDifference } from './vlans';

type VlanDecision = Decision<VlanAllocated | VlanReleased>;

/** What a link is given and gives back, so that it has one ID for each of its ways and no other ([0034], [0041]). */
export function settleVlans(state: GridState, link: VirtualLink, at: Millis): VlanDecision {
  const { missing, surplus } = vlanDifference(link, networksOf(state), state.links.vlans);
  const free = freeVlans(state, missing.length, at, `link ${link.name}`);
  if (isRejection(free)) return free;
  return [
    ...surplus.map(({ vlan }) => released(vlan)),
    ...missing.map((direction, place) => allocated({ link: link.id, cluster: 0, direction }, free[place]!)),
  ];
}

/** What stands in the way of the IDs that an operator named for an external link. */
export function vlanRefusal(state: GridState, link: VirtualLink): Rejection | undefined {
  const { links, vlans } = state.links;
  const [clash] = vlanClashes(link, Object.values(links), networksOf(state), vlanSettingsOf(state.grid));
  if (clash !== undefined) return reject('in-use', `link ${link.name}: ${clash.what} (${clash.remedy})`);
  // The block can have been another when the ID was given.
  const given = link.vlans?.find((vlan) => vlans[vlan] !== undefined);
  if (given === undefined) return undefined;
  const holder = links[vlans[given]!.link]?.name ?? String(vlans[given]!.link);
  return reject('in-use', `link ${link.name}: the grid has given VLAN ${given} to link ${holder} (name another)`);
}

export function allocateVlan(state: GridState, data: AllocateVlan['data'], at: Millis): VlanDecision {
  const { links, vlans } = state.links;
  const of = links[data.link];
  if (of === undefined) return reject('not-found', `there is no link ${data.link}`);
  const isGiven = Object.values(vlans).some(
    ({ link, cluster, direction }) => link === data.link && cluster === data.cluster && direction === data.direction,
  );
  if (isGiven) return NOTHING_TO_DO;
  const free = freeVlans(state, 1, at, `link ${of.name}`);
  return isRejection(free) ? free : [allocated(data, free[0]!)];
}

export function releaseVlan(state: GridState, vlan: number): VlanDecision {
  const { links, vlans } = state.links;
  const given = vlans[vlan];
  if (given === undefined) return NOTHING_TO_DO;
  const link = links[given.link];
  const isSurplus =
    link === undefined || given.cluster !== 0 || vlanDifference(link, networksOf(state), vlans).surplus.includes(given);
  if (isSurplus) return [released(vlan)];
  return reject('in-use', `VLAN ${vlan}: link ${link.name} is made of it (delete the link)`);
}

/** The lowest IDs of the block that nobody has or had lately, and that no operator named. */
function freeVlans(state: GridState, count: number, at: Millis, wanted: string): readonly number[] | Rejection {
  if (count === 0) return [];
  const { links, vlans, resting } = state.links;
  const settings = vlanSettingsOf(state.grid);
  const rest = restMs(settings);
  const named = new Set(Object.values(links).flatMap((link) => link.vlans ?? []));
  const free: number[] = [];
  let tired = 0;
  let held = 0;
  for (let vlan = settings.first; vlan <= settings.last; vlan++) {
    if (vlans[vlan] !== undefined || named.has(vlan)) continue;
    const since = resting[vlan];
    if (since === HELD) held++;
    else if (since !== undefined && at - since < rest) tired++;
    else if (free.push(vlan) === count) return free;
  }
  const what = `${wanted} needs ${count} VLAN ID${count === 1 ? '' : 's'} of ${settings.first}–${settings.last}`;
  const still = held === 0 ? '' : `, and flows of live topologies go by ${held}`;
  const left = `${free.length} ${free.length === 1 ? 'is' : 'are'} free, and ${tired} rest for ${rest} ms${still}`;
  return reject('none-free', `${what}: ${left} (delete links, wait, or give the grid a larger block with "vlans")`);
}

function networksOf({ grid }: GridState): (id: number) => ExternalNetwork | undefined {
  return (id) => grid?.networks.find((network) => network.id === id);
}

function allocated(data: AllocateVlan['data'], vlan: number): VlanAllocated {
  return { type: 'VlanAllocated', v: 1, data: { ...data, vlan } };
}

function released(vlan: number): VlanReleased {
  return { type: 'VlanReleased', v: 1, data: { vlan } };
}
