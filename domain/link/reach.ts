import type { VirtualLink } from '../topology/topology';
import type { ConnectedEnds } from './connected-ends';
import { goes, hasDirections, isHead, sidesOf, type MemberSide } from './sides';

/** What a frame is for: a member by its place, a station that nobody has heard, a group, or everybody. */
export type Traffic = { readonly member: number } | 'unknown' | 'multicast' | 'broadcast';

/** Members by their places, in order. */
export interface Reach {
  /** Whose network interface gets the frame from the LAN. */
  readonly interfaces: readonly number[];
  /** Whose application sees it: interfaces drop what is for another station, unless their link says otherwise. */
  readonly applications: readonly number[];
}

export interface ReachConditions {
  /** Of a resilient link: the primary failed, and the standby is connected in its place. Absent = no. */
  readonly isPrimaryDown?: boolean;
}

/** Who sends: a member by its place, or the link that a replicated link listens to. */
export type Sender = number | 'tapped';

/**
 * Who gets a frame that is sent on a link ([0035], [0036]). A member counts as one station, and a station that a frame is
 * for as heard before. Who listens to the link is not among its members: see the replicated link itself.
 */
export function reachOf(link: VirtualLink, from: Sender, traffic: Traffic, now: ReachConditions = {}): Reach {
  const sides = sidesOf(link);
  const sender = from === 'tapped' ? undefined : sides[from];
  const isSole = typeof traffic !== 'string' && isLearned(link, sender, sides[traffic.member], now);
  const interfaces = sides.flatMap((side, place) => {
    if (place === from || !hears(link, sender, side, now)) return [];
    return isSole && traffic.member !== place ? [] : [place];
  });
  return { interfaces, applications: interfaces.filter((place) => accepts(link, place, traffic)) };
}

/** Whether what one side sends is flooded to the other. `from` is undefined for the tapped link. */
function hears(link: VirtualLink, from: MemberSide | undefined, to: MemberSide, now: ReachConditions): boolean {
  if (link.kind === 'replicated') return from === undefined;
  if (from === undefined) return false;
  if (!hasDirections(link)) return true;
  if (isIdle(link, from, now) || isIdle(link, to, now) || isHead(from) === isHead(to)) return false;
  return goes(link, isHead(from) ? 'forward' : 'backward');
}

/**
 * Whether the LAN knows where a member is in the VLAN of the sender: then a frame for it goes there, or nowhere. It does on
 * switches and external links. On a hub all frames are for everybody (Table 1). Where each way has a VLAN of its own it
 * knows those who send the same way, which that VLAN does not lead to: what leaves send to each other is lost in the LAN.
 */
function isLearned(
  link: VirtualLink,
  from: MemberSide | undefined,
  to: MemberSide | undefined,
  now: ReachConditions,
): boolean {
  if (from === undefined || to === undefined || link.kind === 'hub' || link.kind === 'replicated') return false;
  if (!hasDirections(link)) return true;
  return isHead(from) === isHead(to) && !isIdle(link, to, now);
}

/** The end of a resilient link that is not connected now. */
export function isIdle({ kind }: VirtualLink, side: MemberSide, { isPrimaryDown = false }: ReachConditions): boolean {
  return kind === 'resilient' && side === (isPrimaryDown ? 'primary' : 'standby');
}

/** The same where both ends may be open for a while. */
export function isClosed(link: VirtualLink, side: MemberSide, { onStandby, draining }: ConnectedEnds): boolean {
  return draining?.has(link.id) !== true && isIdle(link, side, { isPrimaryDown: onStandby.has(link.id) });
}

/** Whether a member's interface hands a frame on that it got. */
function accepts(link: VirtualLink, place: number, traffic: Traffic): boolean {
  if (traffic === 'multicast' || traffic === 'broadcast') return true;
  return takesAll(link, place) || (traffic !== 'unknown' && traffic.member === place);
}

/**
 * Members whose interfaces hand on every frame: bridges to the outside ([0043]), promiscuous ones of a hub, the leaves of a
 * star in hub mode, and those to whom unicast frames come with their own address in place of the sender's choice
 * ([0036 d], [0036 f]).
 */
export function takesAll(link: VirtualLink, place: number): boolean {
  const member = link.members[place]!;
  switch (link.kind) {
    case 'external':
    case 'clustered':
    case 'replicated':
      return true;
    case 'hub':
      return 'promiscuous' in member && member.promiscuous === true;
    case 'star':
      return link.hub === true && !isHead(sidesOf(link)[place]!);
    default:
      return false;
  }
}
