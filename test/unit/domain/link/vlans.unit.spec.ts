import type { CommandBody } from '../../../../domain/commands';
import type { GridState } from '../../../../domain/grid-state';
import type { VirtualLink } from '../../../../domain/topology/topology';
import { NOW, and, committed, decided, refusal } from '../given';
import { link, linkGrid, refused } from './link-grid';

const A1 = { cluster: 1, node: 1 };
const B = { cluster: 2 };
const B1 = { cluster: 2, node: 1 };
const B2 = { cluster: 2, node: 2 };
const create = (data: VirtualLink): CommandBody => ({ type: 'CreateVirtualLink', data });
const change = (data: VirtualLink): CommandBody => ({ type: 'ChangeVirtualLink', data });
const remove = (id: number): CommandBody => ({ type: 'DeleteVirtualLink', data: { link: id } });
const external = (id: number, network: number, vlans?: readonly number[]): VirtualLink =>
  link({
    id,
    kind: 'external',
    members: [{ network }, { cluster: network === 1 ? 1 : 3 }],
    ...(vlans === undefined ? {} : { vlans }),
  });

/** The IDs that a link has, as `ID direction`. */
function held({ links }: GridState, id: number): string[] {
  return Object.values(links.vlans)
    .filter((each) => each.link === id)
    .map(({ vlan, direction }) => `${vlan} ${direction}`);
}

/** The grid with a block of two IDs and frames that live 100 ms. */
function smallBlock(first = 4000, last = 4001): GridState {
  const state = linkGrid();
  const data = { ...state.grid!, vlans: { first, last, frameLifetimeMs: 100 } };
  return and(state, { type: 'ReconfigureGrid', data });
}

const tapped = link({ id: 9, kind: 'cable', members: [A1, B1] });
const kinds: readonly (readonly [string, Partial<VirtualLink>, readonly string[]])[] = [
  ['switch', { kind: 'switch' }, ['2050 both']],
  ['hub', { kind: 'hub' }, ['2050 both']],
  ['external, untagged', external(1, 1), ['2050 both']],
  ['external, tagged', external(1, 3, [100]), []],
  ['cable', { kind: 'cable' }, ['2050 transmit', '2051 receive']],
  ['cable, one way', { kind: 'cable', direction: 'forward' }, ['2050 transmit', '2051 receive']],
  ['star', { kind: 'star', members: [A1, B] }, ['2050 transmit', '2051 receive']],
  ['resilient', { kind: 'resilient', members: [A1, B1, B2] }, ['2050 transmit', '2051 receive']],
  ['clustered', { kind: 'clustered', members: [A1, B] }, ['2050 transmit']],
  ['replicated', { kind: 'replicated', members: [B2], tap: { link: 9, direction: 'forward' } }, []],
];

describe('VLAN IDs of links', () => {
  it.each(kinds)('FG-480: a link of kind %s has its ways', (_, parts, ids) => {
    expect(held(and(linkGrid(), create(tapped), create(link(parts))), 1)).toEqual(ids);
  });

  it('FG-480: a link of another kind gives back what it needs no more, and takes the rest', () => {
    const cable = and(linkGrid(), create(link({ kind: 'cable' })));
    const clustered = and(cable, change(link({ kind: 'clustered' })));
    expect(held(clustered, 1)).toEqual(['2048 transmit']);
    expect(clustered.links.resting).toEqual({ 2049: NOW });
    // The ID that it gave back itself rests, too.
    expect(held(and(clustered, change(link({ kind: 'star' }))), 1)).toEqual(['2048 transmit', '2050 receive']);
  });

  it('FG-484: links that an earlier version recorded have none, and get theirs when they are changed or read again', () => {
    const data = link({ kind: 'cable' });
    const old = committed(linkGrid(), [{ type: 'VirtualLinkCreated', v: 1, data }]);
    expect(held(old, 1)).toEqual([]);
    expect(decided(old, change(data)).map(({ type }) => type)).toEqual(['VlanAllocated', 'VlanAllocated']);
    expect(decided(and(old, change(data)), change(data))).toEqual([]);
  });

  it('FG-482: a released ID rests for twice the lifetime of a frame; then the lowest is first again', () => {
    const both = and(smallBlock(), create(link()), create(link({ id: 2 })));
    const freed = and(both, remove(2), remove(1));
    expect(freed.links.vlans).toEqual({});
    expect(refused(freed, link({ id: 3 }), NOW + 199)).toBe(
      'none-free: link VN-3 needs 1 VLAN ID of 4000–4001: 0 are free, and 2 rest for 200 ms ' +
        '(delete links, wait, or give the grid a larger block with "vlans")',
    );
    const [, given] = decided(freed, create(link({ id: 3 })), NOW + 200);
    expect(given).toEqual({
      type: 'VlanAllocated',
      v: 1,
      data: { vlan: 4000, link: 3, cluster: 0, direction: 'both' },
    });
    const again = committed(freed, [given!], NOW + 200);
    expect(again.links.resting).toEqual({ 4001: NOW });
  });

  it('FG-483: a block without enough IDs for a link gives it none, and says so', () => {
    const state = and(smallBlock(), create(link()));
    expect(refused(state, link({ id: 2, kind: 'cable' }))).toContain('needs 2 VLAN IDs of 4000–4001: 1 is free');
    expect(refusal(state, { type: 'AllocateVlan', data: { link: 1, cluster: 2, direction: 'both' } })).toBeUndefined();
    const full = and(state, create(link({ id: 2 })));
    expect(refusal(full, { type: 'AllocateVlan', data: { link: 1, cluster: 2, direction: 'both' } })).toBe('none-free');
    expect(refusal(full, change(link({ kind: 'cable' })))).toBe('none-free');
  });

  it('FG-481: IDs that operators name stay theirs: the grid passes over them, and refuses what it has given', () => {
    const named = and(linkGrid(), create(external(1, 3, [7, 100])));
    const moved = { ...named.grid!, vlans: { first: 100, last: 200, frameLifetimeMs: 1 } };
    const state = and(named, { type: 'ReconfigureGrid', data: moved }, create(link({ id: 2 })));
    expect(state.links.links[1]!.vlans).toEqual([7, 100]);
    expect(held(state, 2)).toEqual(['101 both']);
    const away = { ...moved, vlans: { ...moved.vlans, first: 150 } };
    const past = and(state, { type: 'ReconfigureGrid', data: away });
    expect(refusal(past, change(external(1, 3, [7, 101])))).toBe('in-use');
    expect(refusal(past, change(external(1, 3, [7, 102])))).toBeUndefined();
  });

  it('FG-481: refuses an ID of the block, and one that another link of the network has, naming both', () => {
    const state = and(linkGrid(), create(external(1, 3, [100, 101])), create(external(2, 1)));
    expect(refused(state, external(3, 3, [2048]))).toContain('link VN-3: VLAN 2048 is of the block 2048–4094');
    expect(refused(state, external(3, 3, [99, 101]))).toContain("VN-3: VLAN 101 of network EN-3 is link VN-1's");
    expect(refused(state, external(3, 3))).toContain('VN-3: link VN-1 has VLANs of network EN-3 already, and it would');
    expect(refused(state, external(3, 1))).toContain('VN-3: network EN-1 is untagged, and link VN-2 joins it already');
    expect(refused(state, external(3, 3, [102]))).toBeUndefined();
    const all = and(linkGrid(), create(external(1, 3)));
    expect(refused(all, external(3, 3, [102]))).toContain('VN-3: link VN-1 has all VLANs of network EN-3 already (');
  });

  it.each([
    { first: 0, last: 10, frameLifetimeMs: 1 },
    { first: 10, last: 9, frameLifetimeMs: 1 },
    { first: 10, last: 4095, frameLifetimeMs: 1 },
    { first: 1, last: 10, frameLifetimeMs: 0 },
  ])('FG-481: a grid has no block $first–$last with a lifetime of $frameLifetimeMs ms', (vlans) => {
    const state = linkGrid();
    expect(refusal(state, { type: 'ReconfigureGrid', data: { ...state.grid!, vlans } })).toBe('invalid');
  });
});
