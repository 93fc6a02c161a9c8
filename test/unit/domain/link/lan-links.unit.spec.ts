import type { CommandBody } from '../../../../domain/commands';
import type { GridState } from '../../../../domain/grid-state';
import { HELD } from '../../../../domain/link/evolve';
import { lanPlan } from '../../../../domain/link/plan';
import { wholeTopology } from '../../../../domain/topology/state';
import type { TopologyLink, VirtualLink } from '../../../../domain/topology/topology';
import { lanInUse } from '../../../../projections/lan';
import { NOW, and, committed, decided } from '../given';
import { link, linkGrid, refused } from './link-grid';

const create = (data: VirtualLink): CommandBody => ({ type: 'CreateVirtualLink', data });
const change = (data: VirtualLink): CommandBody => ({ type: 'ChangeVirtualLink', data });
const remove = (id: number): CommandBody => ({ type: 'DeleteVirtualLink', data: { link: id } });
const A1 = { cluster: 1, node: 1 };

/** The grid with a block of two VLAN IDs, frames that live 100 ms, and a node to publish for. */
function grid(...links: readonly VirtualLink[]): GridState {
  const state = linkGrid();
  const data = { ...state.grid!, vlans: { first: 4_000, last: 4_001, frameLifetimeMs: 100 } };
  return and(
    state,
    { type: 'ReconfigureGrid', data },
    { type: 'ConfigureNode', data: { ...A1, weight: 1 } },
    { type: 'ActivateNode', data: { ...A1, incarnation: 1 } },
    ...links.map(create),
  );
}

/** … whose newest topology is published and stamped. */
function publish(state: GridState): GridState {
  const published = and(state, { type: 'PublishTopology', data: {} });
  return and(published, { type: 'ApplyTopology', data: { version: published.topology.version } });
}

function retire(state: GridState, version: number, at: number): GridState {
  return committed(state, decided(state, { type: 'RetireTopology', data: { version } }, at), at);
}

function linksOf(state: GridState, version = state.topology.version): readonly TopologyLink[] {
  return wholeTopology(state.topology, version)!.links;
}

describe('VLAN IDs in topologies', () => {
  it('FG-573: a topology names the IDs that its links have, by their ways', () => {
    const state = publish(grid(link({ kind: 'star', members: [A1, { cluster: 2 }] })));
    expect(linksOf(state)).toEqual([{ ...state.links.links[1]!, lan: { forward: 4_000, back: 4_001 } }]);
    expect(linksOf(publish(grid(link())))[0]!.lan).toEqual({ both: 4_000 });
    const tagged = link({ kind: 'external', members: [{ network: 3 }, { cluster: 3 }], vlans: [7] });
    expect(linksOf(publish(grid(tagged)))[0]).toEqual(tagged);
  });

  it('FG-573: a link that gets its IDs later is in a new topology, and an ID of another purpose makes none', () => {
    const bare = committed(grid(), [{ type: 'VirtualLinkCreated', v: 1, data: link() }]);
    const before = publish(bare);
    expect(linksOf(before)[0]).toEqual(link());
    const after = publish(and(before, change(link())));
    expect(after.topology.version).toBe(before.topology.version + 1);
    expect(linksOf(after)[0]!.lan).toEqual({ both: 4_000 });
    expect(linksOf(after, before.topology.version)[0]!.lan).toBeUndefined();
    const given = and(after, { type: 'AllocateVlan', data: { link: 1, cluster: 2, direction: 'transmit' } });
    expect(decided(given, { type: 'PublishTopology', data: {} })).toEqual([]);
  });

  it('FG-574: an ID that a live topology names is nobody else’s, and rests from the retirement of the last one on', () => {
    const first = publish(grid(link(), link({ id: 2 })));
    const second = publish(and(first, remove(1)));
    expect(second.links.resting).toEqual({ 4000: HELD });
    expect(refused(second, link({ id: 3 }), NOW + 1_000_000)).toBe(
      'none-free: link VN-3 needs 1 VLAN ID of 4000–4001: 0 are free, and 0 rest for 200 ms, and flows of live topologies ' +
        'go by 1 (delete links, wait, or give the grid a larger block with "vlans")',
    );
    // A topology between names it no more, and goes first.
    const third = publish(and(second, { type: 'ConfigureNode', data: { ...A1, weight: 2 } }));
    const between = retire(third, second.topology.version, NOW + 500);
    expect(between.links.resting).toEqual({ 4000: HELD });
    const last = retire(between, first.topology.version, NOW + 700);
    expect(last.links.resting).toEqual({ 4000: NOW + 700 });
    expect(refused(last, link({ id: 3 }), NOW + 899)).toContain('none-free');
    expect(refused(last, link({ id: 3 }), NOW + 900)).toBeUndefined();
  });

  it('FG-574: an ID that no topology ever named rests from its release on', () => {
    const released = and(publish(grid()), create(link()), remove(1));
    expect(released.links.resting).toEqual({ 4000: NOW });
  });

  it('FG-575: the LAN switch goes on with a link that was deleted, or joined others, while flows go by it', () => {
    const port = { name: 'b', nodes: [{ cluster: 2, node: 1 }] };
    const tagged = (state: GridState): readonly number[] => lanPlan(lanInUse(state), [port]).ports[0]!.tagged;
    const first = publish(grid(link(), link({ id: 2 })));
    expect(tagged(first)).toEqual([4_000, 4_001]);
    const moved = link({ id: 2, members: [{ cluster: 1 }, { cluster: 3 }] });
    const second = publish(and(first, remove(1), change(moved)));
    expect(tagged(second)).toEqual([4_000, 4_001]);
    expect(lanPlan(lanInUse(second), [port]).shared).toEqual([]);
    expect(tagged(retire(second, first.topology.version, NOW))).toEqual([]);
  });
});
