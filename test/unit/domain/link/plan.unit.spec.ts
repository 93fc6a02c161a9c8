import { lanPlan, type LanPlan, type LanPort, type PortPlan } from '../../../../domain/link/plan';
import type { VirtualLink } from '../../../../domain/topology/topology';
import { lanOf, lanPorts } from '../../../../projections/lan';
import { and } from '../given';
import { link, linkGrid } from './link-grid';

const nodes = [1, 2, 3].map((node) => ({ cluster: 1, node }));
const ports: readonly LanPort[] = [
  ...nodes.map((node) => ({ name: `IA-${node.node}`, nodes: [node] })),
  { name: 'EN-1', nodes: [], network: 1 },
  { name: 'EN-3', nodes: [], network: 3 },
];

function planOf(
  links: readonly Partial<VirtualLink>[],
  on = ports,
  onStandby: ReadonlySet<number> = new Set(),
): LanPlan {
  const bodies = links.map((parts, place) => ({
    type: 'CreateVirtualLink' as const,
    data: link({ id: place + 1, ...parts }),
  }));
  return lanPlan(lanOf(and(linkGrid(), ...bodies)), on, { onStandby });
}

function told({ ports: all }: LanPlan, name: string): Omit<PortPlan, 'port' | 'uses'> {
  const { port: _port, uses: _uses, ...rest } = all.find(({ port }) => port.name === name)!;
  return rest;
}

const none = { tagged: [], untagged: [], sendOnly: [], ingressFiltering: true };

describe('what the LAN switch is told', () => {
  it('FG-496: an untagged network gets the VLAN of its link from its port; nodes tag', () => {
    const plan = planOf([{ kind: 'external', members: [{ network: 1 }, { cluster: 1 }] }]);
    expect(told(plan, 'EN-1')).toEqual({ ...none, pvid: 2048, untagged: [2048] });
    expect(told(plan, 'IA-2')).toEqual({ ...none, tagged: [2048] });
    expect(told(plan, 'EN-3')).toEqual(none);
  });

  it('FG-496: a tagged network has the VLANs that its operator named, or all that the grid does not reserve', () => {
    const of = { kind: 'external', members: [{ network: 3 }, { cluster: 3 }] } as const;
    expect(told(planOf([{ ...of, vlans: [101, 100] }]), 'EN-3')).toEqual({ ...none, tagged: [100, 101] });
    const { tagged } = told(planOf([of]), 'EN-3');
    expect([tagged.length, tagged[0], tagged.at(-1)]).toEqual([2047, 1, 2047]);
  });

  it('FG-496: leaves send in a VLAN that their ports are not in, and only those do not filter', () => {
    const plan = planOf([{ kind: 'star', members: nodes }]);
    expect(told(plan, 'IA-1')).toEqual({ ...none, tagged: [2048, 2049] });
    for (const leaf of ['IA-2', 'IA-3']) {
      expect(told(plan, leaf)).toEqual({ ...none, tagged: [2048], sendOnly: [2049], ingressFiltering: false });
    }
    // One leaf alone has nobody to be kept from.
    expect(told(planOf([{ kind: 'star', members: nodes.slice(0, 2) }]), 'IA-2')).toEqual({
      ...none,
      tagged: [2048, 2049],
    });
  });

  it('FG-496: a link that goes one way needs no VLAN for the other', () => {
    const plan = planOf([{ kind: 'cable', members: nodes.slice(0, 2), direction: 'forward' }]);
    expect(told(plan, 'IA-1')).toEqual({ ...none, tagged: [2048] });
    expect(plan.ports.map(({ uses }) => uses.map(({ sends, hears }) => [sends, hears]))).toEqual([
      [[[2048], []]],
      [[[], [2048]]],
      [],
      [],
      [],
    ]);
    expect(told(planOf([{ kind: 'clustered', members: nodes }]), 'IA-2')).toEqual({ ...none, tagged: [2048] });
  });

  it('FG-496: of a resilient link the end is told nothing that is not connected now', () => {
    const links = [{ kind: 'resilient', members: nodes }] as const;
    expect(told(planOf(links), 'IA-3')).toEqual(none);
    const failed = planOf(links, ports, new Set([1]));
    expect(told(failed, 'IA-2')).toEqual(none);
    expect(told(failed, 'IA-3')).toEqual({ ...none, tagged: [2048, 2049] });
  });

  it('FG-496: who listens to a link is in the VLAN of the direction that it listens to', () => {
    const plan = planOf([
      { kind: 'cable', members: nodes.slice(0, 2) },
      { kind: 'replicated', members: [nodes[2]!], tap: { link: 1, direction: 'backward' } },
    ]);
    expect(told(plan, 'IA-3')).toEqual({ ...none, tagged: [2049] });
  });

  it('FG-496: nodes that share a host share its port', () => {
    const host = [{ name: 'h1', nodes }];
    const plan = planOf([{ kind: 'star', members: nodes }, { members: nodes }], host);
    expect(told(plan, 'h1')).toEqual({ ...none, tagged: [2048, 2049, 2050] });
    expect(plan.ports[0]!.uses).toHaveLength(6);
  });

  it('FG-496: VLANs that operators named in links of different ports are one on the LAN, which is told', () => {
    const grid = linkGrid();
    const networks = grid.grid!.networks.map((network) => ({ ...network, tagged: true }));
    const state = { ...grid, grid: { ...grid.grid!, networks } };
    const external = (id: number, network: number, cluster: number, vlans: readonly number[]) => ({
      type: 'CreateVirtualLink' as const,
      data: link({ id, kind: 'external', members: [{ network }, { cluster }], vlans }),
    });
    const both = and(state, external(1, 1, 1, [7, 8]), external(2, 3, 3, [8, 9]));
    const { shared } = lanPlan(lanOf(both), lanPorts(both));
    expect(shared.map(({ vlan, links }) => [vlan, links.map(({ name }) => name)])).toEqual([[8, ['VN-1', 'VN-2']]]);
  });
});
