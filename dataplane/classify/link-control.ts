import { LINK_PROTOCOLS, type LinkProtocol } from '../../domain/topology/topology';

/**
 * Frames by which devices on one cable speak to each other: told by destination address and EtherType. Bridges do not
 * forward them (IEEE 802.1Q-2022 8.6.3, table 8-1), a wire does, and what joins two networks does as its operator says.
 */

/** What {@link linkControlOf} tells: none of them; pause and other MAC control; else 2 + the place in LINK_PROTOCOLS. */
export const NO_LINK_CONTROL = 0;
export const MAC_CONTROL = 1;
const SPANNING_TREE = numberOf('spanningTree');
const LACP = numberOf('lacp');
const LLDP = numberOf('lldp');
const CDP = numberOf('cdp');
const OTHER = numberOf('other');

const ETHERTYPE_MAC_CONTROL = 0x8808;
const ETHERTYPE_LLDP = 0x88cc;
/** Last byte of reserved addresses 01:80:C2:00:00:xx. */
const BRIDGE_GROUP = 0x00;
const PAUSE = 0x01;
const SLOW_PROTOCOLS = 0x02;
const PROVIDER_BRIDGE_GROUP = 0x08;
const RESERVED_LAST = 0x0f;
/** Last byte of Cisco's addresses 01:00:0C:CC:CC:xx: CDP, VTP, DTP and UDLD; spanning tree for each VLAN. */
const CISCO_CDP = 0xcc;
const CISCO_SPANNING_TREE = 0xcd;

/** Number of a protocol, as a bit of {@link filterMask}. */
export function numberOf(protocol: LinkProtocol): number {
  return 2 + LINK_PROTOCOLS.indexOf(protocol);
}

/** The bits of what is filtered: pause frames end at each cable (IEEE 802.3 annex 31B), always. */
export function filterMask(filters: readonly LinkProtocol[]): number {
  return filters.reduce((mask, protocol) => mask | (1 << numberOf(protocol)), 1 << MAC_CONTROL);
}

/** What control protocol of a link the frame at `frame` is of; it has at least its header. */
export function linkControlOf(u8: Uint8Array, frame: number, etherType: number): number {
  if (etherType === ETHERTYPE_MAC_CONTROL) return MAC_CONTROL;
  if (u8[frame] !== 0x01) return NO_LINK_CONTROL;
  const last = u8[frame + 5];
  if (u8[frame + 1] === 0x80) {
    const isReserved = u8[frame + 2] === 0xc2 && u8[frame + 3] === 0 && u8[frame + 4] === 0 && last <= RESERVED_LAST;
    return isReserved ? reserved(last, etherType) : NO_LINK_CONTROL;
  }
  if (u8[frame + 1] !== 0 || u8[frame + 2] !== 0x0c || u8[frame + 3] !== 0xcc || u8[frame + 4] !== 0xcc)
    return NO_LINK_CONTROL;
  if (last === CISCO_CDP) return CDP;
  return last === CISCO_SPANNING_TREE ? SPANNING_TREE : NO_LINK_CONTROL;
}

function reserved(last: number, etherType: number): number {
  if (last === PAUSE) return MAC_CONTROL;
  // LLDP has three of the addresses, for how far it goes.
  if (etherType === ETHERTYPE_LLDP) return LLDP;
  if (last === BRIDGE_GROUP || last === PROVIDER_BRIDGE_GROUP) return SPANNING_TREE;
  return last === SLOW_PROTOCOLS ? LACP : OTHER;
}
