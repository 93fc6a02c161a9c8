import type { LanPlanView, OtherEndView, PortView, UseView } from '../../projections';
import { rangesText } from './link-text';

/** What people read of `link plan`: ports with their settings, the links behind those, and what needs to be explained. */
export function lanPlanText(plan: LanPlanView): string[] {
  return [
    `Grid ${plan.grid}: ${plan.ports.length} ports of the LAN switch`,
    ...plan.ports.flatMap((port) => portText(port)),
    ...otherEndText(plan.primaryDown, (link) => `While the primary of ${link} is down, instead:`),
    ...otherEndText(plan.primaryBack, (link) => `When the primary of ${link} is connected again, instead:`),
    ...reasons(plan).map((reason) => `Note: ${reason}`),
    ...plan.shared.map(
      ({ vlan, links }) =>
        `Conflict: VLAN ${vlan} is that of links ${links.join(' and ')}, which the LAN would join (name other VLANs, or use a switch for each network)`,
    ),
  ];
}

function otherEndText(others: readonly OtherEndView[], about: (link: string) => string): string[] {
  return others.flatMap(({ link, ports }) => [about(link), ...ports.map((port) => `  ${settingsText(port)}`)]);
}

function portText(port: PortView): string[] {
  return [settingsText(port), ...port.links.map((use) => `  ${useText(use)}`)];
}

function settingsText({ port, isNetwork, nodes, pvid, tagged, untagged, ingressFiltering }: PortView): string {
  const hosts = nodes.length === 1 && nodes[0] === port ? '' : ` (${isNetwork ? 'network' : nodes.join(', ')})`;
  const told = [
    ...(pvid === null ? [] : [`PVID ${pvid}`]),
    ...(untagged.length === 0 ? [] : [`untagged ${rangesText(untagged)}`]),
    ...(tagged.length === 0 ? [] : [`tagged ${rangesText(tagged)}`]),
    ...(ingressFiltering ? [] : ['ingress filtering off']),
  ];
  return `Port ${port}${hosts}: ${told.length === 0 ? 'no VLAN' : told.join(', ')}`;
}

function useText({ link, kind, side, sends, hears, idle }: UseView): string {
  const vlans = (ids: readonly number[]): string => (ids.length === 0 ? 'nothing' : rangesText(ids));
  const ways =
    rangesText(sends) === rangesText(hears)
      ? `sends and hears ${vlans(sends)}`
      : `sends ${vlans(sends)}, hears ${vlans(hears)}`;
  return `${link} (${kind}, ${side}): ${ways}${idle ? `, when ${side === 'standby' ? 'the primary is down' : 'it is connected again'}` : ''}`;
}

function reasons({ ports, mute }: LanPlanView): string[] {
  const uses = ports.flatMap(({ links }) => links);
  const isThere = (...kinds: readonly string[]): boolean => uses.some(({ kind }) => kinds.includes(kind));
  const unfiltered = ports.filter(({ ingressFiltering }) => !ingressFiltering);
  return [
    ...(uses.length === 0 ? [] : ['nodes tag what they send; only untagged networks have a PVID.']),
    ...(isThere('cable', 'star', 'resilient', 'clustered')
      ? ['of a link with directions each way has its own VLAN: who sends in one is not meant to hear it.']
      : []),
    ...(unfiltered.length === 0
      ? []
      : [
          `${unfiltered.map(({ port }) => port).join(', ')} send in VLANs that they are not in, so that they do not hear others who send there: ` +
            'without ingress filtering the switch takes such frames. On one that always filters, tag the ports into those VLANs too: ' +
            unfiltered.map(({ port, sendOnly }) => `${port} ${rangesText(sendOnly)}`).join('; ') +
            ". Then each other's frames come to them, and their interfaces drop them.",
        ]),
    ...(uses.some(({ idle }) => idle)
      ? [
          'of a resilient link one of primary and standby is connected; the other port is told nothing for it. Where nobody tells the switch of a cutover, tell it both: interfaces drop what comes to the other.',
        ]
      : []),
    ...mute.map(
      ({ link, end }) =>
        `hellos between root and ${end} of ${link} have no way while it is not connected (join both by a switch with "control: true").`,
    ),
  ];
}
