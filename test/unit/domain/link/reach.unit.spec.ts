import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SwitchPort } from '../../../../adapters/sim/vlan-switch';
import { reachOf, type ReachConditions, type Sender, type Traffic } from '../../../../domain/link/reach';
import { isHead, sidesOf } from '../../../../domain/link/sides';
import type { LinkMember, VirtualLink } from '../../../../domain/topology/topology';
import { BROADCAST, frameOf } from '../../../support/ethernet';
import { SimulatedLan } from '../../../support/simulated-lan';
import { link } from './link-grid';

const nodes = (count: number): LinkMember[] => Array.from({ length: count }, (_, n) => ({ cluster: 1, node: n + 1 }));

/** One link of each kind and option, by what it is called in the reference. */
const EXAMPLES: readonly [name: string, link: VirtualLink, now?: ReachConditions][] = [
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

function trafficOf({ members }: VirtualLink, from: Sender): Traffic[] {
  const others = members.flatMap((_, member) => (member === from ? [] : [{ member }]));
  return [...others, ...CLASSES];
}

function sendersOf({ kind, members }: VirtualLink): Sender[] {
  return [...members.keys(), ...(kind === 'replicated' ? (['tapped'] as const) : [])];
}

/** The table of docs/reference/links.md, row by row. */
function rows(): string[] {
  const names = (places: readonly number[]): string => places.map((place) => place + 1).join(', ') || '–';
  return EXAMPLES.flatMap(([name, each, now]) =>
    sendersOf(each).flatMap((from) =>
      trafficOf(each, from).map((traffic) => {
        const { interfaces, applications } = reachOf(each, from, traffic, now);
        const what = typeof traffic === 'string' ? traffic : `unicast to ${traffic.member + 1}`;
        const sender = from === 'tapped' ? 'the tapped link' : from + 1;
        return `| ${name} | ${sender} | ${what} | ${names(interfaces)} | ${names(applications)} |`;
      }),
    ),
  );
}

/** Ports of a LAN that carries one link: members have the ports of their places; the tapped link's sender the one behind. */
function portsOf(each: VirtualLink, now: ReachConditions = {}): SwitchPort[] {
  const [down, up] = [100, 101];
  const both: SwitchPort = { pvid: down, untagged: [down] };
  if (each.kind === 'replicated') {
    return [...each.members.map(() => ({ untagged: [down] })), { pvid: down, ingressFiltering: false }];
  }
  if (each.kind === 'external' || each.kind === 'switch' || each.kind === 'hub') return each.members.map(() => both);
  const idle = each.kind !== 'resilient' ? undefined : now.isPrimaryDown === true ? 'primary' : 'standby';
  const isBackward = each.kind !== 'clustered' && each.direction !== 'forward';
  return sidesOf(each).map((side) => {
    if (side === idle) return {};
    if (isHead(side)) return { pvid: down, untagged: isBackward ? [up] : [], ingressFiltering: false };
    return { untagged: [down], ...(isBackward && { pvid: up, ingressFiltering: false }) };
  });
}

/** The address that a frame has on the LAN: on a hub that of everybody (Table 1). */
function addressOf({ kind }: VirtualLink, traffic: Traffic): number | string {
  if (kind === 'hub' || traffic === 'broadcast') return BROADCAST;
  if (traffic === 'multicast') return '01005e000001';
  return traffic === 'unknown' ? 99 : traffic.member + 1;
}

describe('who a frame on a link reaches', () => {
  it.each(EXAMPLES.map(([name, each, now = {}]) => ({ name, each, now })))(
    '$name: a simulated LAN takes frames to the same interfaces',
    async ({ each, now }) => {
      const lan = new SimulatedLan();
      await lan.begin({ ports: portsOf(each, now) });
      const portOf = (from: Sender): number => (from === 'tapped' ? each.members.length : from);
      for (const from of sendersOf(each))
        await lan.send(portOf(from), frameOf({ from: portOf(from) + 1, to: BROADCAST }));
      await lan.collect();
      for (const from of sendersOf(each)) {
        for (const traffic of trafficOf(each, from)) {
          await lan.send(portOf(from), frameOf({ from: portOf(from) + 1, to: addressOf(each, traffic) }));
          const reached = (await lan.collect()).flatMap((frames, port) => frames.map(() => port));
          expect({ from, traffic, reached }).toEqual({
            from,
            traffic,
            reached: reachOf(each, from, traffic, now).interfaces,
          });
        }
      }
    },
  );

  it('applications are reached by interfaces that were, and by no other link', () => {
    for (const [, each, now] of EXAMPLES) {
      for (const from of sendersOf(each)) {
        for (const traffic of trafficOf(each, from)) {
          const { interfaces, applications } = reachOf(each, from, traffic, now);
          expect(interfaces).toEqual(expect.arrayContaining([...applications]));
          expect(interfaces).not.toContain(from);
        }
      }
      if (each.kind !== 'replicated') expect(reachOf(each, 'tapped', 'broadcast', now).interfaces).toEqual([]);
    }
  });

  it('the reference has the same table', () => {
    const text = readFileSync(join(__dirname, '../../../../docs/reference/links.md'), 'utf8');
    const found = text.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| link |'));
    expect(found.map((line) => line.replace(/ +/g, ' '))).toEqual(rows());
  });
});
