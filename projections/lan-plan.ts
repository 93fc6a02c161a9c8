import { nodeRef } from '../domain/base/ids';
import type { GridState } from '../domain/grid-state';
import { lanPlan, type LanPlan, type PortPlan } from '../domain/link/plan';
import { lanInUse, lanPorts, pluggedNodes } from './lan';

/** What the LAN switch must be told, as `link plan` shows it. */
export interface LanPlanView {
  readonly grid: string;
  readonly ports: readonly PortView[];
  /** Resilient links, and what ports are told otherwise while the primary of one is down. */
  readonly primaryDown: readonly { readonly link: string; readonly ports: readonly PortView[] }[];
  /** VLANs of several links, which the LAN would make one of. */
  readonly shared: readonly { readonly vlan: number; readonly links: readonly string[] }[];
}

export interface PortView {
  readonly port: string;
  /** What is plugged in: an external network, or these nodes. */
  readonly isNetwork: boolean;
  readonly nodes: readonly string[];
  /** VLAN of frames that come untagged; null: they are dropped. */
  readonly pvid: number | null;
  readonly tagged: readonly number[];
  readonly untagged: readonly number[];
  /** VLANs in which the port sends without being in them. */
  readonly sendOnly: readonly number[];
  readonly ingressFiltering: boolean;
  readonly links: readonly UseView[];
}

export interface UseView {
  readonly link: string;
  readonly kind: string;
  readonly side: string;
  readonly sends: readonly number[];
  readonly hears: readonly number[];
  /** The end of a resilient link that is not connected: the switch is told nothing for it. */
  readonly idle: boolean;
}

/** The plan for the ports of a grid. */
export function lanPlanView(state: GridState): LanPlanView {
  const lan = lanInUse(state);
  const ports = lanPorts(state);
  const names = new Map(pluggedNodes(state).map(({ ref, name }) => [ref, name]));
  const viewsOf = ({ ports: plans }: LanPlan): PortView[] => plans.map((plan) => portView(plan, names));
  const present = lanPlan(lan, ports);
  const now = viewsOf(present);
  const resilient = new Map(lan.links.filter(({ kind }) => kind === 'resilient').map((link) => [link.id, link]));
  const shared = present.shared.map(({ vlan, links }) => ({ vlan, links: links.map(({ name }) => name) }));
  return {
    grid: state.grid?.name ?? '',
    ports: now,
    primaryDown: [...resilient.values()].map(({ id, name }) => ({
      link: name,
      ports: viewsOf(lanPlan(lan, ports, new Set([id]))).filter(
        (port, place) => JSON.stringify(port) !== JSON.stringify(now[place]),
      ),
    })),
    shared,
  };
}

function portView({ port, pvid, uses, ...told }: PortPlan, names: ReadonlyMap<number, string>): PortView {
  return {
    port: port.name,
    isNetwork: port.network !== undefined,
    nodes: port.nodes.map(({ cluster, node }) => names.get(nodeRef(cluster, node)) ?? ''),
    pvid: pvid ?? null,
    ...told,
    links: uses.map(({ link, side, sends, hears, isIdle }) => ({
      link: link.name,
      kind: link.kind,
      side,
      sends,
      hears,
      idle: isIdle,
    })),
  };
}
