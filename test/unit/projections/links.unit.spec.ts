import { lanBridgeText } from '../../../interface/cli/lan-bridge-text';
import { lanPlanText } from '../../../interface/cli/lan-plan-text';
import { linksText, linkText, rangesText } from '../../../interface/cli/link-text';
import { lanPlanView, linksView, wholeLinkView } from '../../../projections';
import type { GridState } from '../../../domain/grid-state';
import type { VirtualLink } from '../../../domain/topology/topology';
import { foreseenState, loadGridFile } from '../../../runtime/control/grid-file';
import { and, NOW } from '../domain/given';
import { link, linkGrid } from '../domain/link/link-grid';

const node = (cluster: number, id: number) => ({ cluster, node: id });

/** A path whose ways to AB are two links, and whose frames are copied past it. */
const PATHS = `
grid: paths
networks: { EN-1: { cluster: IA }, EN-2: { cluster: IC } }
clusters:
  IA: { id: 1, role: inode, nodes: 1 }
  AB: { id: 2, role: anode, nodes: 2, function: pass, mode: copy }
  IC: { id: 3, role: inode, nodes: 1 }
links:
  in: { kind: external, members: [EN-1, IA] }
  there: { kind: cable, members: [IA, AB], direction: forward }
  back: { kind: star, members: [IA, AB], direction: backward }
  second: { kind: switch, members: [IA, AB] }
  on: { kind: switch, members: [AB, IC] }
  past: { kind: switch, members: [IA, IC] }
  told: { kind: switch, members: [IA, AB, IC], control: true }
paths: { through: { from: [EN-1], through: [AB], to: EN-2 } }
policies: [{ type: all, paths: [through] }]
`;

/** The small grid with these links, numbered from 11 on. */
function gridOf(...links: readonly Partial<VirtualLink>[]) {
  const bodies = links.map((parts, place) => ({
    type: 'CreateVirtualLink' as const,
    data: link({ id: place + 11, ...parts }),
  }));
  return and(linkGrid(), ...bodies);
}

describe('links as they are told', () => {
  it('FG-498: members have sides, and say which way frames go', () => {
    const state = gridOf(
      { kind: 'cable', direction: 'backward' },
      { kind: 'star', hub: true, members: [{ cluster: 1 }, { ...node(2, 1), side: 'leaf' }] },
      { kind: 'replicated', members: [node(2, 2)], tap: { link: 11, direction: 'backward' } },
      { kind: 'hub', control: true, members: [{ cluster: 1 }, { ...node(2, 2), promiscuous: true }] },
    );
    expect(linksText(linksView(state))).toEqual([
      expect.stringMatching(/^Grid .*: 4 links$/),
      'VN-11  cable, backward  VLAN 2048 forward, 2049 back  IA (first, hears only), AB (second, sends only)',
      'VN-12  star, hub mode   VLAN 2050 forward, 2051 back  IA (root), AB-1 (leaf)',
      'VN-13  replicated       listens to VN-11 backward     AB-2',
      'VN-14  hub, control     VLAN 2052                     IA, AB-2 (promiscuous)',
    ]);
  });

  it('FG-498: released VLAN IDs are counted while they rest', () => {
    const state = and(gridOf({ kind: 'cable' }), { type: 'DeleteVirtualLink', data: { link: 11 } });
    expect(linksView(state)).toMatchObject({ links: [], resting: 2 });
    expect(linksView({ ...state, at: state.at + 60_000 }).resting).toBe(0);
    expect(linksText(linksView(state))[0]).toMatch(/: 0 links; 2 released VLAN IDs rest$/);
  });

  it('FG-498: one link tells whom it reaches, also while a primary is down, and addresses on a hub', () => {
    const state = gridOf({ kind: 'resilient', members: [node(1, 1), node(2, 1), node(2, 2)] }, { kind: 'hub' });
    const [resilient, hub] = [11, 12].map((id) => wholeLinkView(state, state.links.links[id]!));
    expect(resilient!.reach).toContainEqual({
      from: 'IA-1',
      to: 'broadcast',
      interfaces: ['AB-2'],
      applications: ['AB-2'],
      primaryDown: true,
    });
    expect(linkText(resilient!)).toContain(
      '  primary down: from AB-1 to IA-1, AB-2, unknown stations, multicast, broadcast: nobody',
    );
    expect(hub!.macs[0]).toEqual({ node: 'IA-1', nic: '02:f1:60:00:01:01', link: '02:f1:60:01:08:02' });
    expect(linkText(hub!)).toContain('  IA-1     02:f1:60:00:01:01, on this link 02:f1:60:01:08:02');
  });

  it('FG-498: the plan lists what ports are told instead while a primary is down', () => {
    const state = gridOf({ kind: 'resilient', members: [node(1, 1), node(2, 1), node(2, 2)] });
    const plan = lanPlanView(state);
    expect(plan.primaryDown.map(({ link: name, ports }) => [name, ports.map(({ port }) => port)])).toEqual([
      ['VN-11', ['AB-1', 'AB-2']],
    ]);
    const text = lanPlanText(plan);
    expect(text).toContain('Port AB-2: no VLAN');
    expect(text).toContain('  VN-11 (resilient, standby): sends 2049, hears 2048, when the primary is down');
    expect(text.slice(text.indexOf('While the primary of VN-11 is down, instead:')).slice(1, 3)).toEqual([
      '  Port AB-1: no VLAN',
      '  Port AB-2: tagged 2048-2049',
    ]);
  });

  it('FG-611: the plan names ends that are mute while they are not connected', () => {
    const ends = { kind: 'resilient', members: [node(1, 1), node(2, 1), node(2, 2)] } as const;
    const told = (state: GridState): string[] =>
      lanPlanText(lanPlanView(state)).filter((line) => line.includes('hellos'));
    expect(told(gridOf(ends))).toEqual(
      ['primary', 'standby'].map(
        (end) =>
          `Note: hellos between root and ${end} of VN-11 have no way while it is not connected (join both by a switch with "control: true").`,
      ),
    );
    expect(told(gridOf(ends, { control: true }))).toEqual([]);
  });

  it('FG-516: a resilient link tells who is connected, since when and why, and the plan what ports are told now', () => {
    const grid = gridOf({ kind: 'resilient', members: [node(1, 1), node(2, 1), node(2, 2)] });
    const whole = (state: GridState): readonly string[] => linkText(wholeLinkView(state, state.links.links[11]!));
    expect(whole(grid)).toContain('Members: IA-1 (root), AB-1 (primary, connected), AB-2 (standby)');
    expect(whole(grid)).toContain('Connected: AB-1 (primary), from the beginning');
    const configured = [1, 2].map((id) => ({ type: 'ConfigureNode' as const, data: { ...node(2, id), weight: 1 } }));
    const active = [1, 2].map((id) => ({ type: 'ActivateNode' as const, data: { ...node(2, id), incarnation: 1 } }));
    const failed = and(grid, ...configured, ...active, {
      type: 'FailNode',
      data: { ...node(2, 1), incarnation: 1 },
    });
    const cut = and(failed, { type: 'CutOverLink', data: { link: 11 } });
    expect(whole(cut)).toContain(
      'Connected: AB-2 (standby), since 1970-01-01 00:16:40.000, because the primary failed',
    );
    expect(linksView(cut).links[0]!.connected).toEqual({
      end: 'standby',
      node: 'AB-2',
      since: NOW,
      because: 'failed',
    });
    expect(linksText(linksView(cut))[1]).toContain('AB-2 (standby, connected since 1970-01-01 00:16:40.000)');
    const plan = lanPlanView(cut);
    expect(plan.primaryDown).toEqual([]);
    const text = lanPlanText(plan);
    expect(text).toContain('Port AB-2: tagged 2048-2049');
    expect(text).toContain('  VN-11 (resilient, primary): sends 2049, hears 2048, when it is connected again');
    expect(text.slice(text.indexOf('When the primary of VN-11 is connected again, instead:')).slice(1, 3)).toEqual([
      '  Port AB-1: tagged 2048-2049',
      '  Port AB-2: no VLAN',
    ]);
    expect(lanBridgeText(plan).at(-1)).toContain('while the standby of VN-11 is connected');
  });

  it('FG-498: nodes that an agent hosts share a port, which has its name', () => {
    const grid = gridOf({});
    const cluster = grid.clusters[2]!;
    const hosted = Object.values(cluster.nodes).map((each) => ({
      ...each,
      placement: { agent: 'h1', life: 1, incarnation: 1 },
    }));
    const nodes = Object.fromEntries(hosted.map((each) => [each.node, each]));
    const { ports } = lanPlanView({ ...grid, clusters: { ...grid.clusters, 2: { ...cluster, nodes } } });
    const h1 = ports.find(({ port }) => port === 'h1')!;
    expect(h1.nodes).toEqual(hosted.map((each) => `AB-${each.node}`));
    expect(h1.tagged).toEqual([2048]);
    expect(ports.some(({ port }) => port.startsWith('AB-'))).toBe(false);
  });

  it('FG-498: paths use the links on which their frames go there and back, past clusters too, and at their ends', () => {
    const state = foreseenState(loadGridFile(PATHS, 'grid.yaml'));
    const used = Object.values(state.links.links).map((each) => [each.name, wholeLinkView(state, each).paths]);
    expect(Object.fromEntries(used)).toEqual({
      in: ['through'],
      there: ['through'],
      back: ['through'],
      second: [],
      on: ['through'],
      past: ['through'],
      told: [],
    });
  });

  it.each([
    [[], ''],
    [[7], '7'],
    [[1, 2, 3, 5, 7, 8], '1-3,5,7-8'],
  ])('IDs %j are written %s', (ids, text) => {
    expect(rangesText(ids)).toBe(text);
  });
});
