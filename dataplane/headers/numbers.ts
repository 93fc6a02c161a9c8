/** EtherTypes, protocol numbers and header bits that the dataplane knows (IEEE 802, IANA). */

export const ETHERTYPE_IPV4 = 0x0800;
export const ETHERTYPE_IPV6 = 0x86dd;
/** Customer, service and pre-standard service VLAN tags. */
export const ETHERTYPE_VLAN = 0x8100;
export const ETHERTYPE_SERVICE_VLAN = 0x88a8;
export const ETHERTYPE_OLD_SERVICE_VLAN = 0x9100;
export const ETHERTYPE_MPLS = 0x8847;
export const ETHERTYPE_MPLS_MULTICAST = 0x8848;
export const ETHERTYPE_PPPOE_SESSION = 0x8864;
/** Values below are IEEE 802.3 lengths. */
export const ETHERTYPE_MIN = 0x0600;

export const PPP_IPV4 = 0x0021;
export const PPP_IPV6 = 0x0057;

export const PROTO_HOP_BY_HOP = 0;
export const PROTO_ICMP = 1;
export const PROTO_TCP = 6;
export const PROTO_UDP = 17;
export const PROTO_DCCP = 33;
export const PROTO_ROUTING = 43;
export const PROTO_FRAGMENT = 44;
export const PROTO_AH = 51;
export const PROTO_ICMPV6 = 58;
export const PROTO_DESTINATION_OPTIONS = 60;
export const PROTO_SCTP = 132;
export const PROTO_UDP_LITE = 136;
/** K_PROTO of layer-2 keys. */
export const PROTO_LAYER_2 = 255;

export const TCP_FIN = 1;
export const TCP_SYN = 2;
export const TCP_RST = 4;
export const TCP_ACK = 16;

/** S_FRAGMENT: whole packet, first, later fragment, whole packet with a fragment header (RFC 6946). */
export const FRAGMENT_NONE = 0;
export const FRAGMENT_FIRST = 1;
export const FRAGMENT_LATER = 2;
export const FRAGMENT_ATOMIC = 3;

/** K_VLAN_1, K_VLAN_2 where there is no tag. */
export const NO_VLAN = 0xffff;

/** Whether a VLAN tag of any kind begins with the EtherType. */
export function isVlanTag(etherType: number): boolean {
  return (
    etherType === ETHERTYPE_VLAN || etherType === ETHERTYPE_SERVICE_VLAN || etherType === ETHERTYPE_OLD_SERVICE_VLAN
  );
}

/** Whether the protocol's header begins with source and destination port. */
export function hasPorts(proto: number): boolean {
  return (
    proto === PROTO_TCP ||
    proto === PROTO_UDP ||
    proto === PROTO_UDP_LITE ||
    proto === PROTO_SCTP ||
    proto === PROTO_DCCP
  );
}
