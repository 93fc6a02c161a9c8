import * as fc from 'fast-check';
import type { NodeAddress } from '../../../../domain/node/address';
import type { IsOver } from '../../../../domain/link/connected-ends';
import { interfacesOf, type LinkInterface } from '../../../../domain/link/interfaces';
import { lanLinks, lanOfTopology } from '../../../../domain/link/lan-links';
import { liveInterfaces } from '../../../../domain/link/live-interfaces';
import type { LinkMember, Topology, VirtualLink } from '../../../../domain/topology/topology';
import type { CommandBody } from '../../../../domain/commands';
import type { GridState } from '../../../../domain/grid-state';
import { and } from '../given';
import { active, connect, failed, recovered, resilientGrid } from './cutover-specifications';
import { link, linkGrid } from './link-grid';

const NODES: readonly NodeAddress[] = [1, 2, 3].flatMap((cluster) => [1, 2].map((node) => ({ cluster, node })));
const SHAPES: readonly Partial<VirtualLink>[] = [
  { kind: 'switch' },
  { kind: 'hub' },
  { kind: 'cable' },
  { kind: 'cable', direction: 'forward' },
  { kind: 'cable', direction: 'backward' },
  { kind: 'star', members: [{ cluster: 1, node: 1 }, { cluster: 2 }] },
  { kind: 'star', members: [{ cluster: 2, node: 1 }, { cluster: 1 }], hub: true },
  { kind: 'switch', members: [{ cluster: 1 }, { cluster: 3 }] },
  { kind: 'clustered', members: [{ cluster: 2, node: 2 }, { cluster: 1 }] },
];

/** What happens to links between two topologies: one gets another shape, or goes. */
const step = fc.record({ id: fc.integer({ min: 1, max: 3 }), shape: fc.option(fc.nat({ max: SHAPES.length - 1 })) });

/** The topologies that follow each other, newest first. */
function topologies(steps: readonly { readonly id: number; readonly shape: number | null }[]): Topology[] {
  let state = and(linkGrid(), ...SHAPES.slice(0, 3).map((parts, n) => set('CreateVirtualLink', n + 1, parts)));
  const all = [state];
  for (const { id, shape } of steps) {
    const isThere = state.links.links[id] !== undefined;
    if (shape === null) state = and(state, { type: 'DeleteVirtualLink', data: { link: id } });
    else state = and(state, set(isThere ? 'ChangeVirtualLink' : 'CreateVirtualLink', id, SHAPES[shape]!));
    all.push(state);
  }
  return all.map((each) => ({ links: lanLinks(each.links), networks: each.grid!.networks }) as Topology).toReversed();
}

function set(type: 'CreateVirtualLink' | 'ChangeVirtualLink', id: number, parts: Partial<VirtualLink>): CommandBody {
  return { type, data: link({ id, ...parts }) };
}

const isAt = ({ node }: LinkInterface, at: NodeAddress): boolean =>
  node.cluster === at.cluster && node.node === at.node;
const holds = (members: readonly LinkMember[] | undefined, { cluster, node }: NodeAddress): boolean =>
  members?.some((each) => 'cluster' in each && each.cluster === cluster && !('node' in each && each.node !== node)) ===
  true;

describe('interfaces of topologies that are live at once', () => {
  it('FG-576: whom each topology lets a node send to and hear from, it sends to and hears from, and no VLAN twice', () => {
    let merged = 0;
    fc.assert(
      fc.property(fc.array(step, { maxLength: 6 }), (steps) => {
        const live = topologies(steps);
        const all = liveInterfaces(live, NODES);
        for (const node of NODES) {
          const own = all.filter((each) => isAt(each, node));
          const heard = own.flatMap(({ hears }) => hears);
          expect(heard).toHaveLength(new Set(heard).size);
          for (const wanted of live.flatMap((topology) => interfacesOf(lanOfTopology(topology), node))) {
            if (wanted.sends !== undefined && wanted.receivers!.length > 0) {
              const by = own.filter(({ link: id, sends }) => id === wanted.link && sends === wanted.sends);
              for (const to of NODES) {
                if (holds(wanted.receivers, to)) expect(by.some(({ receivers }) => holds(receivers, to))).toBe(true);
              }
            }
            for (const vlan of wanted.hears) {
              const by = own.find(({ hears }) => hears.includes(vlan));
              expect(by?.link).toBe(wanted.link);
              for (const from of NODES) if (holds(wanted.senders, from)) expect(holds(by!.senders, from)).toBe(true);
            }
          }
        }
        if (all.length > liveInterfaces(live.slice(0, 1), NODES).length) merged++;
      }),
      {
        numRuns: 100,
        examples: [
          // What one way of a link leads to can become what another comes from, twice.
          [
            [
              { id: 3, shape: 8 },
              { id: 3, shape: 5 },
            ],
          ],
        ],
      },
    );
    expect(merged).toBeGreaterThan(0);
  });

  it('FG-576: one topology gives the interfaces that its links say, but for those to networks', () => {
    const [only] = topologies([]);
    const external = link({ id: 9, kind: 'external', members: [{ network: 1 }, { cluster: 1 }] });
    const expected = NODES.flatMap((node) => interfacesOf(lanOfTopology(only!), node));
    expect(liveInterfaces([{ ...only!, links: [...only!.links, external] }], NODES)).toEqual(expected);
  });

  it('FG-576: what no live topology names any more is nowhere', () => {
    const [newest, older] = topologies([{ id: 1, shape: null }]);
    const named = (live: readonly Topology[]): boolean => liveInterfaces(live, NODES).some((each) => each.link === 1);
    expect([named([newest!, older!]), named([newest!])]).toEqual([true, false]);
  });

  it('FG-517: of a resilient link the end is open that is connected, and the one before while flows live that began there', () => {
    const open = (live: readonly Topology[], isDead?: IsOver): string[] => {
      const all = liveInterfaces(
        live,
        [1, 2].map((node) => ({ cluster: 2, node })).concat({ cluster: 1, node: 1 }),
        isDead,
      );
      const ends = all.filter(({ node, isIdle }) => node.cluster === 2 && !isIdle).map(({ node }) => `AB-${node.node}`);
      const root = all.find(({ node }) => node.cluster === 1)!;
      const reached = root.receivers!.map((member) => `AB-${'node' in member ? member.node : 0}`);
      expect(root.senders).toEqual(root.receivers);
      expect(reached.sort()).toEqual(ends);
      return ends;
    };
    const dead =
      (node: number): IsOver =>
      (address) =>
        address.cluster === 2 && address.node === node;
    const first = published(resilientGrid());
    const moved = published(and(resilientGrid(), connect('standby')));
    expect(open([first])).toEqual(['AB-1']);
    expect(open([moved])).toEqual(['AB-2']);
    expect(open([moved, first]).sort()).toEqual(['AB-1', 'AB-2']);
    // The root finds its primary dead before any log says so.
    expect(open([first], dead(1))).toEqual(['AB-2']);
    expect(open([first], (address) => address.cluster === 2)).toEqual(['AB-1']);
    const cut = and(resilientGrid(), failed(1), { type: 'CutOverLink', data: { link: 1 } });
    expect(open([published(cut), first])).toEqual(['AB-2']);
    // Its next life is not the one that flows of the first topology knew.
    const back = published(and(cut, recovered(1, 2), active(1, 2)));
    expect(open([back, published(cut), first])).toEqual(['AB-2']);
    expect(open([back, published(cut), first], dead(2))).toEqual(['AB-1']);
  });
});

function published(state: GridState): Topology {
  return and(state, { type: 'PublishTopology', data: {} }).topology.latest!;
}
