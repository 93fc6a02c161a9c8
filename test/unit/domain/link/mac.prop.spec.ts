import fc from 'fast-check';
import { macOf, macText } from '../../../../dataplane/descriptor/node-table';
import { clusterOf, nodeOf, nodeRef } from '../../../../domain/base/ids';
import { BROADCAST_MAC, linkMac, linkMacs, nicMac, parseGridMac, routerMac } from '../../../../domain/link/mac';
import type { VirtualLink } from '../../../../domain/topology/topology';
import { and } from '../given';
import { link, linkGrid } from './link-grid';

const clusters = fc.integer({ min: 1, max: 255 });
const nodes = fc.integer({ min: 1, max: 127 });
const vlans = fc.integer({ min: 1, max: 4_094 });

const A1 = { cluster: 1, node: 1 };
const B = { cluster: 2 };

describe('MAC addresses of the grid', () => {
  it("FG-486: a node's is the one that the dataplane sends from, and is read back", () => {
    fc.assert(
      fc.property(clusters, nodes, (cluster, node) => {
        const mac = nicMac(cluster, node);
        const ref = nodeRef(cluster, node);
        expect(mac).toBe(macText(macOf(ref)));
        expect(parseGridMac(mac)).toEqual({ type: 'nic', cluster: clusterOf(ref), node: nodeOf(ref) });
      }),
      { seed: 1 },
    );
  });

  it("FG-486: a link's is made of cluster and VLAN ID, is read back, and is nobody else's", () => {
    const taken = new Map<string, string>();
    fc.assert(
      fc.property(clusters, vlans, nodes, (cluster, vlan, node) => {
        const mac = linkMac(cluster, vlan);
        expect(parseGridMac(mac.toUpperCase())).toEqual({ type: 'link', cluster, vlan });
        for (const [each, whose] of [
          [mac, `${cluster} on ${vlan}`],
          [nicMac(cluster, node), `${cluster}-${node}`],
        ] as const) {
          expect(taken.get(each) ?? whose).toBe(whose);
          taken.set(each, whose);
          // Unicast, and of no vendor.
          expect(Number.parseInt(each.slice(0, 2), 16) & 3).toBe(2);
        }
      }),
      { seed: 2, numRuns: 1_000 },
    );
    expect(linkMac(4, 2_048)).toBe('02:f1:60:04:08:00');
  });

  it('FG-486: whatever is no address of the grid is read as none', () => {
    const texts = fc.oneof(
      fc.string(),
      fc.uint8Array({ minLength: 6, maxLength: 6 }).map((bytes) => macText(bytes)),
      fc.uint8Array({ minLength: 3, maxLength: 3 }).map((bytes) => macText(Uint8Array.of(0x02, 0xf1, 0x60, ...bytes))),
    );
    fc.assert(
      fc.property(texts, (text) => {
        const read = parseGridMac(text);
        if (read === undefined) return;
        if (read.type === 'broadcast') expect(text).toBe(BROADCAST_MAC);
        else if (read.type === 'nic') expect(nicMac(read.cluster, read.node)).toBe(text);
        else if (read.type === 'router') expect(routerMac(read.cluster, read.network)).toBe(text);
        else expect(linkMac(read.cluster, read.vlan)).toBe(text);
      }),
      { seed: 3, numRuns: 2_000 },
    );
    for (const none of [
      '02:f1:60:00:00:01',
      '02:f1:60:00:01:80',
      '02:f1:60:01:00:00',
      '02:f1:60:01:0f:ff',
      '02:f1:60:01:ff:00',
      '',
    ]) {
      expect(parseGridMac(none)).toBeUndefined();
    }
    expect(parseGridMac(BROADCAST_MAC)).toEqual({ type: 'broadcast' });
  });

  it.each([
    ['cluster ID 0', () => linkMac(0, 1)],
    ['cluster ID 256', () => nicMac(256, 1)],
    ['VLAN ID 4095', () => linkMac(1, 4_095)],
    ['node ID 128', () => nicMac(1, 128)],
    ['VLAN ID 1.5', () => linkMac(1, 1.5)],
  ])('FG-486: %s has no place in one', (what, make) => {
    expect(make).toThrow(`${what} has no place in a MAC address`);
  });

  it('FG-487: interfaces on virtual hubs have addresses of their own, and on no other link', () => {
    const macsOf = (parts: Partial<VirtualLink>): unknown => {
      const data = link(parts);
      const state = and(linkGrid(), { type: 'CreateVirtualLink', data });
      return linkMacs(data, Object.values(state.links.vlans));
    };
    const both = [
      { cluster: 1, mac: '02:f1:60:01:08:00' },
      { cluster: 2, mac: '02:f1:60:02:08:00' },
    ];
    expect(macsOf({ kind: 'hub', members: [B, A1, { cluster: 2, node: 1, promiscuous: true }] })).toEqual(both);
    expect(macsOf({ kind: 'star', members: [A1, B], hub: true })).toEqual(both);
    expect(macsOf({ kind: 'star', members: [A1, B] })).toEqual([]);
    expect(macsOf({ kind: 'switch' })).toEqual([]);
    expect(macsOf({ kind: 'external', members: [{ network: 1 }, A1] })).toEqual([]);
    // Of a link that was recorded without VLAN IDs nothing can be made.
    expect(linkMacs(link({ kind: 'hub' }), [])).toEqual([]);
  });
});
