import type { LanPort } from '../../../../domain/link/plan';
import type { ReachConditions, Sender, Traffic } from '../../../../domain/link/reach';
import type { LinkMember, VirtualLink } from '../../../../domain/topology/topology';
import { link } from './link-grid';

export const nodes = (count: number): LinkMember[] =>
  Array.from({ length: count }, (_, n) => ({ cluster: 1, node: n + 1 }));

/** One link of each kind and option, by what it is called in the reference. */
export const EXAMPLES: readonly [name: string, link: VirtualLink, now?: ReachConditions][] = [
  ['external', link({ kind: 'external', members: [{ network: 1 }, ...nodes(2)] })],
  ['switch', link({ kind: 'switch', members: nodes(3) })],
  ['hub', link({ kind: 'hub', members: nodes(3) })],
  ['hub, 3 promiscuous', link({ kind: 'hub', members: [...nodes(2), { cluster: 1, node: 3, promiscuous: true }] })],
  ['cable', link({ kind: 'cable', members: nodes(2) })],
  ['cable, forward', link({ kind: 'cable', members: nodes(2), direction: 'forward' })],
  ['star', link({ kind: 'star', members: nodes(3) })],
  ['star, hub mode', link({ kind: 'star', members: nodes(3), hub: true })],
  ['resilient', link({ kind: 'resilient', members: nodes(3) })],
  ['resilient, primary down', link({ kind: 'resilient', members: nodes(3) }), { isPrimaryDown: true }],
  ['clustered', link({ kind: 'clustered', members: nodes(3) })],
  ['replicated', link({ kind: 'replicated', members: nodes(2), tap: { link: 2, direction: 'forward' } })],
];

const CLASSES = ['unknown', 'multicast', 'broadcast'] as const;

export function trafficOf({ members }: VirtualLink, from: Sender): Traffic[] {
  const others = members.flatMap((_, member) => (member === from ? [] : [{ member }]));
  return [...others, ...CLASSES];
}

export function sendersOf({ kind, members }: VirtualLink): Sender[] {
  return [...members.keys(), ...(kind === 'replicated' ? (['tapped'] as const) : [])];
}

/** What a replicated link listens to: between ends that are none of its members. */
export const TAPPED = link({
  id: 2,
  kind: 'cable',
  members: [
    { cluster: 2, node: 1 },
    { cluster: 2, node: 2 },
  ],
});

/** Members have the ports of their places; the tapped link's ends those behind. */
export function portsOf({ kind, members }: VirtualLink): LanPort[] {
  const all = kind === 'replicated' ? [...members, ...TAPPED.members] : members;
  return all.map((member, place) => {
    const name = `port ${place}`;
    if ('network' in member) return { name, network: member.network, nodes: [] };
    if ('node' in member) return { name, nodes: [member] };
    throw new Error('each member of the examples has one port');
  });
}
