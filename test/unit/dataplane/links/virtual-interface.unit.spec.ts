import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { nodeRef } from '../../../../domain/base/ids';
import type { VirtualLink } from '../../../../domain/topology/topology';
import { countsOf, LINK_DROPS } from '../../../../dataplane/links/counters';
import { lanOf } from '../../../../projections/lan';
import { BROADCAST, frameOf, hexOf, tag } from '../../../support/ethernet';
import { InterfacesOnLan, nicHex, sealed } from '../../../support/interfaces-on-lan';
import { nodes } from '../../domain/link/examples';
import { and } from '../../domain/given';
import { link, linkGrid } from '../../domain/link/link-grid';

const HOST = '02000000000a';
const PEER = '02000000000b';
const GROUP = '01005e000001';
const [ONE, TWO, THREE] = [1, 2, 3].map((node) => nodeRef(1, node)) as [number, number, number];
/** The first VLAN IDs that a new grid gives. */
const [FIRST, SECOND] = [2048, 2049];

/** Nodes 1–3 of cluster 1 at ports of their own, then networks 1 (untagged) and 3 (tagged). */
function lanWith(...links: Partial<VirtualLink>[]): InterfacesOnLan {
  const bodies = links.map((parts, place) => ({
    type: 'CreateVirtualLink' as const,
    data: link({ id: place + 1, ...parts }),
  }));
  const ports = [1, 2, 3].map((node) => ({ name: `IA-${node}`, nodes: [{ cluster: 1, node }] }));
  const networks = [1, 3].map((network) => ({ name: `EN-${network}`, nodes: [], network }));
  return new InterfacesOnLan(lanOf(and(linkGrid(), ...bodies)), [...ports, ...networks]);
}

function counts(lan: InterfacesOnLan, port: number) {
  return countsOf(lan.hosts[port]!.at(0).counted);
}

/** What came by the ports: addresses and tag of each frame, in hex. */
function heads(lan: InterfacesOnLan): string[] {
  return lan.arrived.splice(0).map(({ frame }) => Buffer.from(frame.subarray(0, 16)).toString('hex'));
}

function head(to: string, from: string, vlan: number): string {
  return `${to}${from}8100${vlan.toString(16).padStart(4, '0')}`;
}

const unicast = { from: HOST, to: PEER };

describe('a virtual interface', () => {
  it('FG-501: sends from its NIC in the VLAN of its side, to the node that a frame is for', () => {
    const lan = lanWith({ kind: 'star', members: nodes(3) });
    lan.send(0, ONE, 1, frameOf(unicast), TWO);
    const [handed, ...others] = lan.settle();
    expect(heads(lan)).toEqual([1, 2].map(() => head(nicHex(TWO), nicHex(ONE), FIRST)));
    expect(Buffer.from(handed!.frame).toString('hex')).toBe(hexOf(unicast));
    expect([handed!.node, others]).toEqual([TWO, []]);
    lan.send(2, THREE, 1, frameOf(unicast), ONE);
    lan.settle();
    expect(heads(lan)).toEqual([head(nicHex(ONE), nicHex(THREE), SECOND)]);
  });

  it('FG-501: on hubs everything is for everybody by its address, and groups are told from stations all the same', () => {
    const lan = lanWith({ kind: 'hub', members: nodes(3) });
    lan.send(0, ONE, 1, frameOf({ from: HOST, to: nicHex(THREE) }));
    expect(lan.settle().map(({ node }) => node)).toEqual([THREE]);
    expect(heads(lan)).toEqual([1, 2].map(() => head(BROADCAST, nicHex(ONE), FIRST)));
    // The address that the cluster's interfaces have on the hub is that of all nodes of the cluster.
    lan.send(0, ONE, 1, frameOf({ from: HOST, to: '02f160010800' }));
    expect(lan.settle().map(({ node }) => node)).toEqual([TWO, THREE]);
    // A flow's frame names who is to have it.
    lan.send(0, ONE, 1, frameOf(unicast), TWO);
    expect(lan.settle().map(({ node, frame }) => [node, Buffer.from(frame).toString('hex')])).toEqual([
      [TWO, hexOf(unicast)],
    ]);
  });

  it('FG-501: what is for a group keeps its address, on clustered links too, where the rest is for everybody', () => {
    const lan = lanWith({ kind: 'clustered', members: nodes(2) });
    lan.send(0, ONE, 1, frameOf({ from: HOST, to: GROUP }));
    lan.send(0, ONE, 1, frameOf(unicast));
    lan.settle();
    expect(heads(lan)).toEqual([head(GROUP, nicHex(ONE), FIRST), head(BROADCAST, nicHex(ONE), FIRST)]);
  });

  it('FG-502: clustered and replicated links give a frame for one station the receiver’s own address', () => {
    const lan = lanWith(
      { kind: 'clustered', members: nodes(2) },
      { kind: 'replicated', members: nodes(3).slice(2), tap: { link: 1, direction: 'forward' } },
    );
    lan.send(0, ONE, 1, frameOf(unicast));
    lan.send(0, ONE, 1, frameOf({ from: HOST, to: GROUP }));
    const seen = lan.settle().map(({ node, frame }) => [node, Buffer.from(frame).toString('hex')]);
    expect(seen).toEqual([
      [TWO, hexOf({ from: HOST, to: nicHex(TWO) })],
      [THREE, hexOf({ from: HOST, to: nicHex(THREE) })],
      [TWO, hexOf({ from: HOST, to: GROUP })],
      [THREE, hexOf({ from: HOST, to: GROUP })],
    ]);
  });

  it('FG-503: hears its VLANs only, and no tag that is none of this LAN’s', () => {
    const lan = lanWith({ kind: 'cable', members: nodes(2) }, { kind: 'switch', members: nodes(2).slice(0, 1) });
    const frame = sealed(frameOf(unicast), ONE, TWO);
    const tagged = (...tags: Parameters<typeof tag>[]): Uint8Array => {
      const body = Buffer.from(frame);
      const inserted = tags.map((each) => {
        const { vlan, priority, type } = tag(...each);
        return Buffer.from([type >> 8, type & 255, (priority << 5) | (vlan >> 8), vlan & 255]);
      });
      return Uint8Array.from(Buffer.concat([body.subarray(0, 12), ...inserted, body.subarray(12)]));
    };
    const receive = (bytes: Uint8Array): unknown => {
      lan.deliver(1, bytes);
      return lan.settle().length;
    };
    const strange: Parameters<typeof tag>[][] = [[], [[0, 5]], [[FIRST, 0, 0x88a8]], [[SECOND]], [[2050]]];
    expect(strange.map((tags) => receive(tagged(...tags)))).toEqual([0, 0, 0, 0, 0]);
    expect(receive(tagged([FIRST]).subarray(0, 16))).toBe(0);
    expect(lan.hosts[1]!.statistics()).toEqual({ cut: 1, untagged: 3, unheard: 2 });
    // A second tag is the frame's own, which is signed.
    expect([receive(tagged([FIRST])), receive(tagged([FIRST], [7]))]).toEqual([1, 0]);
    expect([...lan.refused]).toEqual([['bad-signature', 1]]);
    expect(counts(lan, 1)).toEqual({ received: 2, delivered: 2, given: 0, sent: 0, dropped: {} });
  });

  it('FG-503: takes nothing that is its own, not from a sender’s side, or for another station, and counts each', () => {
    const lan = lanWith({ kind: 'star', members: nodes(3) });
    const on = (vlan: number, from: number, to: number): Uint8Array => {
      const bytes = Buffer.from(sealed(frameOf(unicast), from, to));
      return Uint8Array.from(
        Buffer.concat([bytes.subarray(0, 12), Buffer.from([0x81, 0, vlan >> 8, vlan & 255]), bytes.subarray(12)]),
      );
    };
    const stranger = on(FIRST, ONE, TWO);
    stranger[11] = 0x80;
    for (const bytes of [
      on(FIRST, TWO, TWO),
      on(FIRST, THREE, TWO),
      stranger,
      on(FIRST, ONE, THREE),
      on(FIRST, ONE, TWO),
    ]) {
      lan.deliver(1, bytes);
    }
    expect(lan.settle().map(({ node }) => node)).toEqual([TWO]);
    const dropped = { own: 1, 'not-a-sender': 2, 'other-station': 1 };
    expect(counts(lan, 1)).toEqual({ received: 5, delivered: 1, given: 0, sent: 0, dropped });
    expect(lan.slotsInUse).toBe(0);
  });

  it('FG-503: sends nothing where its side does not send, or that has no descriptor where one is needed', () => {
    const lan = lanWith(
      { kind: 'cable', members: nodes(2), direction: 'forward' },
      { kind: 'clustered', members: nodes(3) },
    );
    expect(lan.send(1, TWO, 1, frameOf(unicast), ONE)).toBe(false);
    expect(counts(lan, 1)).toEqual({ received: 0, delivered: 0, given: 1, sent: 0, dropped: { 'one-way': 1 } });
    expect(lan.sendRaw(0, ONE, 2, frameOf(unicast))).toBe(false);
    expect(countsOf(lan.hosts[0]!.at(1).counted).dropped).toEqual({ 'no-descriptor': 1 });
    expect(lan.slotsInUse).toBe(0);
  });

  it('FG-504: frames to and from an external link are untouched; none leaves in a VLAN that is not its operator’s', () => {
    const lan = lanWith(
      { kind: 'external', members: [{ network: 1 }, { cluster: 1, node: 1 }] },
      { kind: 'cable', members: nodes(3).slice(1) },
    );
    const own = frameOf({ ...unicast, tags: [tag(7)] });
    lan.send(0, ONE, 1, own);
    lan.settle();
    expect(lan.arrived.splice(0)).toEqual([{ port: 3, frame: own }]);
    lan.inject(3, frameOf(unicast));
    expect(lan.settle().map(({ frame }) => Buffer.from(frame).toString('hex'))).toEqual([hexOf(unicast)]);

    const state = and(linkGrid(), {
      type: 'CreateVirtualLink',
      data: link({ kind: 'external', members: [{ network: 3 }, { cluster: 3, node: 1 }], vlans: [100] }),
    });
    const ports = [
      { name: 'IC-1', nodes: [{ cluster: 3, node: 1 }] },
      { name: 'EN-3', nodes: [], network: 3 },
    ];
    const tagged = new InterfacesOnLan(lanOf(state), ports);
    const inode = nodeRef(3, 1);
    const sent = [[], [tag(FIRST)], [tag(100)], [tag(100), tag(FIRST)]].map((tags) =>
      tagged.send(0, inode, 1, frameOf({ ...unicast, tags })),
    );
    expect(sent).toEqual([false, false, true, true]);
    tagged.settle();
    expect(tagged.arrived.splice(0).map(({ frame }) => frame)).toEqual([
      frameOf({ ...unicast, tags: [tag(100)] }),
      frameOf({ ...unicast, tags: [tag(100), tag(FIRST)] }),
    ]);
    expect(counts(tagged, 0).dropped).toEqual({ 'foreign-vlan': 2 });
    tagged.inject(1, frameOf({ ...unicast, tags: [tag(100)] }));
    expect(tagged.settle().map(({ frame }) => frame)).toEqual([frameOf({ ...unicast, tags: [tag(100)] })]);
  });

  it('FG-505: nodes that share a port hear each other as the LAN would have let them', () => {
    const bodies = [
      { type: 'CreateVirtualLink' as const, data: link({ id: 1, kind: 'switch', members: nodes(3) }) },
      { type: 'CreateVirtualLink' as const, data: link({ id: 2, kind: 'star', members: nodes(3) }) },
    ];
    const ports = [
      { name: 'h1', nodes: [1, 2].map((node) => ({ cluster: 1, node })) },
      { name: 'h2', nodes: [{ cluster: 1, node: 3 }] },
    ];
    const lan = new InterfacesOnLan(lanOf(and(linkGrid(), ...bodies)), ports);
    const seenBy = (from: number, on: number, to: string): number[] => {
      lan.send(from === THREE ? 1 : 0, from, on, frameOf({ from: HOST, to }));
      return lan.settle().map(({ node }) => node);
    };
    expect([seenBy(ONE, 1, BROADCAST), seenBy(TWO, 1, BROADCAST), seenBy(THREE, 1, BROADCAST)]).toEqual([
      [TWO, THREE],
      [ONE, THREE],
      [TWO, ONE],
    ]);
    expect([seenBy(ONE, 1, nicHex(TWO)), seenBy(ONE, 2, BROADCAST), seenBy(TWO, 2, BROADCAST)]).toEqual([
      [TWO],
      [TWO, THREE],
      [ONE],
    ]);
    expect(lan.slotsInUse).toBe(0);
  });

  it('FG-506: installed again, an interface that is to stay as it is does, and others count on', () => {
    const lan = lanWith({ kind: 'switch', members: nodes(3) }, { kind: 'resilient', members: nodes(3) });
    lan.send(0, ONE, 1, frameOf({ from: HOST, to: BROADCAST }));
    lan.settle();
    const before = lan.hosts.map(({ all }) => [...all]);
    lan.change({ onStandby: new Set() });
    expect(lan.hosts.map(({ all }) => [...all])).toEqual(before);
    lan.change({ onStandby: new Set([2]) });
    const after = lan.hosts.map(({ all }) => all);
    expect(after.map((all, port) => all.map((each, place) => each === before[port]![place]))).toEqual([
      [true, false],
      [true, false],
      [true, false],
      [],
      [],
    ]);
    expect(counts(lan, 1).received).toBe(1);
    // The root hears another end now.
    lan.send(0, ONE, 2, frameOf(unicast), THREE);
    lan.change({ onStandby: new Set() });
    expect(countsOf(lan.hosts[0]!.at(1).counted).sent).toBe(1);
  });

  it('FG-503: the reference lists every reason', () => {
    const text = readFileSync(join(__dirname, '../../../../docs/reference/links.md'), 'utf8')
      .split('\n## ')
      .find((each) => each.startsWith('What interfaces'))!;
    const listed = Array.from(text.matchAll(/^\| `([\w-]+)` \|/gm), ([, name]) => name);
    expect(listed).toEqual(LINK_DROPS.slice(1));
  });
});
