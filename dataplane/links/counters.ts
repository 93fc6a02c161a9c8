/** What a virtual interface counts, by index into its `counted`. Each frame is counted once on either way, by what became of it. */

/** Frames that came from the LAN in a VLAN that the interface hears, and those of them that it handed on. */
export const RECEIVED = 0;
export const DELIVERED = 1;
/** Frames that it was given to send, and those of them that it tagged for the LAN. */
export const GIVEN = 2;
export const SENT = 3;

/** Why a virtual interface lets a frame go no further. Numbers are places in the list, from 1; 0 = it goes on. */
export const LINK_DROPS = [
  'passed',
  // From the LAN: no node's that may be heard here; the node's own; for another station.
  'not-a-sender',
  'own',
  'other-station',
  // Either way: the end is not connected.
  'idle',
  // To the LAN: nothing goes that way; tagged, or not, as the other end is not; no descriptor where the link needs one.
  'one-way',
  'foreign-vlan',
  'no-descriptor',
  // Either way: there was no slot for a copy.
  'no-slot',
] as const;
export type LinkDropName = Exclude<(typeof LINK_DROPS)[number], 'passed'>;
/** Index into {@link LINK_DROPS}. */
export type LinkDrop = number;

/** Places of the counters of drops: this one and the number of the drop. */
export const DROPPED = 4;
export const COUNTERS = DROPPED + LINK_DROPS.length;

/** The number of a reason. */
export function linkDrop(name: LinkDropName): LinkDrop {
  return LINK_DROPS.indexOf(name);
}

/** What an interface counted, as data for people. */
export interface LinkCounts {
  readonly received: number;
  readonly delivered: number;
  readonly given: number;
  readonly sent: number;
  /** By reason; only those that occurred. */
  readonly dropped: { readonly [reason: string]: number };
}

/** Counters read out. Both ways together: received + given = delivered + sent + all drops. */
export function countsOf(counted: Float64Array): LinkCounts {
  const dropped = LINK_DROPS.flatMap((name, drop) =>
    counted[DROPPED + drop] > 0 ? [[name, counted[DROPPED + drop]] as const] : [],
  );
  return {
    received: counted[RECEIVED],
    delivered: counted[DELIVERED],
    given: counted[GIVEN],
    sent: counted[SENT],
    dropped: Object.fromEntries(dropped),
  };
}
