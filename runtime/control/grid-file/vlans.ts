import {
  DEFAULT_VLANS,
  FRAME_LIFETIME_MAX_MS,
  VLAN_ID_MAX,
  type VlanSettings,
} from '../../../domain/link/vlan-settings';
import { vlanClashes } from '../../../domain/link/vlans';
import type { VirtualLink } from '../../../domain/topology/topology';
import type { Networks } from './networks';
import type { Reader, Value } from './reader';

/** The reserved block, and where the file says it. */
export interface PlacedVlans {
  readonly settings: VlanSettings;
  readonly at: Value;
}

/** A link, and where it and its VLAN IDs stand in the file. */
export interface LinkPlaces {
  readonly link: VirtualLink;
  readonly at: Value;
  readonly vlans: ReadonlyMap<number, Value>;
}

/** Reads `vlans`: the block from which the grid gives its links VLAN IDs, and the lifetime of frames on them. */
export function readVlans(reader: Reader, section: Value): PlacedVlans {
  const members = reader.members(section, 'vlans', ['first', 'last', 'frameLifetimeMs']);
  const ids = [1, VLAN_ID_MAX] as const;
  const first = reader.integer(members.first, 'vlans: first', ids, DEFAULT_VLANS.first);
  const last = reader.integer(members.last, 'vlans: last', ids, DEFAULT_VLANS.last);
  if (last < first) {
    const remedy = `a block is written "first: ${DEFAULT_VLANS.first}, last: ${DEFAULT_VLANS.last}"`;
    reader.problem(members.last ?? members.first, `vlans: last is ${last}, less than first, ${first}`, remedy);
  }
  const lifetime = [1, FRAME_LIFETIME_MAX_MS] as const;
  const { frameLifetimeMs } = DEFAULT_VLANS;
  return {
    settings: {
      first,
      last,
      frameLifetimeMs: reader.integer(members.frameLifetimeMs, 'vlans: frameLifetimeMs', lifetime, frameLifetimeMs),
    },
    at: section,
  };
}

/**
 * IDs that an operator named and the grid reserves, or that stand in two links of a network; both places are told.
 *
 * @param beside links that the grid has and the file does not tell of
 */
export function checkVlans(
  reader: Reader,
  placed: readonly LinkPlaces[],
  { networks }: Networks,
  { settings, at }: PlacedVlans,
  beside: readonly VirtualLink[] = [],
): void {
  const network = (id: number) => networks.find((candidate) => candidate.id === id);
  placed.forEach((mine, index) => {
    const before = placed.slice(0, index);
    const others = [...beside, ...before.map(({ link }) => link)];
    for (const { vlan, other, what, remedy } of vlanClashes(mine.link, others, network, settings)) {
      const holder = before.find(({ link }) => link === other);
      const its = holder?.vlans.get(vlan ?? 0) ?? holder?.at ?? at;
      const isPresent = other !== undefined && holder === undefined;
      const nowhere = isPresent ? 'in the grid' : 'by default';
      const where = isPresent || reader.isAbsent(its) ? nowhere : `at ${reader.place(its)}`;
      const whole = mine.vlans.values().next().value;
      reader.problem(
        mine.vlans.get(vlan ?? 0) ?? whole ?? mine.at,
        `link ${mine.link.name}: ${what}, ${where}`,
        remedy,
      );
    }
  });
}
