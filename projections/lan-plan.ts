import { nodeRef } from '../domain/base/ids';
import type { GridState } from '../domain/grid-state';
import type { ResilientEnd } from '../domain/link/cutover';
import { muteEnds } from '../domain/link/ends';
import { lanPlan, type LanPlan, type PortPlan } from '../domain/link/plan';
import { lanInUse, lanPorts, pluggedNodes, endsInUse } from './lan';

/** What the LAN switch must be told, as `link plan` shows it. */
export interface LanPlanView {
  readonly grid: string;
  readonly ports: readonly PortView[];
  /** Resilient links, and what ports are told otherwise while the primary of one is down. */
  readonly primaryDown: readonly OtherEndView[];
  /** The same while the standby is connected: what ports are told once the primary is again. */
  readonly primaryBack: readonly OtherEndView[];
  /** Ends of resilient links that no other link joins to their root, by which hellos went while they are not connected. */
  readonly mute: readonly { readonly link: string; readonly end: ResilientEnd }[];
  /** VLANs of several links, which the LAN would make one of. */
  readonly shared: readonly { readonly vlan: number; readonly links: readonly string[] }[];
}

/** What ports are told when the other end of a resilient link is connected. */
export interface OtherEndView {
  readonly link: string;
  readonly ports: readonly PortView[];
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
  const ends = endsInUse(state);
  const present = lanPlan(lan, ports, ends);
  const now = viewsOf(present);
  const links = Object.values(state.links.links);
  const otherEnds = (isOnStandby: boolean): OtherEndView[] =>
    links
      .filter(({ kind, id }) => kind === 'resilient' && ends.onStandby.has(id) === isOnStandby)
      .map(({ id, name }) => ({
        link: name,
        ports: viewsOf(lanPlan(lan, ports, { onStandby: other(ends.onStandby, id) })).filter(
          (port, place) => JSON.stringify(port) !== JSON.stringify(now[place]),
        ),
      }));
  const shared = present.shared.map(({ vlan, links: of }) => ({ vlan, links: of.map(({ name }) => name) }));
  return {
    grid: state.grid?.name ?? '',
    ports: now,
    primaryDown: otherEnds(false),
    primaryBack: otherEnds(true),
    mute: links.flatMap((link) => muteEnds(link, links).map((end) => ({ link: link.name, end }))),
    shared,
  };
}

/** The same links, but for one of which the other end is connected. */
function other(onStandby: ReadonlySet<number>, link: number): ReadonlySet<number> {
  const without = [...onStandby].filter((id) => id !== link);
  return new Set(onStandby.has(link) ? without : [...without, link]);
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
