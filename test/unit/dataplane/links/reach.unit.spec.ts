import { nodeRef, type NodeRef } from '../../../../domain/base/ids';
import { reachOf, type ReachConditions, type Sender, type Traffic } from '../../../../domain/link/reach';
import type { VirtualLink } from '../../../../domain/topology/topology';
import { lanOf } from '../../../../projections/lan';
import { BROADCAST, frameOf } from '../../../support/ethernet';
import { InterfacesOnLan, nicHex } from '../../../support/interfaces-on-lan';
import { EXAMPLES, portsOf, sendersOf, TAPPED, trafficOf } from '../../domain/link/examples';
import { and } from '../../domain/given';
import { linkGrid } from '../../domain/link/link-grid';

const OUTSIDE = '020000000001';
const STRANGER = '020000000063';
const GROUP = '01005e000001';

function lanFor(of: VirtualLink, now: ReachConditions): InterfacesOnLan {
  const bodies = [TAPPED, of].map((data) => ({ type: 'CreateVirtualLink', data }) as const);
  const primaryDown = new Set(now.isPrimaryDown ? [of.id] : []);
  return new InterfacesOnLan(lanOf(and(linkGrid(), ...bodies)), portsOf(of), { primaryDown });
}

function refAt({ ports }: InterfacesOnLan, port: number): NodeRef {
  const [node] = ports[port]!.nodes;
  return node === undefined ? 0 : nodeRef(node.cluster, node.node);
}

/** The member's address as a station: a network's is one of its hosts'. */
function stationOf(lan: InterfacesOnLan, port: number): string {
  return refAt(lan, port) === 0 ? OUTSIDE : nicHex(refAt(lan, port));
}

function addressOf(lan: InterfacesOnLan, traffic: Traffic): string {
  if (traffic === 'broadcast') return BROADCAST;
  if (traffic === 'multicast') return GROUP;
  return traffic === 'unknown' ? STRANGER : stationOf(lan, traffic.member);
}

/** A frame goes on the link, from a member's application or from a network; which ports of members it came to. */
function send(lan: InterfacesOnLan, of: VirtualLink, from: Sender, to: string): { ports: number[]; places: number[] } {
  const port = from === 'tapped' ? of.members.length : from;
  const frame = frameOf({ from: stationOf(lan, port), to });
  if (lan.ports[port]!.network !== undefined) lan.inject(port, frame);
  else lan.send(port, refAt(lan, port), from === 'tapped' ? TAPPED.id : of.id, frame);
  const handed = lan.settle().filter(({ link }) => link === of.id);
  const ports = lan.reachedPorts().filter((each) => each < of.members.length);
  // Beyond a network's port there is no interface: who is there gets everything.
  const outside = ports.filter((each) => lan.ports[each]!.network !== undefined);
  return { ports, places: [...outside, ...handed.map((each) => each.port)].sort((a, b) => a - b) };
}

describe('virtual interfaces on a LAN', () => {
  it.each(EXAMPLES.map(([name, each, now = {}]) => ({ name, each, now })))(
    'FG-500: $name: every frame reaches the network interfaces and applications that the reference names',
    ({ each, now }) => {
      const lan = lanFor(each, now);
      for (const from of sendersOf(each)) send(lan, each, from, BROADCAST);
      for (const from of sendersOf(each)) {
        for (const traffic of trafficOf(each, from)) {
          const { ports, places } = send(lan, each, from, addressOf(lan, traffic));
          const { interfaces, applications } = reachOf(each, from, traffic, now);
          expect({ from, traffic, ports, places }).toEqual({ from, traffic, ports: interfaces, places: applications });
        }
      }
      expect(lan.slotsInUse).toBe(0);
      expect([...lan.refused]).toEqual([]);
    },
  );
});
