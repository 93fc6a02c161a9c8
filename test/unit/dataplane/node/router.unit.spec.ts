import { nodeRef } from '../../../../domain/base/ids';
import type { VirtualLink } from '../../../../domain/topology/topology';
import {
  arpFrame,
  during,
  discoveryFrame,
  EAST,
  ipFrame,
  MAC_OF,
  NORTH,
  datagram,
  macText,
  routerGrid,
  send,
  WEST,
} from './router-grid';
import { expectSound } from './sound';
import type { TestGrid } from './test-grid';

const CLIENT = { mac: '02:00:00:00:00:11', ip: '10.1.0.11' };
const SERVER = { mac: '02:00:00:00:00:22', ip: '10.2.0.22' };
const NORTHERN = { mac: '02:00:00:00:00:fe', ip: '10.3.0.254' };

const question = (more: Partial<Parameters<typeof ipFrame>[0]> = {}): Uint8Array =>
  ipFrame({ from: CLIENT.ip, to: SERVER.ip, fromMac: CLIENT.mac, toMac: MAC_OF[WEST]!, ...more });

const answer = (more: Partial<Parameters<typeof ipFrame>[0]> = {}): Uint8Array =>
  ipFrame({
    from: SERVER.ip,
    to: CLIENT.ip,
    fromMac: SERVER.mac,
    toMac: MAC_OF[EAST]!,
    body: datagram(53, 4000),
    ...more,
  });

/** The neighbours on both sides are known, as after their first packets. */
function acquaint(g: TestGrid): void {
  send(g, WEST, arpFrame(1, CLIENT, { mac: '', ip: '10.1.0.1' }));
  send(g, EAST, arpFrame(1, SERVER, { mac: '', ip: '10.2.0.1' }));
  send(g, NORTH, arpFrame(1, NORTHERN, { mac: '', ip: '10.3.0.1' }));
}

const u8 = (bytes: Uint8Array, ...at: number[]): number[] => at.map((each) => bytes[each]!);
const plain = (left: readonly { network: number; bytes: Uint8Array }[]): { network: number; bytes: string }[] =>
  left.map(({ network, bytes }) => ({ network, bytes: Buffer.from(bytes).toString('hex') }));
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe('packets between layer-3 networks', () => {
  test('FG-591: leave with a hop less, a right checksum, from the router to the next hop, whom it asks for first', () => {
    const g = routerGrid();
    const asked = send(g, WEST, question());
    const request = arpFrame(1, { mac: MAC_OF[EAST]!, ip: '10.2.0.1' }, { mac: '', ip: SERVER.ip });
    expect(plain(asked)).toEqual([{ network: EAST, bytes: hex(request) }]);
    const released = send(g, EAST, arpFrame(2, SERVER, { mac: MAC_OF[EAST]!, ip: '10.2.0.1' }));
    const routed = question({ fromMac: MAC_OF[EAST]!, toMac: SERVER.mac, hops: 63 });
    expect(plain(released)).toEqual([{ network: EAST, bytes: hex(routed) }]);
    send(g, WEST, arpFrame(1, CLIENT, { mac: '', ip: '10.1.0.1' }));
    const back = answer({ fromMac: MAC_OF[WEST]!, toMac: CLIENT.mac, hops: 63 });
    expect(plain(send(g, EAST, answer()))).toEqual([{ network: WEST, bytes: hex(back) }]);
    expect(g.allEvents().filter(({ type }) => type === 'FlowStarted')).toHaveLength(2);
    expectSound(g);
  });

  test('FG-592: the longest prefix says by which network and to whom, on the paths of the policy that lead there', () => {
    const g = routerGrid();
    acquaint(g);
    send(g, EAST, arpFrame(1, { mac: '02:00:00:00:00:77', ip: '10.2.0.254' }, { mac: '', ip: '10.2.0.1' }));
    const towards = (to: string): [number, string][] =>
      send(g, WEST, question({ to })).map(({ network, bytes }) => [network, macText(bytes, 0)]);
    expect(towards('198.51.100.7')).toEqual([[NORTH, NORTHERN.mac]]);
    expect(towards('198.51.101.7')).toEqual([[EAST, '02:00:00:00:00:77']]);
    expect(towards(SERVER.ip)).toEqual([[EAST, SERVER.mac]]);
    const paths = g.allEvents().flatMap((each) => (each.type === 'FlowStarted' ? [[each.observedAs, each.path]] : []));
    expect(paths.filter(([as]) => as === 'ingress').map(([, path]) => path)).toEqual([2, 1, 1]);
    expect(paths.filter(([as]) => as === 'egress').map(([, path]) => path)).toEqual([2, 1, 1]);
    // Between east and north nothing is allowed by any path.
    expect(send(g, EAST, answer({ to: '10.3.0.254' }))).toEqual([]);
    expect(g.dropped('no-path')).toBe(1);
    expectSound(g);
  });

  test('FG-592: a flow that lives stays on its path when the routes change; the next one goes by the new ones', () => {
    const g = routerGrid();
    acquaint(g);
    const to = '198.51.100.7';
    expect(send(g, WEST, question({ to }))[0]!.network).toBe(NORTH);
    const routes = [
      { prefix: '198.51.100.0/25', via: SERVER.ip, network: EAST },
      { prefix: '198.51.100.0/24', via: '10.3.0.254', network: NORTH },
    ];
    const topology = { ...g.topology, version: 2, wireId: 2, routes };
    for (const group of g.groups) {
      group.install({ topology, seq: 2, hash: '', dead: [] });
      group.activate(2);
    }
    expect(send(g, WEST, question({ to }))[0]!.network).toBe(NORTH);
    expect(send(g, WEST, question({ to, body: datagram(4001) }))[0]!.network).toBe(EAST);
    // No route by the flow's network is left: it does not leave by another.
    for (const group of g.groups) {
      group.install({
        topology: { ...topology, version: 3, wireId: 3, routes: routes.slice(0, 1) },
        seq: 3,
        hash: '',
        dead: [],
      });
      group.activate(3);
    }
    expect(send(g, WEST, question({ to }))).toEqual([]);
    expect(g.dropped('no-route')).toBe(1);
    expectSound(g);
  });

  test('FG-591: of IPv6 as well, with neighbours found by solicitation, and by a next hop with a link-local address', () => {
    const g = routerGrid();
    const client = { mac: CLIENT.mac, ip: '2001:db8:1::11' };
    const packet = (to: string): Uint8Array =>
      ipFrame({ from: client.ip, to, fromMac: client.mac, toMac: MAC_OF[WEST]! });
    const [asked, ...more] = send(g, WEST, packet('2001:db8:2::22'));
    expect(more).toEqual([]);
    const own = { mac: MAC_OF[EAST]!, ip: 'fe80::f1:60ff:fe03:ff04' };
    const group = { mac: '33:33:ff:00:00:22', ip: 'ff02::1:ff00:22' };
    expect(plain([asked!])).toEqual([{ network: EAST, bytes: hex(discoveryFrame(135, own, group, '2001:db8:2::22')) }]);
    const server = { mac: SERVER.mac, ip: '2001:db8:2::22' };
    const released = send(g, EAST, discoveryFrame(136, server, own, server.ip));
    const routed = ipFrame({ from: client.ip, to: server.ip, fromMac: MAC_OF[EAST]!, toMac: SERVER.mac, hops: 63 });
    expect(plain(released)).toEqual([{ network: EAST, bytes: hex(routed) }]);
    const [next] = send(g, WEST, packet('2001:db8:9::1'));
    expect(next!.network).toBe(NORTH);
    expect(hex(next!.bytes.subarray(62, 78))).toBe('fe800000000000000000000000000254');
    const northern = { mac: NORTHERN.mac, ip: 'fe80::254' };
    const north = { mac: MAC_OF[NORTH]!, ip: 'fe80::f1:60ff:fe03:ff05' };
    const [left] = send(g, NORTH, discoveryFrame(136, northern, north, northern.ip));
    expect(macText(left!.bytes, 0)).toBe(NORTHERN.mac);
    expectSound(g);
  });

  test('FG-591: what is not for the router, or may not be routed, goes nowhere and is counted', () => {
    const g = routerGrid();
    acquaint(g);
    const broken = question();
    broken[24]! ^= 1;
    const tagged = Uint8Array.of(...question().subarray(0, 12), 0x81, 0, 0, 7, ...question().subarray(12));
    const frames = [
      question({ toMac: '02:00:00:00:00:99' }),
      question({ toMac: 'ff:ff:ff:ff:ff:ff', to: '255.255.255.255' }),
      question({ toMac: '01:00:5e:00:00:01', to: '224.0.0.1' }),
      question({ to: '224.0.0.1' }),
      question({ to: '10.2.0.255' }),
      question({ to: '10.2.0.0' }),
      question({ to: '127.0.0.1' }),
      question({ from: '0.0.0.0' }),
      ipFrame({ from: 'fe80::11', to: '2001:db8:2::22', fromMac: CLIENT.mac, toMac: MAC_OF[WEST]! }),
      question().subarray(0, 30),
      broken,
      tagged,
      Uint8Array.of(...Buffer.from('0180c2000000020000000011002642420300', 'hex'), ...new Uint8Array(30)),
    ];
    for (const bytes of frames) expect(send(g, WEST, bytes)).toEqual([]);
    expect(g.dropped('not-routed')).toBe(frames.length);
    expect(g.allEvents()).toEqual([]);
    expectSound(g);
  });

  test('FG-593: a packet whose hops are used up is answered from the router, one that is an error about another is not', () => {
    const g = routerGrid();
    acquaint(g);
    const late = question({ hops: 1 });
    const [told, ...more] = send(g, WEST, late);
    expect(more).toEqual([]);
    expect(told!.network).toBe(WEST);
    expect([macText(told!.bytes, 0), macText(told!.bytes, 6)]).toEqual([CLIENT.mac, MAC_OF[WEST]]);
    expect(u8(told!.bytes, 26, 27, 28, 29, 34, 35)).toEqual([10, 1, 0, 1, 11, 0]);
    expect(hex(told!.bytes.subarray(42))).toBe(hex(late.subarray(14)));
    const v6 = ipFrame({
      from: '2001:db8:1::11',
      to: '2001:db8:2::22',
      fromMac: CLIENT.mac,
      toMac: MAC_OF[WEST]!,
      hops: 1,
    });
    const [told6] = send(g, WEST, v6);
    expect(u8(told6!.bytes, 20, 54, 55)).toEqual([58, 3, 0]);
    expect(hex(told6!.bytes.subarray(62))).toBe(hex(v6.subarray(14)));
    const error = Uint8Array.of(3, 1, 0, 0, 0, 0, 0, 0, ...late.subarray(14, 42));
    expect(send(g, WEST, question({ hops: 1, proto: 1, body: error }))).toEqual([]);
    expect(send(g, WEST, question({ hops: 0 }))).toHaveLength(1);
    expect(g.dropped('hop-limit')).toBe(4);
    // Nobody is told more often than allowed.
    for (let i = 0; i < 80; i++) send(g, WEST, late);
    expect(g.total(({ counted }) => counted?.['timeExceeded'] ?? 0)).toBe(50);
    expectSound(g);
  });

  test('FG-593: a packet without a route is answered as it came', () => {
    const g = routerGrid();
    acquaint(g);
    const lost = question({ to: '203.0.113.9' });
    const [told] = send(g, WEST, lost);
    expect(u8(told!.bytes, 34, 35)).toEqual([3, 0]);
    expect(hex(told!.bytes.subarray(42))).toBe(hex(lost.subarray(14)));
    expect(g.dropped('no-route')).toBe(1);
    expect(g.allEvents()).toEqual([]);
    expectSound(g);
  });

  test('FG-594: nobody answers for the next hop: it is asked three times, then the sender is told through the grid', () => {
    const g = routerGrid({ middle: { failure: 'backup' } });
    acquaint(g);
    const slots = g.freeSlots();
    const lost = question({ to: '10.2.0.99' });
    expect(send(g, WEST, lost)).toHaveLength(1);
    for (let i = 0; i < 3; i++) expect(send(g, WEST, question({ to: '10.2.0.99', id: 100 + i }))).toEqual([]);
    const rest = during(g, 3_200);
    expect(rest.map(({ network }) => network)).toEqual([EAST, EAST, WEST, WEST, WEST, WEST]);
    const told = rest.at(2)!;
    expect([macText(told.bytes, 0), macText(told.bytes, 6)]).toEqual([CLIENT.mac, MAC_OF[WEST]]);
    expect(u8(told.bytes, 22, 26, 27, 28, 29, 34, 35)).toEqual([64, 10, 1, 0, 1, 3, 1]);
    // The packet is quoted as it would have left.
    const routed = ipFrame({ from: CLIENT.ip, to: '10.2.0.99', fromMac: CLIENT.mac, toMac: CLIENT.mac, hops: 63 });
    expect(hex(told.bytes.subarray(42))).toBe(hex(routed.subarray(14)));
    expect(g.dropped('no-neighbour')).toBe(4);
    during(g, 100);
    expect(g.freeSlots()).toBe(slots);
    expectSound(g);
  });

  test('FG-594: frames that wait leave in order, and of too many the oldest are given up', () => {
    const g = routerGrid();
    for (let id = 1; id <= 70; id++) send(g, WEST, question({ id }));
    const released = send(g, EAST, arpFrame(2, SERVER, { mac: MAC_OF[EAST]!, ip: '10.2.0.1' }));
    expect(released.map(({ bytes }) => bytes[19])).toEqual(Array.from({ length: 64 }, (_, i) => i + 7));
    expect(g.dropped('hold-budget')).toBe(6);
    expectSound(g);
  });

  test('FG-593: a fault of the way out leads back by the flow that it is about', () => {
    const g = routerGrid();
    acquaint(g);
    send(g, WEST, question());
    const quoted = question({ hops: 63 }).subarray(14);
    const error = ipFrame({
      from: SERVER.ip,
      to: CLIENT.ip,
      fromMac: SERVER.mac,
      toMac: MAC_OF[EAST]!,
      proto: 1,
      body: Uint8Array.of(3, 3, 0, 0, 0, 0, 0, 0, ...quoted),
    });
    const [left] = send(g, EAST, error);
    expect([left!.network, macText(left!.bytes, 0), left!.bytes[22]]).toEqual([WEST, CLIENT.mac, 63]);
    expect(g.allEvents().filter(({ type }) => type === 'FlowStarted')).toHaveLength(2);
    expectSound(g);
  });

  test.each(['203.0.113.7', '10.2.0.1'])(
    'FG-591: what a function makes of addresses counts: answers to %s, which it maps to, find their flow and its source',
    (mapped) => {
      const function_ = { name: 'nat', config: { inside: ['10.1.0.0/24'], addresses: [mapped] } };
      const g = routerGrid({ middle: { function: function_, failure: 'backup' } });
      acquaint(g);
      const [out] = send(g, WEST, question({ body: datagram(4000, 53) }));
      expect([out!.network, u8(out!.bytes, 22, 26, 27, 28, 29)]).toEqual([
        EAST,
        [63, ...mapped.split('.').map(Number)],
      ]);
      const port = (out!.bytes[34]! << 8) | out!.bytes[35]!;
      const source = [10, 1, 0, 11];
      const [back] = send(g, EAST, answer({ to: mapped, body: datagram(53, port) }));
      expect([back!.network, macText(back!.bytes, 0), u8(back!.bytes, 22, 30, 31, 32, 33)]).toEqual([
        WEST,
        CLIENT.mac,
        [63, ...source],
      ]);
      const error = Uint8Array.of(3, 3, 0, 0, 0, 0, 0, 0, ...out!.bytes.subarray(14));
      const [told] = send(g, EAST, answer({ to: mapped, proto: 1, body: error }));
      expect([told!.network, u8(told!.bytes, 30, 31, 32, 33, 34)]).toEqual([WEST, [...source, 3]]);
      // What answers nothing is for the router, or has no route.
      const unknown = Uint8Array.from(error);
      unknown[8 + 20]! ^= 1;
      const strange = [
        answer({ to: mapped, proto: 6, body: new Uint8Array(20) }),
        answer({ to: mapped, proto: 1, body: unknown }),
      ];
      for (const bytes of strange) expect(send(g, EAST, bytes).filter(({ network }) => network === WEST)).toEqual([]);
    },
  );

  test('FG-593: what does not fit through a narrow link is told by the router, with the packet as it came', () => {
    const link = (id: number, a: number, b: number): VirtualLink => ({
      id,
      name: `VN-${id}`,
      kind: 'switch',
      members: [{ cluster: a }, { cluster: b }],
      control: false,
      mtu: 9000,
    });
    const g = routerGrid({ more: { links: [link(1, 1, 2), { ...link(2, 2, 3), mtu: 1400, narrow: true }] } });
    acquaint(g);
    const big = question({ body: datagram(4000, 53, 'x'.repeat(1400)) });
    const [told] = send(g, WEST, big);
    expect([told!.network, u8(told!.bytes, 26, 27, 28, 29, 34, 35)]).toEqual([WEST, [10, 1, 0, 1, 3, 4]]);
    expect([macText(told!.bytes, 0), macText(told!.bytes, 6)]).toEqual([CLIENT.mac, MAC_OF[WEST]]);
    expect(hex(told!.bytes.subarray(42))).toBe(hex(big.subarray(14, 14 + 548)));
    const [fits] = send(g, WEST, question({ body: datagram(4000, 53, 'x'.repeat(1300)) }));
    expect(fits!.network).toBe(EAST);
    expectSound(g);
  });

  test('FG-592: a flood is routed by the same prefixes, without entries, and so are its answers', () => {
    const g = routerGrid({ more: { flood: { newFlowsPerSecond: 1, flowsPerNode: 1000 } } });
    acquaint(g);
    for (let port = 1; port <= 40; port++) {
      const to = port % 2 === 0 ? SERVER.ip : '198.51.100.7';
      const [left] = send(g, WEST, question({ to, body: datagram(5000 + port) }));
      expect([port, left?.network]).toEqual([port, port % 2 === 0 ? EAST : NORTH]);
      if (port % 2 === 0) {
        const [back] = send(g, EAST, answer({ body: datagram(53, 5000 + port) }));
        expect([port, back?.network]).toEqual([port, WEST]);
      }
    }
    expect(g.total(({ flooded }) => flooded)).toBeGreaterThan(20);
    expectSound(g);
  });
});

describe('the router itself', () => {
  test('FG-595: answers ARP for its address on that network alone, and to nobody twice', () => {
    const g = routerGrid();
    const [reply, ...more] = send(g, WEST, arpFrame(1, CLIENT, { mac: '', ip: '10.1.0.1' }));
    expect(more).toEqual([]);
    const own = { mac: MAC_OF[WEST]!, ip: '10.1.0.1' };
    expect(plain([reply!])).toEqual([{ network: WEST, bytes: hex(arpFrame(2, own, CLIENT)) }]);
    for (const ip of ['10.1.0.2', '10.2.0.1', CLIENT.ip]) {
      expect(send(g, WEST, arpFrame(1, CLIENT, { mac: '', ip }))).toEqual([]);
    }
    // A probe for a duplicate (RFC 5227) is answered, and tells nothing.
    expect(send(g, WEST, arpFrame(1, { mac: CLIENT.mac, ip: '0.0.0.0' }, { mac: '', ip: '10.1.0.1' }))).toHaveLength(1);
    expect(g.total(({ counted }) => counted?.['arpAnswered'] ?? 0)).toBe(2);
    send(g, WEST, arpFrame(2, { mac: '02:00:00:00:00:66', ip: '10.1.0.1' }, { mac: '', ip: '10.1.0.1' }));
    expect(g.total(({ counted }) => counted?.['addressConflicts'] ?? 0)).toBe(1);
    expectSound(g);
  });

  test('FG-595: answers solicitations for its addresses, the link-local one too, and those of who checks for a duplicate', () => {
    const g = routerGrid();
    const client = { mac: CLIENT.mac, ip: '2001:db8:1::11' };
    const group = { mac: '33:33:ff:00:00:01', ip: 'ff02::1:ff00:1' };
    const own = { mac: MAC_OF[WEST]!, ip: '2001:db8:1::1' };
    const [reply] = send(g, WEST, discoveryFrame(135, client, group, own.ip));
    expect(plain([reply!])).toEqual([{ network: WEST, bytes: hex(discoveryFrame(136, own, client, own.ip, 0xe0)) }]);
    const local = 'fe80::f1:60ff:fe01:ff01';
    const unicast = send(g, WEST, discoveryFrame(135, client, { mac: MAC_OF[WEST]!, ip: local }, local));
    expect(plain(unicast)).toEqual([
      { network: WEST, bytes: hex(discoveryFrame(136, { mac: MAC_OF[WEST]!, ip: local }, client, local, 0xe0)) },
    ]);
    expect(send(g, WEST, discoveryFrame(135, client, group, '2001:db8:1::2'))).toEqual([]);
    const probe = Uint8Array.of(135, 0, 0, 0, 0, 0, 0, 0, ...Buffer.from('20010db8000100000000000000000001', 'hex'));
    const duplicate = ipFrame({
      from: '::',
      to: group.ip,
      fromMac: CLIENT.mac,
      toMac: group.mac,
      proto: 58,
      hops: 255,
      body: probe,
    });
    const [toAll] = send(g, WEST, duplicate);
    expect([macText(toAll!.bytes, 0), toAll!.bytes[58]]).toEqual(['33:33:00:00:00:01', 0xa0]);
    expectSound(g);
  });

  test('FG-595: answers echo requests to any of its addresses, and datagrams with that nobody takes them', () => {
    const g = routerGrid();
    const ping = Uint8Array.of(8, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7);
    const [reply] = send(g, WEST, question({ to: '10.2.0.1', proto: 1, body: ping, hops: 1 }));
    const back = { from: '10.2.0.1', to: CLIENT.ip, fromMac: MAC_OF[WEST]!, toMac: CLIENT.mac, proto: 1 };
    const pong = Uint8Array.of(0, ...ping.subarray(1));
    expect(plain([reply!])).toEqual([{ network: WEST, bytes: hex(ipFrame({ ...back, body: pong })) }]);
    const ping6 = Uint8Array.of(128, 0, 0, 0, 1, 2, 3, 4);
    const [reply6] = send(
      g,
      WEST,
      ipFrame({
        from: '2001:db8:1::11',
        to: '2001:db8:1::1',
        fromMac: CLIENT.mac,
        toMac: MAC_OF[WEST]!,
        proto: 58,
        body: ping6,
      }),
    );
    expect(reply6!.bytes[54]).toBe(129);
    const [refused] = send(g, WEST, question({ to: '10.1.0.1' }));
    expect(u8(refused!.bytes, 34, 35)).toEqual([3, 3]);
    expect(send(g, WEST, question({ to: '10.1.0.1', proto: 6, body: new Uint8Array(20) }))).toEqual([]);
    expect(g.dropped('not-routed')).toBe(2);
    expectSound(g);
  });

  test('FG-596: who has not been heard for long is asked whether he is there, by his own address, and then forgotten', () => {
    const g = routerGrid();
    acquaint(g);
    send(g, WEST, question());
    // Learnt from a request: it is used, and asked five seconds later; it answers.
    expect(during(g, 4_800)).toEqual([]);
    const [probe] = during(g, 500);
    const request = arpFrame(1, { mac: MAC_OF[EAST]!, ip: '10.2.0.1' }, SERVER);
    expect(plain([probe!])).toEqual([{ network: EAST, bytes: hex(request) }]);
    send(g, EAST, arpFrame(2, SERVER, { mac: MAC_OF[EAST]!, ip: '10.2.0.1' }));
    expect(during(g, 31_000)).toEqual([]);
    // It is used again, and gone: frames are sent to where it was until that is known.
    expect(send(g, WEST, question())[0]!.network).toBe(EAST);
    const probes = during(g, 9_000);
    expect(probes.map(({ bytes }) => macText(bytes, 0))).toEqual([SERVER.mac, SERVER.mac, SERVER.mac]);
    expect(send(g, WEST, question()).map(({ bytes }) => macText(bytes, 0))).toEqual(['ff:ff:ff:ff:ff:ff']);
    expectSound(g);
  });

  test('FG-596: a neighbour that moves to another MAC address is followed', () => {
    const g = routerGrid();
    acquaint(g);
    send(g, WEST, question());
    send(g, EAST, arpFrame(1, { mac: '02:00:00:00:00:23', ip: SERVER.ip }, { mac: '', ip: SERVER.ip }));
    expect(macText(send(g, WEST, question())[0]!.bytes, 0)).toBe('02:00:00:00:00:23');
    // One whom nobody asked, and whom nothing was sent to, is not put down.
    send(g, EAST, arpFrame(2, { mac: '02:00:00:00:00:31', ip: '10.2.0.31' }, { mac: MAC_OF[EAST]!, ip: '10.2.0.1' }));
    expect(macText(send(g, WEST, question({ to: '10.2.0.31' }))[0]!.bytes, 0)).toBe('ff:ff:ff:ff:ff:ff');
    // Nor is one whose address is not of the network.
    send(g, EAST, arpFrame(1, { mac: '02:00:00:00:00:31', ip: '10.3.0.31' }, { mac: '', ip: '10.2.0.1' }));
    expect(g.total(({ counted }) => counted?.['neighboursAsked'] ?? 0)).toBe(1);
    expectSound(g);
  });
});

describe('several INODEs on a layer-3 network', () => {
  const both = (n: number): { mac: string; ip: string } => ({
    mac: `02:00:00:00:01:${10 + n}`,
    ip: `10.2.0.${100 + n}`,
  });

  test('FG-597: an answer serves whoever asked, whichever of them it reaches', () => {
    const g = routerGrid({ inodes: 3 });
    for (let n = 0; n < 12; n++) {
      const asked = send(g, WEST, question({ to: both(n).ip, body: datagram(6000 + n) }));
      expect(asked.map(({ network }) => network)).toEqual([EAST]);
      const left = send(g, EAST, arpFrame(2, both(n), { mac: MAC_OF[EAST]!, ip: '10.2.0.1' }));
      expect(left.map(({ bytes }) => macText(bytes, 0))).toEqual([both(n).mac]);
      // The others know, too.
      const more = [1, 2, 3].flatMap((port) =>
        send(g, WEST, question({ to: both(n).ip, body: datagram(7000 + port) })),
      );
      expect(more.map(({ bytes }) => macText(bytes, 0))).toEqual([both(n).mac, both(n).mac, both(n).mac]);
    }
    expectSound(g);
  });

  test('FG-597: when one dies the lowest of the others says where the router is now, and its flows go on', () => {
    const g = routerGrid({ inodes: 3 });
    acquaint(g);
    for (let port = 0; port < 30; port++) send(g, WEST, question({ body: datagram(8000 + port) }));
    g.kill(nodeRef(3, 1));
    const said = during(g, 100);
    const gratuitous = (network: number, ip: string): string => {
      const own = { mac: MAC_OF[network]!, ip };
      return hex(arpFrame(1, own, { mac: '', ip }));
    };
    const told = plain(said);
    expect(told).toContainEqual({ network: EAST, bytes: gratuitous(EAST, '10.2.0.1') });
    expect(told).toContainEqual({ network: NORTH, bytes: gratuitous(NORTH, '10.3.0.1') });
    const advertised = said.filter(({ bytes }) => bytes[12] === 0x86);
    expect(advertised.map(({ network, bytes }) => [network, macText(bytes, 0), bytes[54]])).toEqual([
      [EAST, '33:33:00:00:00:01', 136],
      [EAST, '33:33:00:00:00:01', 136],
      [NORTH, '33:33:00:00:00:01', 136],
      [NORTH, '33:33:00:00:00:01', 136],
    ]);
    expect(said).toHaveLength(6);
    for (let port = 0; port < 30; port++) {
      const left = send(g, WEST, question({ body: datagram(8000 + port) }));
      expect(left.map(({ network, bytes }) => [network, macText(bytes, 0)])).toEqual([[EAST, SERVER.mac]]);
      expect(send(g, EAST, answer({ body: datagram(53, 8000 + port) })).map(({ network }) => network)).toEqual([WEST]);
    }
  });

  test('FG-597: a node of the middle dies: the backup sends on what leaves routed once', () => {
    const g = routerGrid({ middle: { failure: 'backup' } });
    acquaint(g);
    const [left] = send(g, WEST, question());
    const primary = g.taps.find(({ kind, to }) => kind === 'sent' && to >>> 7 === 2)!.to;
    g.kill(primary);
    send(g, WEST, question({ id: 8 }));
    const late = during(g, 100);
    expect(late.map(({ network, bytes }) => [network, bytes[19], bytes[22]])).toEqual([[EAST, 8, 63]]);
    expect(left!.bytes[22]).toBe(63);
  });
});
