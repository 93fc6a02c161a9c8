import type { LanPlanView, PortView } from '../../projections';

/** A VLAN ID, or several that follow each other: `100..199`. */
type Vlans = number | string;

/** The VLANs of a port, as module openconfig-vlan has them. */
interface SwitchedVlan {
  readonly 'interface-mode': 'ACCESS' | 'TRUNK';
  readonly 'access-vlan'?: number;
  readonly 'trunk-vlans'?: readonly Vlans[];
}

/** A plan in words of OpenConfig, in the JSON encoding of RFC 7951. */
export interface OpenconfigDocument {
  readonly 'openconfig-interfaces:interfaces': { readonly interface: readonly object[] };
  readonly 'openconfig-network-instance:network-instances': { readonly 'network-instance': readonly object[] };
}

/** The instance that a switch has by itself. */
const INSTANCE = 'default';

/**
 * The plan of a LAN for switches of any vendor that are configured by OpenConfig models ([0032]): VLANs with the names of their
 * links, and for each port of its name those that it is in. The models know no port that sends in a VLAN without being in it, so that
 * it is in these, too; interfaces drop what others send there. A port without VLANs is left out: an empty trunk would carry all.
 */
export function lanOpenconfig({ ports }: LanPlanView): OpenconfigDocument {
  const config = { name: INSTANCE, type: 'openconfig-network-instance-types:DEFAULT_INSTANCE' };
  const vlans = [...namesOf(ports)].sort(([a], [b]) => a - b);
  const vlan = vlans.map(([id, name]) => ({ 'vlan-id': id, config: { 'vlan-id': id, name, status: 'ACTIVE' } }));
  return {
    'openconfig-interfaces:interfaces': {
      interface: ports.filter((port) => membersOf(port).length > 0).map(interfaceOf),
    },
    'openconfig-network-instance:network-instances': {
      'network-instance': [{ name: INSTANCE, config, vlans: { vlan } }],
    },
  };
}

function interfaceOf(port: PortView): object {
  const { port: name } = port;
  return {
    name,
    config: { name, type: 'iana-if-type:ethernetCsmacd' },
    'openconfig-if-ethernet:ethernet': { 'openconfig-vlan:switched-vlan': { config: switchedVlan(port) } },
  };
}

function switchedVlan(port: PortView): SwitchedVlan {
  if (port.pvid !== null) return { 'interface-mode': 'ACCESS', 'access-vlan': port.pvid };
  return { 'interface-mode': 'TRUNK', 'trunk-vlans': ranges(membersOf(port)) };
}

function membersOf({ tagged, untagged, sendOnly }: PortView): number[] {
  return [...tagged, ...untagged, ...sendOnly].sort((a, b) => a - b);
}

/** IDs in order, with those that follow each other as one. */
function ranges(vlans: readonly number[]): Vlans[] {
  const starts = vlans.filter((vlan, place) => vlans[place - 1] !== vlan - 1);
  const ends = vlans.filter((vlan, place) => vlans[place + 1] !== vlan + 1);
  return starts.map((start, place) => (start === ends[place] ? start : `${start}..${ends[place]}`));
}

/** VLANs with the links that they are of. */
function namesOf(ports: readonly PortView[]): Map<number, string> {
  const names = new Map<number, string>();
  for (const { links } of ports) {
    for (const { link, sends, hears, kind, idle } of links) {
      // A replicated link hears in another's VLAN, and one end of a resilient link is not connected.
      if (kind === 'replicated' || idle) continue;
      for (const vlan of [...sends, ...hears]) names.set(vlan, link);
    }
  }
  return names;
}
