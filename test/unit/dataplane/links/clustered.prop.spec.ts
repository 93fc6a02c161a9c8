import fc from 'fast-check';
import { nodeRef } from '../../../../domain/base/ids';
import { createPrng, type Prng } from '../../../../domain/base/prng';
import type { LinkMember, VirtualLink } from '../../../../domain/topology/topology';
import { lanOf } from '../../../../projections/lan';
import { frameOf, hexOf } from '../../../support/ethernet';
import { InterfacesOnLan, nicHex } from '../../../support/interfaces-on-lan';
import { and } from '../../domain/given';
import { link, linkGrid } from '../../domain/link/link-grid';

const HOST = '0200000000aa';
const PEER = '0200000000bb';
const GROUP = '01005e000001';
const LATENCY_MS = 2;
const STEPS = 400;
const ROOT = { cluster: 1, node: 1 };
/** Of cluster 2: as many shadow what the root sends. */
const LEAVES = 5;

/** A clustered link from a root to a cluster, among links that have the same members, and a listener of cluster 3. */
function clusteredLan(random: Prng): InterfacesOnLan {
  const leaves: LinkMember[] =
    random.below(2) === 0 ? [{ cluster: 2 }] : Array.from({ length: LEAVES }, (_, n) => ({ cluster: 2, node: n + 1 }));
  const links: Partial<VirtualLink>[] = [
    { id: 1, kind: 'clustered', members: [ROOT, ...leaves] },
    { id: 2, kind: 'switch', members: [ROOT, { cluster: 2 }] },
    { id: 3, kind: 'star', members: [ROOT, { cluster: 2 }] },
    { id: 4, kind: 'replicated', members: [{ cluster: 3, node: 1 }], tap: { link: 1, direction: 'forward' } },
  ];
  const bodies = links.map((parts) => ({ type: 'CreateVirtualLink', data: link(parts) }) as const);
  const nodes = [
    ROOT,
    ...Array.from({ length: LEAVES }, (_, n) => ({ cluster: 2, node: n + 1 })),
    { cluster: 3, node: 1 },
  ];
  const ports = nodes.map((node) => ({ name: `${node.cluster}-${node.node}`, nodes: [node] }));
  return new InterfacesOnLan(lanOf(and(linkGrid(), ...bodies)), ports, { latencyMs: LATENCY_MS });
}

describe('a clustered link', () => {
  it('FG-510: each member that lives sees every frame of the root once, in order, and no other, whoever dies', () => {
    const total = { seen: 0, missed: 0, deaths: 0 };
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const random = createPrng(seed);
        const lan = clusteredLan(random.fork('links'));
        const watchers = lan.ports.map((_, port) => port).slice(1);
        const expected = new Map<number, string[]>(watchers.map((port) => [port, []]));
        const got = new Map<number, string[]>(watchers.map((port) => [port, []]));
        // What was sent and is under way, and who is alive.
        let flying: {
          readonly at: number;
          readonly to: string;
          readonly number: number;
          readonly alive: Set<number>;
        }[] = [];
        const land = (): void => {
          for (const each of flying.filter(({ at }) => at + LATENCY_MS <= lan.clock.now())) {
            for (const port of watchers) {
              if (!each.alive.has(port)) total.missed++;
              else expected.get(port)!.push(hexOf({ from: HOST, to: seenBy(lan, port, each.to), number: each.number }));
            }
          }
          flying = flying.filter(({ at }) => at + LATENCY_MS > lan.clock.now());
          for (const handed of lan.taken()) {
            if (handed.link === 1 || handed.link === 4)
              got.get(handed.port)!.push(Buffer.from(handed.frame).toString('hex'));
          }
        };
        for (let number = 0; number < STEPS; number++) {
          const port = watchers[random.below(watchers.length)]!;
          if (random.below(30) === 0) {
            // Who is alive when a frame comes has it, whoever was when it was sent.
            if (lan.dead.delete(port)) {
              for (const each of flying) each.alive.add(port);
            } else {
              lan.dead.add(port);
              for (const each of flying) each.alive.delete(port);
              total.deaths++;
            }
          }
          const to = [PEER, GROUP, nicHex(nodeRef(2, 1 + random.below(LEAVES)))][random.below(3)]!;
          lan.send(0, nodeRef(1, 1), 1, frameOf({ from: HOST, to, number }));
          flying.push({
            at: lan.clock.now(),
            to,
            number,
            alive: new Set(watchers.filter((each) => !lan.dead.has(each))),
          });
          // Members send on the other links all the time; on this one they cannot.
          const ref = nodeRef(2, 1 + random.below(LEAVES));
          const member = lan.ports.findIndex(({ nodes: [node] }) => nodeRef(node!.cluster, node!.node) === ref);
          expect(lan.send(member, ref, 1, frameOf({ from: HOST, to: PEER, number }))).toBe(false);
          lan.send(member, ref, 2 + random.below(2), frameOf({ from: HOST, to: GROUP, number }));
          lan.clock.advanceTo(lan.clock.now() + random.below(2));
          land();
        }
        lan.clock.advanceTo(lan.clock.now() + LATENCY_MS);
        land();
        for (const port of watchers) {
          expect({ port, got: got.get(port) }).toEqual({ port, got: expected.get(port) });
          total.seen += got.get(port)!.length;
        }
        expect([...lan.refused, lan.slotsInUse]).toEqual([0]);
      }),
      { numRuns: 40 },
    );
    for (const count of Object.values(total)) expect(count).toBeGreaterThan(40);
  });
});

/** The address that a member sees: its own, if the frame was for one station. */
function seenBy({ ports }: InterfacesOnLan, port: number, to: string): string {
  const [node] = ports[port]!.nodes;
  return to === GROUP ? to : nicHex(nodeRef(node!.cluster, node!.node));
}
