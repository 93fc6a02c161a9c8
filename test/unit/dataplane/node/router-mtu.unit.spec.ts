import { createChecker } from '../../../../projections/verdicts';
import { payload, put16, tcpPacket } from '../mtu/packets';
import { ACK, SYN } from './frames';
import {
  addressBytes,
  arpFrame,
  datagram,
  during,
  EAST,
  ipFrame,
  macBytes,
  MAC_OF,
  macText,
  NORTH,
  routerGrid,
  send,
  WEST,
  type RouterGridOptions,
} from './router-grid';
import { expectSound } from './sound';
import type { Left, TestGrid } from './test-grid';

const CLIENT = { mac: '02:00:00:00:00:11', ip: '10.1.0.11', ip6: '2001:db8:1::11' };
const SERVER = { mac: '02:00:00:00:00:22', ip: '10.2.0.22', ip6: '2001:db8:2::22' };
const NORTHERN = { mac: '02:00:00:00:00:fe', ip: '10.3.0.254' };
/** Packets of 9000 bytes come from west; east takes 1500 of them, north 1400. */
const MTUS = { [WEST]: 9000, [EAST]: 1500, [NORTH]: 1400 };

type Packet = Partial<Parameters<typeof ipFrame>[0]>;

/** An IP packet of so many bytes from west to east. */
function question(bytes: number, more: Packet = {}): Uint8Array {
  const header = (more.from ?? CLIENT.ip).includes(':') ? 48 : 28;
  const body = Uint8Array.of(...datagram(4000, 53, '').subarray(0, 4), 0, 0, 0, 0, ...payload(bytes - header));
  put16(body, 4, body.length);
  return ipFrame({ from: CLIENT.ip, to: SERVER.ip, fromMac: CLIENT.mac, toMac: MAC_OF[WEST]!, body, ...more });
}

function answer(bytes: number, more: Packet = {}): Uint8Array {
  const body = Uint8Array.of(...datagram(53, 4000, '').subarray(0, 4), 0, 0, 0, 0, ...payload(bytes - 28));
  put16(body, 4, body.length);
  return ipFrame({ from: SERVER.ip, to: CLIENT.ip, fromMac: SERVER.mac, toMac: MAC_OF[EAST]!, body, ...more });
}

/** A grid whose neighbours are known. */
function grid(options: RouterGridOptions = { mtus: MTUS }): TestGrid {
  const g = routerGrid(options);
  send(g, WEST, arpFrame(1, CLIENT, { mac: '', ip: '10.1.0.1' }));
  send(g, EAST, arpFrame(1, SERVER, { mac: '', ip: '10.2.0.1' }));
  send(g, NORTH, arpFrame(1, NORTHERN, { mac: '', ip: '10.3.0.1' }));
  return g;
}

const u16 = (bytes: Uint8Array, at: number): number => (bytes[at]! << 8) | bytes[at + 1]!;
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const counted = (g: TestGrid): number[] => [
  g.total(({ tooBigAnswered }) => tooBigAnswered),
  g.total(({ fragmented }) => fragmented),
  g.dropped('link-mtu'),
];

/** That a frame is the router's error about a packet, "too big" for `mtu`, on the network that the packet came from. */
function expectTold(told: Left | undefined, about: Uint8Array, network: number, from: string, mtu: number): void {
  const { bytes } = told!;
  expect([told!.network, macText(bytes, 0), macText(bytes, 6)]).toEqual([network, macText(about, 6), MAC_OF[network]]);
  if (from.includes(':')) {
    expect(hex(bytes.subarray(22, 38))).toBe(hex(addressBytes(from)));
    expect([bytes[54], bytes[55], u16(bytes, 58), u16(bytes, 60)]).toEqual([2, 0, 0, mtu]);
    expect(hex(bytes.subarray(62))).toBe(hex(about.subarray(14, 14 + 1232)));
    return;
  }
  expect(hex(bytes.subarray(26, 30))).toBe(hex(addressBytes(from)));
  expect([bytes[34], bytes[35], u16(bytes, 40)]).toEqual([3, 4, mtu]);
  expect(hex(bytes.subarray(42))).toBe(hex(about.subarray(14, 14 + 548)));
}

describe('a packet that is longer than the network takes by which it leaves', () => {
  test('FG-603: is answered by the router where it came from, as it came, and never enters the grid; one that fits passes', () => {
    const g = grid();
    for (const each of [question(1501), question(9000)]) {
      const [told, ...more] = send(g, WEST, each);
      expect(more).toEqual([]);
      expectTold(told, each, WEST, '10.1.0.1', 1500);
    }
    expect(g.taps.filter(({ kind }) => kind === 'sent')).toEqual([]);
    const [fits] = send(g, WEST, question(1500));
    expect([fits!.network, fits!.bytes.length]).toEqual([EAST, 1514]);
    expect(counted(g)).toEqual([2, 0, 2]);
    expectSound(g);
  });

  test('FG-603: of IPv6 always, with packet too big', () => {
    const g = grid();
    const big = question(1501, { from: CLIENT.ip6, to: SERVER.ip6 });
    expectTold(send(g, WEST, big)[0], big, WEST, '2001:db8:1::1', 1500);
    expect(counted(g)).toEqual([1, 0, 1]);
    expectSound(g);
  });

  test('FG-603: each flow and each direction goes by its own network', () => {
    const g = grid();
    const north = question(1401, { to: '198.51.100.7' });
    expectTold(send(g, WEST, north)[0], north, WEST, '10.1.0.1', 1400);
    expect(send(g, WEST, question(1401))[0]!.network).toBe(EAST);
    // What comes back leaves for west, which takes more.
    expect(send(g, EAST, answer(8000))[0]).toMatchObject({ network: WEST });
    expectSound(g);
    const turned = grid({ mtus: { [WEST]: 1300 } });
    expect(send(turned, WEST, question(1500))[0]!.network).toBe(EAST);
    const big = answer(1301);
    expectTold(send(turned, EAST, big)[0], big, EAST, '10.2.0.1', 1300);
    expect(send(turned, EAST, answer(1300))[0]!.network).toBe(WEST);
    expect(counted(turned)).toEqual([1, 0, 1]);
    expectSound(turned);
  });

  test('FG-603: is cut where IPv4 may be, into what makes it up again, each a hop on; answers of its flow as well', () => {
    const g = grid({ mtus: { [WEST]: 1300, [EAST]: 1500 } });
    const free = g.freeSlots();
    const [there, back] = [question(4000, { mayBeCut: true }), answer(4000, { mayBeCut: true })];
    for (const [from, to, whole, mtu] of [
      [WEST, EAST, there, 1500],
      [EAST, WEST, back, 1300],
    ] as const) {
      const parts = send(g, from, whole);
      expect(parts.length).toBe(from === WEST ? 3 : 4);
      for (const { network, bytes } of parts) {
        expect([network, bytes[22]]).toEqual([to, 63]);
        expect(bytes.length).toBeLessThanOrEqual(14 + mtu);
      }
      expect(hex(Uint8Array.from(parts.flatMap(({ bytes }) => [...bytes.subarray(34)])))).toBe(hex(whole.subarray(34)));
    }
    expect(counted(g)).toEqual([0, 2, 0]);
    expectSound(g);
    during(g, 1_000);
    expect(g.freeSlots()).toBe(free);
  });

  test('FG-603: ICMP errors, and what is no more than padded, are not answered; nobody is told more often than allowed', () => {
    const g = grid();
    const error = Uint8Array.of(3, 1, 0, 0, 0, 0, 0, 0, ...payload(1500));
    expect(send(g, WEST, question(28, { proto: 1, body: error }))).toEqual([]);
    expect(send(g, WEST, Uint8Array.of(...question(1400), ...new Uint8Array(200)))).toEqual([]);
    for (let i = 0; i < 80; i++) send(g, WEST, question(1501));
    expect(counted(g)).toEqual([50, 0, 82]);
    expectSound(g);
  });

  test('FG-603: without an entry as well', () => {
    const g = grid({ mtus: MTUS, more: { flood: { newFlowsPerSecond: 1, flowsPerNode: 1000 } } });
    for (let port = 1; port <= 20; port++) {
      const big = question(1501);
      put16(big, 34, 5000 + port);
      expectTold(send(g, WEST, big)[0], big, WEST, '10.1.0.1', 1500);
    }
    expect(counted(g)).toEqual([20, 0, 20]);
    expectSound(g);
  });

  test('FG-603: the newest topology says how long, to flows that live as well', () => {
    const g = grid({ mtus: { [EAST]: 1500 } });
    expect(send(g, WEST, question(1500))[0]!.network).toBe(EAST);
    const networks = g.topology.networks.map((each) => ({ ...each, router: { ...each.router!, mtu: 1400 } }));
    for (const group of g.groups) {
      group.install({ topology: { ...g.topology, version: 2, wireId: 2, networks }, seq: 2, hash: '', dead: [] });
      group.activate(2);
    }
    const big = question(1401);
    expectTold(send(g, WEST, big)[0], big, WEST, '10.1.0.1', 1400);
    expect(g.allEvents().filter(({ type }) => type === 'FlowStarted')).toHaveLength(2);
  });

  test('FG-604: where the entrance cannot know the network, the exit cuts, or tells the sender through the grid', () => {
    const function_ = { name: 'nat', config: { inside: ['10.1.0.0/24'], addresses: ['203.0.113.7'] } };
    const g = grid({ mtus: { [WEST]: 1300 }, middle: { function: function_, failure: 'backup' } });
    const free = g.freeSlots();
    const [out] = send(g, WEST, question(200));
    const toMapped = (bytes: number, more: Packet = {}): Uint8Array => {
      const made = answer(bytes, { to: '203.0.113.7', ...more });
      made.set(out!.bytes.subarray(34, 36), 36);
      return made;
    };
    const parts = send(g, EAST, toMapped(2000, { mayBeCut: true }));
    expect(parts.map(({ network, bytes }) => [network, bytes.length])).toEqual([
      [WEST, 14 + 1300],
      [WEST, 14 + 20 + 700],
    ]);
    for (const { bytes } of parts) expect(macText(bytes, 0)).toBe(CLIENT.mac);
    const big = toMapped(1301);
    expect(send(g, EAST, big)).toEqual([]);
    const [told, ...more] = during(g, 500);
    expect(more).toEqual([]);
    expect([told!.network, macText(told!.bytes, 0), u16(told!.bytes, 40)]).toEqual([EAST, SERVER.mac, 1300]);
    // The function hides who is inside, the router as well; the sender finds its own packet quoted.
    expect([...told!.bytes.subarray(26, 36)]).toEqual([
      ...[addressBytes('203.0.113.7'), addressBytes(SERVER.ip)].flatMap((each) => [...each]),
      3,
      4,
    ]);
    expect(hex(told!.bytes.subarray(54, 66))).toBe(hex(big.subarray(26, 38)));
    expect(counted(g)).toEqual([1, 1, 1]);
    expect(g.freeSlots()).toBe(free);
    expectSound(g);
  });

  test('FG-605: TCP announces what fits through the network that it comes from, and no less', () => {
    const g = grid({ mtus: { [WEST]: 9000, [EAST]: 1500 } });
    const options = [2, 4, 8960 >> 8, 8960 & 0xff];
    const segment = (frame: Uint8Array): Uint8Array => frame.slice(34);
    const syn = ipFrame({
      from: CLIENT.ip,
      to: SERVER.ip,
      fromMac: CLIENT.mac,
      toMac: MAC_OF[WEST]!,
      proto: 6,
      body: segment(tcpPacket({ from: 1, to: 2, flags: SYN, tcpOptions: options })),
    });
    const [there] = send(g, WEST, syn);
    expect([there!.network, u16(there!.bytes, 56)]).toEqual([EAST, 8960]);
    const accepts = tcpPacket({ from: 2, to: 1, flags: SYN | ACK, fromPort: 80, toPort: 40_000, tcpOptions: options });
    const [back] = send(
      g,
      EAST,
      ipFrame({
        from: SERVER.ip,
        to: CLIENT.ip,
        fromMac: SERVER.mac,
        toMac: MAC_OF[EAST]!,
        proto: 6,
        body: segment(accepts),
      }),
    );
    expect([back!.network, u16(back!.bytes, 56)]).toEqual([WEST, 1460]);
    expect(g.total(({ mssClamped }) => mssClamped)).toBe(1);
    expectSound(g);
  });

  test('FG-603: the router answers no echo request that its network could not carry back', () => {
    const g = grid({ mtus: { [WEST]: 1500 } });
    const echo = (bytes: number): Uint8Array =>
      question(28, { to: '10.1.0.1', proto: 1, body: Uint8Array.of(8, 0, 0, 0, 0, 1, 0, 1, ...payload(bytes - 28)) });
    expect(send(g, WEST, echo(1500))[0]!.bytes.length).toBe(1514);
    expect(send(g, WEST, echo(1501))).toEqual([]);
    expect(g.dropped('link-mtu')).toBe(1);
    expectSound(g);
  });

  test('FG-607: a checker that is told of a lesser MTU finds what left too long', () => {
    const g = grid({ mtus: { [EAST]: 1500 } });
    send(g, WEST, question(1500));
    const verdictFor = (mtu: number): string => {
      const networks = g.topology.networks.map((each) => ({ ...each, router: { ...each.router!, mtu } }));
      const checker = createChecker();
      checker.observeStanding([{ ...g.topology, networks }], []);
      for (const record of g.taps) checker.observe(record);
      return checker.verdicts().transparency;
    };
    expect(verdictFor(1500)).toBe('held');
    expect(verdictFor(1499)).toContain('which does not take 1514 bytes');
  });
});

test('FG-603: where no MTU is known everything that a slot takes is routed as it is', () => {
  const g = grid({});
  const [left] = send(g, WEST, question(12_000));
  expect([left!.network, left!.bytes.length]).toEqual([EAST, 12_014]);
  expect(macBytes(SERVER.mac)).toEqual(left!.bytes.subarray(0, 6));
  expectSound(g);
});
