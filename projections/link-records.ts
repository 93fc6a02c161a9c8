import { nodeName } from '../domain/base/ids';
import type { GridState } from '../domain/grid-state';
import type { LinkDirection, LinkKind, LinkMember, LinkSide, VirtualLink } from '../domain/topology/topology';

/**
 * A link as a record ([0037]): an entry of a grid file's `links`, by names, with everything that could be counted or
 * defaulted written out. Reading it gives the same link again.
 */
export interface LinkRecord {
  readonly id?: number;
  readonly kind?: LinkKind;
  readonly members?: readonly MemberRecord[];
  readonly control?: boolean;
  readonly mtu?: number;
  readonly narrow?: boolean;
  readonly direction?: LinkDirection;
  readonly hub?: boolean;
  readonly restoreMs?: number;
  readonly tap?: { readonly link: string; readonly direction: LinkDirection };
  readonly vlans?: readonly number[];
}

/** A cluster, node or network by name; with a side or a trait, a map. */
export type MemberRecord =
  string | { readonly member: string; readonly side?: LinkSide; readonly promiscuous?: boolean };

/** Links by name, as `links` of a grid file has them. */
export type LinkRecords = { readonly [name: string]: LinkRecord };

/** What the names of a link's parts are taken from. */
type Named = Pick<GridState, 'grid' | 'clusters' | 'links'>;

export function linkRecords(state: Named, links: readonly VirtualLink[]): LinkRecords {
  return Object.fromEntries(links.map((link) => [link.name, linkRecord(state, link)]));
}

export function linkRecord(state: Named, link: VirtualLink): LinkRecord {
  const { id, name: _, kind, members, control, tap, ...options } = link;
  return {
    id,
    kind,
    members: members.map((member) => memberRecord(state, member)),
    ...(control && { control }),
    ...options,
    ...(tap !== undefined && {
      tap: { link: state.links.links[tap.link]?.name ?? String(tap.link), direction: tap.direction },
    }),
  };
}

function memberRecord({ grid, clusters }: Named, member: LinkMember): MemberRecord {
  if ('network' in member) {
    return grid?.networks.find(({ id }) => id === member.network)?.name ?? String(member.network);
  }
  const cluster = clusters[member.cluster]?.settings.name ?? String(member.cluster);
  const name = 'node' in member ? nodeName(cluster, member.node) : cluster;
  const { side, promiscuous } = member;
  if (side === undefined && promiscuous !== true) return name;
  return { member: name, ...(side !== undefined && { side }), ...(promiscuous === true && { promiscuous }) };
}

/** The cluster, node or network that a member's record names. */
export function memberOfRecord(record: MemberRecord): string {
  return typeof record === 'string' ? record : record.member;
}
