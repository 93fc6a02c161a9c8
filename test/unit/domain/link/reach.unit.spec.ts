import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { lanPlan, type LanPlan, type LanPort } from '../../../../domain/link/plan';
import { reachOf, type ReachConditions, type Sender, type Traffic } from '../../../../domain/link/reach';
import type { VirtualLink } from '../../../../domain/topology/topology';
import { BROADCAST, frameOf, tag, type EthernetFrame } from '../../../support/ethernet';
import { SimulatedLan } from '../../../support/simulated-lan';
import { lanOf } from '../../../../projections/lan';
import { and } from '../given';
import { EXAMPLES, nodes, portsOf, sendersOf, TAPPED, trafficOf } from './examples';
import { link, linkGrid } from './link-grid';

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

/** A switch that is told what the plan says, for a grid of these links, and of the link that one of them may listen to. */
async function plannedLan(links: readonly VirtualLink[], ports: readonly LanPort[], now: ReachConditions = {}) {
  const bodies = [TAPPED, ...links].map((data) => ({ type: 'CreateVirtualLink', data }) as const);
  const plan = lanPlan(lanOf(and(linkGrid(), ...bodies)), ports, {
    onStandby: new Set(now.isPrimaryDown ? links.map(({ id }) => id) : []),
  });
  const lan = new SimulatedLan();
  await lan.begin({ ports: plan.ports });
  return { lan, plan };
}

/** A frame as the sender's interface puts it on the wire: nodes tag, a network does not. Who may not send does not, either. */
function wired(plan: LanPlan, of: VirtualLink, port: number, frame: EthernetFrame): Uint8Array {
  const [use] = plan.ports[port]!.uses.filter(({ link: { id } }) => id === of.id);
  const isTagged = plan.ports[port]!.pvid === undefined && use !== undefined && !use.isIdle;
  return frameOf({ ...frame, tags: isTagged ? use.sends.map((vlan) => tag(vlan)) : [] });
}

/** Everybody sends everything on a link, as the plan says; the members' interfaces that got something are as `reachOf` says. */
async function tryLink(
  of: VirtualLink,
  at: Awaited<ReturnType<typeof plannedLan>>,
  now: ReachConditions,
): Promise<void> {
  const { lan, plan } = at;
  const portOf = (from: Sender): number => (from === 'tapped' ? of.members.length : from);
  const send = async (from: Sender, to: number | string): Promise<number[]> => {
    const sent = from === 'tapped' ? TAPPED : of;
    await lan.send(portOf(from), wired(plan, sent, portOf(from), { from: portOf(from) + 1, to }));
    const reached = (await lan.collect()).flatMap((frames, port) => frames.map(() => port));
    return reached.filter((port) => port < of.members.length);
  };
  for (const from of sendersOf(of)) await send(from, BROADCAST);
  for (const from of sendersOf(of)) {
    for (const traffic of trafficOf(of, from)) {
      const reached = await send(from, addressOf(of, traffic));
      const expected = reachOf(of, from, traffic, now).interfaces;
      expect({ link: of.id, from, traffic, reached }).toEqual({ link: of.id, from, traffic, reached: expected });
    }
  }
}

/** The address that a frame has on the LAN: on a hub that of everybody (Table 1). */
function addressOf({ kind }: VirtualLink, traffic: Traffic): number | string {
  if (kind === 'hub' || traffic === 'broadcast') return BROADCAST;
  if (traffic === 'multicast') return '01005e000001';
  return traffic === 'unknown' ? 99 : traffic.member + 1;
}

describe('who a frame on a link reaches', () => {
  it.each(EXAMPLES.map(([name, each, now = {}]) => ({ name, each, now })))(
    'FG-495: $name: a simulated LAN that is told what the plan says takes frames to the same interfaces',
    async ({ each, now }) => {
      await tryLink(each, await plannedLan([each], portsOf(each), now), now);
    },
  );

  it('FG-495: so it does when links of every kind share the ports', async () => {
    const links = EXAMPLES.filter(([, , now]) => now === undefined).map(([, each]) => each);
    const own = links.filter(({ kind }) => kind !== 'external' && kind !== 'replicated');
    const shared = own.map((each, place) => ({ ...each, id: place + 3, name: `VN-${place + 3}` }));
    const ports = portsOf(link({ members: nodes(3) }));
    const at = await plannedLan(shared, ports);
    for (const each of shared) await tryLink(each, at, {});
    expect(shared.length).toBeGreaterThanOrEqual(9);
  });

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
    const [table] = text.split('\n## ');
    const found = table!.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| link |'));
    expect(found.map((line) => line.replace(/ +/g, ' '))).toEqual(rows());
  });
});
