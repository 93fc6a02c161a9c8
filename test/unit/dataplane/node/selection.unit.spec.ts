import { clusterOf, nodeOf, nodeRef, type NodeRef } from '../../../../domain/base/ids';
import type { FailurePolicy, SelectorKind } from '../../../../domain/topology/topology';
import { DF_FULL_ROUTE, D_FLAGS, D_LIST } from '../../../../dataplane/frames/layout';
import { numbered, RST, SYN, tcp, udp } from './frames';
import { cluster, TestGrid } from './test-grid';

const ENDS = { from: '10.0.0.1', to: '10.9.0.1', toPort: 53 };

function grid(selector: SelectorKind, failure: FailurePolicy = 'redirect', choosers = 3): TestGrid {
  return new TestGrid({
    selection: 'distributed',
    clusters: [
      cluster(1, 1, { role: 'inode' }),
      cluster(2, choosers, { failure }),
      cluster(3, 3, { selector }),
      cluster(4, 1, { role: 'inode' }),
    ],
  });
}

function request(port: number): Uint8Array {
  return udp({ ...ENDS, fromPort: port, payload: numbered(port) });
}

function reply(port: number): Uint8Array {
  return udp({ from: ENDS.to, to: ENDS.from, fromPort: ENDS.toPort, toPort: port, payload: numbered(port) });
}

/** Sends one frame through the grid and tells which node of a cluster sent it on; 0 if none did. */
function pass(g: TestGrid, network: number, frame: Uint8Array, ...clusters: number[]): NodeRef[] {
  const from = g.taps.length;
  g.inject(network, frame);
  g.settle();
  const sent = g.taps.slice(from).filter((tap) => tap.kind === 'sent' && clusterOf(tap.from) !== clusterOf(tap.to));
  return clusters.map((id) => sent.find((tap) => clusterOf(tap.from) === id)?.from ?? 0);
}

function nodesOf(refs: readonly NodeRef[]): number[] {
  return refs.map(nodeOf);
}

describe('selection hop by hop', () => {
  test('FG-180: a hop beyond the first selects by the algorithm of the cluster behind it', () => {
    const g = grid('round-robin', 'redirect', 1);
    const chosen = [1, 2, 3, 4, 5, 6].map((port) => pass(g, 1, request(port), 3)[0]);
    expect(nodesOf(chosen)).toEqual([1, 2, 3, 1, 2, 3]);
    // Each flow stays where it was sent first.
    const again = [1, 2, 3, 4, 5, 6].map((port) => pass(g, 1, request(port), 3)[0]);
    expect(again).toEqual(chosen);
  });

  test.each(['redirect', 'backup'] as const)(
    'FG-181: the death of the chooser before the first reverse frame does not move the flow (%s)',
    (failure) => {
      const g = grid('round-robin', failure);
      const ports = Array.from({ length: 12 }, (_, i) => i + 1);
      const routes = ports.map((port) => pass(g, 1, request(port), 2, 3));
      const victim = routes[0][0];
      expect(routes.filter(([chooser]) => chooser === victim).length).toBeGreaterThan(1);
      g.kill(victim);
      g.beats(6);
      const after = ports.map((port) => pass(g, 1, request(port), 2, 3));
      expect(after.map(([, chosen]) => chosen)).toEqual(routes.map(([, chosen]) => chosen));
      expect(after.some(([chooser]) => chooser === victim)).toBe(false);
    },
  );

  test.each(['redirect', 'backup'] as const)(
    'FG-181: a second chooser that dies leaves the choice to the third (%s)',
    (failure) => {
      const g = grid('round-robin', failure);
      const ports = Array.from({ length: 12 }, (_, i) => i + 1);
      const routes = ports.map((port) => pass(g, 1, request(port), 2, 3));
      for (const victim of [nodeRef(2, 1), nodeRef(2, 3)]) {
        g.kill(victim);
        g.beats(10);
        const after = ports.map((port) => pass(g, 1, request(port), 2, 3));
        expect(after.map(([, chosen]) => chosen)).toEqual(routes.map(([, chosen]) => chosen));
      }
    },
  );

  test('FG-181: the first reverse frame takes the choice to the INODE, which stamps the route from then on', () => {
    const g = grid('round-robin');
    const [chooser, chosen] = pass(g, 1, request(7), 2, 3);
    const stamped = (): { flags: number; nodes: number[] } => {
      const { bytes } = g.taps.findLast(({ kind, from }) => kind === 'sent' && clusterOf(from) === 1)!;
      const at = bytes.length - bytes[bytes.length - 1];
      return {
        flags: bytes[at + D_FLAGS],
        nodes: [0, 1, 2, 3].map((i) => bytes[at + D_LIST + 2 * i + 1] & 0x7f),
      };
    };
    expect(stamped()).toMatchObject({ nodes: [1, nodeOf(chooser), 0, 0] });
    expect(stamped().flags & DF_FULL_ROUTE).toBe(0);
    pass(g, 4, reply(7));
    pass(g, 1, request(7));
    expect(stamped()).toMatchObject({ nodes: [1, nodeOf(chooser), nodeOf(chosen), 1] });
    expect(stamped().flags & DF_FULL_ROUTE).toBe(DF_FULL_ROUTE);
    // Nobody of its cluster is left who was told: the frame itself says where the flow goes.
    const others = [1, 2, 3].map((node) => nodeRef(2, node)).filter((ref) => ref !== chooser);
    for (const victim of [chooser, others[0]]) g.kill(victim);
    g.beats(6);
    expect(pass(g, 1, request(7), 3)).toEqual([chosen]);
  });

  test('FG-182: least flows counts flows down when they end', () => {
    const g = grid('least-flows', 'redirect', 1);
    const open = (port: number): NodeRef =>
      pass(g, 1, tcp({ ...ENDS, fromPort: port, flags: SYN, payload: new Uint8Array(0) }), 3)[0];
    expect(nodesOf([1, 2, 3, 4, 5, 6].map(open))).toEqual([1, 2, 3, 1, 2, 3]);
    for (const port of [2, 5]) pass(g, 1, tcp({ ...ENDS, fromPort: port, flags: RST, payload: new Uint8Array(0) }));
    g.beats(3_000);
    expect(nodesOf([7, 8, 9].map(open))).toEqual([2, 2, 1]);
  });

  test('FG-182: the INODE counts down too, where it chooses every node', () => {
    const g = new TestGrid({
      clusters: [
        cluster(1, 1, { role: 'inode' }),
        cluster(2, 2, { selector: 'least-flows' }),
        cluster(3, 3, { selector: 'least-flows' }),
        cluster(4, 1, { role: 'inode' }),
      ],
      timing: { udpIdleMs: 100 },
    });
    const open = (port: number): number[] => nodesOf(pass(g, 1, request(port), 2, 3));
    expect([1, 2, 3].map(open)).toEqual([
      [1, 1],
      [2, 2],
      [1, 3],
    ]);
    for (let i = 0; i < 16; i++) {
      pass(g, 1, request(1));
      g.beat();
    }
    // Flows 2 and 3 are idle and over: node 2, and nodes 2 and 3, have nothing to do.
    expect([4, 5].map(open)).toEqual([
      [2, 2],
      [1, 3],
    ]);
  });
});
