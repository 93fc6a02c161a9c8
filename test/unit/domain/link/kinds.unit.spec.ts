import { sidesOf } from '../../../../domain/link/sides';
import { LINK_KINDS, type VirtualLink } from '../../../../domain/topology/topology';
import { and, committed, refusal } from '../given';
import { link, linkGrid, refused } from './link-grid';

const A1 = { cluster: 1, node: 1 };
const B = { cluster: 2 };
const B1 = { cluster: 2, node: 1 };
const B2 = { cluster: 2, node: 2 };
const state = and(linkGrid(), {
  type: 'CreateVirtualLink',
  data: link({ id: 9, kind: 'cable', direction: 'forward' }),
});

const good: readonly (readonly [string, Partial<VirtualLink>])[] = [
  ['external to an untagged network', { kind: 'external', members: [{ network: 1 }, { cluster: 1 }] }],
  ['external to one of its INODEs', { kind: 'external', members: [{ network: 1 }, A1] }],
  ['external, tagged', { kind: 'external', members: [{ network: 3 }, { cluster: 3 }], vlans: [100, 101] }],
  ['external, tagged, of any VLAN', { kind: 'external', members: [{ network: 3 }, { cluster: 3 }] }],
  ['cable of clusters', { kind: 'cable' }],
  ['cable of nodes, one way', { kind: 'cable', members: [A1, B1], direction: 'backward' }],
  ['switch', { kind: 'switch', members: [B] }],
  ['hub', { kind: 'hub', members: [A1, B, { ...B2, promiscuous: true }] }],
  ['star', { kind: 'star', members: [A1, B] }],
  ['star with its root last, as a hub', { kind: 'star', members: [B1, B2, { ...A1, side: 'root' }], hub: true }],
  ['resilient', { kind: 'resilient', members: [A1, B1, B2] }],
  ['resilient, its primary comes back', { kind: 'resilient', members: [A1, B1, B2], restoreMs: 1_000 }],
  ['resilient with sides', { kind: 'resilient', members: [{ ...B2, side: 'standby' }, A1, B1] }],
  ['clustered', { kind: 'clustered', members: [A1, B] }],
  ['replicated', { kind: 'replicated', members: [B2], tap: { link: 9, direction: 'forward' } }],
];

const bad: readonly (readonly [string, Partial<VirtualLink>])[] = [
  ['invalid: link VN-1: an external link joins one network, not 0', { kind: 'external' }],
  ['invalid: link VN-1: IC is not of IA', { kind: 'external', members: [{ network: 1 }, { cluster: 3 }] }],
  ['invalid: link VN-1: network EN-1 is untagged', { kind: 'external', members: [{ network: 1 }, A1], vlans: [5] }],
  [
    'invalid: link VN-1: VLAN ID 4095 is not in 1–4094',
    { kind: 'external', members: [{ network: 3 }, { cluster: 3 }], vlans: [4095] },
  ],
  [
    'invalid: link VN-1: a VLAN ID is named twice',
    { kind: 'external', members: [{ network: 3 }, { cluster: 3 }], vlans: [5, 5] },
  ],
  ['invalid: link VN-1: a cable link joins exactly two ends, not 3', { kind: 'cable', members: [A1, B1, B2] }],
  ['invalid: link VN-1: AB-1 is a member by AB too', { kind: 'cable', members: [B, B1] }],
  ['invalid: link VN-1: AB-1 is a member twice', { kind: 'cable', members: [B1, B1] }],
  ['invalid: link VN-1: EN-1 is a network', { kind: 'switch', members: [{ network: 1 }, B] }],
  ['invalid: link VN-1: AB-128: node IDs are 1–127', { kind: 'switch', members: [{ cluster: 2, node: 128 }] }],
  [
    'invalid: link VN-1: AB can be promiscuous on a hub only',
    { kind: 'switch', members: [{ ...B, promiscuous: true }] },
  ],
  ['invalid: link VN-1: AB cannot be the root of a hub link', { kind: 'hub', members: [{ ...B, side: 'root' }] }],
  [
    'invalid: link VN-1: AB-1 cannot be the standby of a star link: sides are root, leaf',
    { kind: 'star', members: [A1, { ...B1, side: 'standby' }] },
  ],
  [
    'invalid: link VN-1: a star link has one root, not 2',
    {
      kind: 'star',
      members: [
        { ...A1, side: 'root' },
        { ...B1, side: 'root' },
      ],
    },
  ],
  [
    'invalid: link VN-1: a star link has one root, not 0',
    {
      kind: 'star',
      members: [
        { ...A1, side: 'leaf' },
        { ...B1, side: 'leaf' },
      ],
    },
  ],
  ['invalid: link VN-1: a resilient link joins exactly three nodes', { kind: 'resilient', members: [A1, B1] }],
  [
    'invalid: link VN-1: restoreMs -1 is not in 0–86400000',
    { kind: 'resilient', members: [A1, B1, B2], restoreMs: -1 },
  ],
  ['invalid: link VN-1: a star link has no "restoreMs"', { kind: 'star', members: [A1, B], restoreMs: 5 }],
  [
    'invalid: link VN-1: AB is a cluster',
    { kind: 'resilient', members: [A1, B1, { cluster: 3, node: 1 }].map((each, i) => (i === 1 ? B : each)) },
  ],
  ['invalid: link VN-1: a clustered link has no "direction"', { kind: 'clustered', direction: 'both' }],
  ['invalid: link VN-1: a cable link has no "hub"', { kind: 'cable', hub: true }],
  ['invalid: link VN-1: a replicated link listens to a link, and none is named', { kind: 'replicated', members: [B2] }],
  [
    'not-found: link VN-1: there is no link 77',
    { kind: 'replicated', members: [B2], tap: { link: 77, direction: 'forward' } },
  ],
  [
    'invalid: link VN-1: no frame goes backward on VN-9',
    { kind: 'replicated', members: [B2], tap: { link: 9, direction: 'backward' } },
  ],
  ['not-found: link VN-1: there is no cluster 99', { members: [{ cluster: 99 }] }],
];

describe('kinds of links', () => {
  it.each(good)('FG-460: takes %s', (_, parts) => {
    expect(refused(state, link(parts))).toBeUndefined();
  });

  it.each(bad)('FG-460: refuses, %s', (message, parts) => {
    expect(refused(state, link(parts))).toContain(message);
    expect(refused(state, link(parts))).toMatch(/\(.+\)$/);
  });

  it('FG-460: names every kind above', () => {
    expect(new Set(good.map(([, { kind }]) => kind))).toEqual(new Set(LINK_KINDS));
  });

  it('FG-461: gives the members of links that were recorded without sides some, by their place', () => {
    const star = link({ kind: 'star', members: [A1, B1, B2] });
    expect(sidesOf(star)).toEqual(['root', 'leaf', 'leaf']);
    expect(sidesOf({ ...star, kind: 'resilient' })).toEqual(['root', 'primary', 'standby']);
    expect(sidesOf({ ...star, members: [B1, { ...A1, side: 'root' }, B2] })).toEqual(['leaf', 'root', 'leaf']);
    // What an earlier version took is folded as it is, and stays until it is changed.
    const odd = link({ kind: 'cable', members: [A1, B1, B2] });
    const old = committed(linkGrid(), [{ type: 'VirtualLinkCreated', v: 1, data: odd }]);
    expect(old.links.links[1]).toEqual(odd);
    expect(sidesOf(odd)).toEqual(['first', 'second', 'second']);
    expect(refusal(old, { type: 'ChangeVirtualLink', data: { ...odd, mtu: 8_000 } })).toBe('invalid');
    expect(refusal(old, { type: 'DeleteVirtualLink', data: { link: 1 } })).toBeUndefined();
  });

  it('FG-473: keeps a link, and the direction of it, that another listens to', () => {
    const tapped = and(state, {
      type: 'CreateVirtualLink',
      data: link({ kind: 'replicated', members: [B2], tap: { link: 9, direction: 'forward' } }),
    });
    const cable = link({ id: 9, kind: 'cable' });
    expect(refusal(tapped, { type: 'DeleteVirtualLink', data: { link: 9 } })).toBe('in-use');
    expect(refusal(tapped, { type: 'ChangeVirtualLink', data: { ...cable, kind: 'switch' } })).toBe('in-use');
    expect(refusal(tapped, { type: 'ChangeVirtualLink', data: { ...cable, direction: 'backward' } })).toBe('in-use');
    expect(refusal(tapped, { type: 'ChangeVirtualLink', data: cable })).toBeUndefined();
    const without = and(tapped, { type: 'DeleteVirtualLink', data: { link: 1 } });
    expect(refusal(without, { type: 'DeleteVirtualLink', data: { link: 9 } })).toBeUndefined();
  });
});
