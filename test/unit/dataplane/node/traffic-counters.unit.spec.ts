import { nodeRef } from '../../../../domain/base/ids';
import type { FlowEnded } from '../../../../domain/flow/events';
import type { HopTraffic, TypeTraffic } from '../../../../domain/node/statistics';
import { numbered, udp } from './frames';
import { cluster, TestGrid } from './test-grid';

const INGRESS = nodeRef(1, 1);
const DNS = 7;
const OTHER = 9;

function grid(): TestGrid {
  const policy = (id: number, flowType: number, port?: number) => ({
    id,
    name: `p${id}`,
    flowType,
    typeName: `t${flowType}`,
    match: port === undefined ? {} : { port: [[port, port]] as const },
    paths: ['there', 'back'],
    criteria: 'static' as const,
  });
  return new TestGrid({
    clusters: [
      cluster(1, 1, { role: 'inode' }),
      cluster(2, 3, { failure: 'backup' }),
      cluster(3, 1, { role: 'inode' }),
    ],
    policies: [policy(1, DNS, 53), policy(2, OTHER)],
    timing: { udpIdleMs: 50 },
  });
}

function request(port: number, fromPort = 5000): Uint8Array {
  return udp({ from: '10.0.0.1', to: '10.9.0.1', fromPort, toPort: port, payload: numbered(1) });
}

function reply(port: number): Uint8Array {
  return udp({ from: '10.9.0.1', to: '10.0.0.1', fromPort: port, toPort: 5000, payload: numbered(2) });
}

/** What taps on links saw go from each node to each other. */
function tapped(g: TestGrid): Map<number, HopTraffic[]> {
  const seen = new Map<number, HopTraffic[]>();
  for (const { kind, from, to, bytes } of g.taps) {
    if (kind !== 'sent') continue;
    const hops = seen.get(from) ?? [];
    const before = hops.find((hop) => hop.to === to) ?? { to, frames: 0, bytes: 0 };
    const after = { to, frames: before.frames + 1, bytes: before.bytes + bytes.length };
    seen.set(
      from,
      [...hops.filter((hop) => hop !== before), after].sort((a, b) => a.to - b.to),
    );
  }
  return seen;
}

test('FG-330: each node counts what it sends to each other, copies for backups included, as taps on its links see it', () => {
  const g = grid();
  for (let port = 53; port < 73; port++) {
    g.inject(1, request(port));
    g.settle();
    g.inject(4, reply(port));
    g.settle();
  }
  const seen = tapped(g);
  expect(seen.size).toBe(5);
  expect(Array.from(seen.values(), (hops) => hops.length)).toEqual(expect.arrayContaining([3]));
  for (const [ref, hops] of seen) {
    const counted = g.group(ref).statistics(ref);
    expect(counted.hops).toEqual(hops);
    expect(counted.sent).toBe(hops.reduce((sum, { frames }) => sum + frames, 0));
    expect(counted.bytesSent).toBe(hops.reduce((sum, { bytes }) => sum + bytes, 0));
  }
});

test('FG-331: an INODE counts the flows that it allocated by type, those that live as well as those that ended, as the log has them', () => {
  const g = grid();
  const types = (): readonly TypeTraffic[] => g.group(INGRESS).statistics(INGRESS).types;
  for (const [port, fromPort] of [
    [53, 5000],
    [53, 5001],
    [99, 5000],
  ] as const)
    g.inject(1, request(port, fromPort));
  g.settle();
  g.inject(4, reply(53));
  g.settle();
  const [small, large] = [request(53).length, reply(53).length];
  expect(types()).toEqual([
    { flowType: DNS, live: 2, started: 2, ended: 0, packets: 3, bytes: 2 * small + large },
    { flowType: OTHER, live: 1, started: 1, ended: 0, packets: 1, bytes: small },
  ]);
  g.beats(20);
  const ended = g.allEvents().filter((event): event is FlowEnded => event.type === 'FlowEnded');
  const total = (pick: (event: FlowEnded) => readonly number[]): number =>
    ended.flatMap(pick).reduce((sum, n) => sum + n, 0);
  expect(types()).toEqual([
    { flowType: DNS, live: 0, started: 2, ended: 2, packets: 3, bytes: 2 * small + large },
    { flowType: OTHER, live: 0, started: 1, ended: 1, packets: 1, bytes: small },
  ]);
  expect(total(({ packets }) => packets)).toBe(4);
  expect(total(({ bytes }) => bytes)).toBe(3 * small + large);
  expect(g.group(nodeRef(3, 1)).statistics(nodeRef(3, 1)).types).toEqual([]);
});
