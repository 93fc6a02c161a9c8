import { FlowgridError } from '../base/errors';
import { CLUSTER_ID_MAX, NODE_ID_MAX, type ClusterId, type NodeId } from '../base/ids';
import type { VirtualLink } from '../topology/topology';
import type { VlanAllocation } from './events';
import { VLAN_ID_MAX } from './vlan-settings';

/**
 * The first three bytes of every MAC address that the grid assigns: unicast, and locally administered, so that no vendor's
 * address begins so.
 */
export const GRID_OUI = '02:f1:60';

/** Where a virtual hub's frames are sent to ([0044], Mb), so that each member's interface takes them. */
export const BROADCAST_MAC = 'ff:ff:ff:ff:ff:ff';

/** What an address of the grid says (docs/reference/mac-addresses.md). */
export type GridMac =
  | { readonly type: 'nic'; readonly cluster: ClusterId; readonly node: NodeId }
  | { readonly type: 'link'; readonly cluster: ClusterId; readonly vlan: number }
  | { readonly type: 'router'; readonly cluster: ClusterId; readonly network: number }
  | { readonly type: 'broadcast' };

/** Fifth byte of a router's address, where one of a virtual link has the upper bits of a VLAN ID. */
const ROUTER = 0xff;
const NETWORK_ID_MAX = 255;

/**
 * A node's own address on the grid (Mn): the source of what it sends on internal links.
 *
 * @throws FlowgridError `usage` for IDs that no node has.
 */
export function nicMac(cluster: ClusterId, node: NodeId): string {
  return macText(0, within('cluster ID', cluster, CLUSTER_ID_MAX), within('node ID', node, NODE_ID_MAX));
}

/**
 * The address of a cluster's interfaces on a virtual hub (Mv): applications have it as their own, and ARP answers it. No
 * cluster has ID 0, hence no such address is a node's.
 *
 * @throws FlowgridError `usage` for IDs that no cluster has, or no tag can carry.
 */
export function linkMac(cluster: ClusterId, vlan: number): string {
  const id = within('VLAN ID', vlan, VLAN_ID_MAX);
  return macText(within('cluster ID', cluster, CLUSTER_ID_MAX), id >>> 8, id & 0xff);
}

/**
 * The address of the grid as a router on a layer-3 network: of the network's INODE cluster, whichever of its nodes serves.
 *
 * @throws FlowgridError `usage` for IDs that no cluster or network has.
 */
export function routerMac(cluster: ClusterId, network: number): string {
  const station = within('cluster ID', cluster, CLUSTER_ID_MAX);
  return macText(station, ROUTER, within('network ID', network, NETWORK_ID_MAX));
}

/** What an address says, in either case of letters; undefined: the grid has not assigned it. */
export function parseGridMac(text: string): GridMac | undefined {
  const mac = text.toLowerCase();
  if (mac === BROADCAST_MAC) return { type: 'broadcast' };
  if (!/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(mac) || !mac.startsWith(`${GRID_OUI}:`)) return undefined;
  const [first, second, third] = mac.split(':').slice(3).map(hex) as [number, number, number];
  if (first === 0) {
    const isNode = second >= 1 && third >= 1 && third <= NODE_ID_MAX;
    return isNode ? { type: 'nic', cluster: second, node: third } : undefined;
  }
  if (second === ROUTER) return third >= 1 ? { type: 'router', cluster: first, network: third } : undefined;
  const vlan = (second << 8) | third;
  return vlan >= 1 && vlan <= VLAN_ID_MAX ? { type: 'link', cluster: first, vlan } : undefined;
}

/** Whether a link is a virtual hub: then its interfaces have addresses of their own. */
export function isVirtualHub({ kind, hub }: VirtualLink): boolean {
  return kind === 'hub' || (kind === 'star' && hub === true);
}

/**
 * The addresses of the interfaces on a link, by cluster, in order of their IDs; none unless it is a virtual hub. A star has
 * two VLANs: its addresses are made of the one on which the root sends.
 *
 * @param vlans the IDs that the link has
 */
export function linkMacs(
  link: VirtualLink,
  vlans: readonly VlanAllocation[],
): readonly { readonly cluster: ClusterId; readonly mac: string }[] {
  if (!isVirtualHub(link)) return [];
  const own = vlans.find((each) => each.link === link.id && each.cluster === 0 && each.direction !== 'receive');
  if (own === undefined) return [];
  const clusters = new Set(link.members.flatMap((member) => ('cluster' in member ? [member.cluster] : [])));
  return [...clusters].sort((a, b) => a - b).map((cluster) => ({ cluster, mac: linkMac(cluster, own.vlan) }));
}

function macText(...station: readonly number[]): string {
  return [GRID_OUI, ...station.map((byte) => byte.toString(16).padStart(2, '0'))].join(':');
}

function hex(digits: string): number {
  return Number.parseInt(digits, 16);
}

function within(what: string, id: number, most: number): number {
  if (Number.isInteger(id) && id >= 1 && id <= most) return id;
  throw new FlowgridError('usage', `${what} ${id} has no place in a MAC address`, { remedy: `name one of 1–${most}` });
}
