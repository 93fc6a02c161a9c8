import { isLanAddress } from '../../domain/agent/state';
import type { Topology } from '../../domain/topology/topology';

/** How an agent reaches others. */
export interface OwnReach {
  readonly agent: string;
  readonly address: string;
  /** Bytes that a link's frame may have behind its Ethernet header here; absent: any. */
  readonly mtu?: number;
}

/** What of a topology does not fit how an agent reaches others, with what to do: none of it stops anything, and frames are lost. */
export function reachProblems(
  { agents = [], links }: Pick<Topology, 'agents' | 'links'>,
  { agent, address, mtu }: OwnReach,
): string[] {
  const isOnLan = isLanAddress(address);
  const others = agents.filter((each) => each.name !== agent && isLanAddress(each.address) !== isOnLan);
  const ways = isOnLan ? ['by UDP', 'on a LAN'] : ['on a LAN', 'by UDP'];
  const apart = others.map(
    ({ name }) =>
      `agent ${name} is reached ${ways[0]} and this one ${ways[1]}: no frame goes between them (start all agents of a grid with --lan, or all with --listen)`,
  );
  const wide = mtu === undefined ? [] : links.filter((link) => link.kind !== 'external' && link.mtu > mtu);
  if (wide.length === 0) return apart;
  const names = wide.map(({ name }) => name).join(', ');
  const most = Math.max(...wide.map((link) => link.mtu));
  const narrow = `${names}: frames of up to ${most} bytes, and the interface takes ${mtu}: longer ones are dropped as too-long`;
  return [...apart, `${narrow} (give the interface and its switch an MTU of ${most}, or the links a smaller "mtu")`];
}
