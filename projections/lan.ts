import { nodeName, nodeRef, type NodeRef } from '../domain/base/ids';
import { canonical, type Canonical } from '../domain/base/canonical';
import { nodesOf } from '../domain/cluster/state';
import type { GridState } from '../domain/grid-state';
import { allocationsOf, lanLinks } from '../domain/link/lan-links';
import type { Lan, LanPort } from '../domain/link/plan';
import { connectedEnd, incarnationIn, type ConnectedEnds, type IsOver } from '../domain/link/connected-ends';
import { nodesOfResilient } from '../domain/link/ends';
import { vlanSettingsOf } from '../domain/link/vlan-settings';
import { isMember } from '../domain/node/state';
import type { NodeAddress } from '../domain/node/address';
import { wholeTopologies } from '../domain/topology/state';
import type { TopologyLink, VirtualLink } from '../domain/topology/topology';

/** A node that can be plugged in somewhere. */
export interface PluggedNode {
  readonly name: string;
  readonly address: NodeAddress;
  readonly ref: NodeRef;
  /** The agent that hosts it; empty = none. */
  readonly agent: string;
}

/** The LAN that the links of a grid share. */
export function lanOf(state: GridState): Lan {
  const { links, vlans } = state.links;
  const networks = state.grid?.networks ?? [];
  return { links: Object.values(links), vlans, networks, settings: vlanSettingsOf(state.grid) };
}

/**
 * The LAN with the links of live topologies besides, as they were when these were published: flows that began under one go by
 * its links until it is retired, whatever became of them.
 */
export function lanInUse(state: GridState): Lan {
  const present = lanOf(state);
  const known = new Set<VirtualLink>(lanLinks(state.links));
  const texts = new Set([...known].map(textOf));
  const older: TopologyLink[] = [];
  for (const { links } of wholeTopologies(state.topology)) {
    for (const link of links) {
      if (known.has(link)) continue;
      known.add(link);
      if (texts.has(textOf(link))) continue;
      texts.add(textOf(link));
      older.push(link);
    }
  }
  if (older.length === 0) return present;
  return { ...present, links: [...present.links, ...older], vlans: { ...allocationsOf(older), ...present.vlans } };
}

/** Which end is connected is told by {@link endsInUse}. */
function textOf({ connected: _, ...link }: TopologyLink): string {
  return canonical(link as unknown as Canonical);
}

/** How resilient links stand: both ends are open of one whose other end live topologies have connected, in a life that goes on. */
export function endsInUse(state: GridState): ConnectedEnds {
  const { cutovers } = state.links;
  const onStandby = new Set(
    Object.keys(cutovers)
      .map(Number)
      .filter((link) => cutovers[link]!.connected === 'standby'),
  );
  const draining = new Set<number>();
  const isOver = lifeEnds(state);
  for (const topology of wholeTopologies(state.topology)) {
    for (const link of topology.links) {
      const end = connectedEnd(topology, link, isOver);
      if (end === undefined || end === cutovers[link.id]?.connected) continue;
      const node = nodesOfResilient(link)![end];
      if (!isOver(node, incarnationIn(topology, node))) draining.add(link.id);
    }
  }
  return draining.size === 0 ? { onStandby } : { onStandby, draining };
}

function lifeEnds({ clusters }: GridState): IsOver {
  return ({ cluster, node }, incarnation) => {
    const known = clusters[cluster]?.nodes[node];
    return known === undefined || known.incarnation !== incarnation || !isMember(known);
  };
}

/** Ports of the LAN switch: an agent's host has one, each node that no agent hosts, and each external network. */
export function lanPorts(state: GridState): LanPort[] {
  const nodes = pluggedNodes(state);
  const hosts = new Set(nodes.map(({ agent }) => agent).filter((agent) => agent !== ''));
  const hosted = [...hosts].map((name) => ({
    name,
    nodes: nodes.filter(({ agent }) => agent === name).map(({ address }) => address),
  }));
  const single = nodes.filter(({ agent }) => agent === '').map(({ name, address }) => ({ name, nodes: [address] }));
  const networks = (state.grid?.networks ?? []).map(({ id, name }) => ({ name, nodes: [], network: id }));
  return [...networks, ...hosted, ...single];
}

/** Every node that is not removed. */
export function pluggedNodes(state: GridState): PluggedNode[] {
  return Object.values(state.clusters).flatMap((cluster) =>
    nodesOf(cluster)
      .filter(({ status }) => status !== 'removed')
      .map(({ node, placement }) => ({
        name: nodeName(cluster.settings.name, node),
        address: { cluster: cluster.settings.id, node },
        ref: nodeRef(cluster.settings.id, node),
        agent: placement.agent,
      })),
  );
}
