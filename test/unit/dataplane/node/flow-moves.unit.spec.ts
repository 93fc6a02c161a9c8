import { clusterOf, type NodeRef } from '../../../../domain/base/ids';
import type { Topology, TopologyCluster } from '../../../../domain/topology/topology';
import { numbered, numberIn, tallyIn, udp } from './frames';
import { cluster, TestGrid } from './test-grid';

const PORT = 5000;
const CONGESTION = { congestion: { above: 70, below: 40, framesPerSecond: 2000 } };
/** Frames that congest a node in one round, though it counts a mean of several. */
const TOO_MANY = 200;
const TALLY = { function: { name: 'tally', config: {} } };

/** A grid with one flow, whose nodes are named by cluster. */
class Carried {
  readonly grid: TestGrid;
  private sent = 0;

  constructor(
    private readonly clusters: readonly TopologyCluster[],
    private readonly selection: Topology['selection'] = 'centralized',
  ) {
    this.grid = new TestGrid({ clusters, selection });
  }

  /** Frames of the flow, or of another one, from either side. */
  send(n: number, { port = PORT, isBack = false } = {}): void {
    const [client, server] = ['10.0.0.1', '10.9.0.1'];
    const there = { from: client, to: server, fromPort: port, toPort: 53 };
    const ends = isBack ? { from: server, to: client, fromPort: 53, toPort: port } : there;
    for (let i = 0; i < n; i++) {
      const number = port === PORT && !isBack ? ++this.sent : i;
      this.grid.inject(isBack ? 4 : 1, udp({ ...ends, payload: numbered(number) }));
      this.grid.settle();
    }
  }

  /** The node of a cluster that sent the flow's last frame away from its end. */
  emitterIn(id: number): NodeRef {
    const outward = ({ kind, from, to }: { kind: string; from: NodeRef; to: NodeRef }): boolean =>
      kind === 'sent' && clusterOf(from) === id && clusterOf(to) !== id;
    return this.grid.taps.findLast(outward)!.from;
  }

  /** The node that the flow begins at in a cluster: the one that another of its kind would. */
  hashedIn(id: number): NodeRef {
    const copy = new Carried(this.clusters, this.selection);
    copy.send(1);
    return copy.emitterIn(id);
  }

  /** Stages in which the flow changed nodes, and why. */
  changes(): string[] {
    return this.grid.allEvents().flatMap((event) => {
      if (event.type === 'FlowTakenOver') return [`${clusterOf(event.from)} taken over`];
      return event.type === 'FlowRerouted' ? [`${clusterOf(event.from)} ${event.reason}`] : [];
    });
  }
}

function inode(id: number, n = 1): TopologyCluster {
  return cluster(id, n, { role: 'inode' });
}

describe('a flow that moves', () => {
  test('FG-363: goes to the right node of a stage that it moves in at the same time', () => {
    const carried = new Carried([
      inode(1),
      cluster(2, 3, CONGESTION),
      cluster(3, 3, { failure: 'backup', ...TALLY, ...CONGESTION }),
      inode(4),
    ]);
    carried.send(TOO_MANY);
    carried.grid.beats(2);
    carried.send(1);
    expect(carried.changes()).toEqual(['2 congested', '3 congested']);
    expect(carried.grid.left.map(({ bytes }) => [numberIn(bytes), tallyIn(bytes)])).toEqual(
      Array.from({ length: TOO_MANY + 1 }, (_, i) => [i + 1, i + 1]),
    );
  });

  test('FG-348: is not fed to the backup that asks for its state at the same time', () => {
    const carried = new Carried([
      inode(1),
      cluster(2, 2),
      cluster(3, 3, {
        failure: 'backup',
        function: { name: 'nat', config: { addresses: ['192.0.2.1'] } },
        ...CONGESTION,
      }),
      inode(4),
    ]);
    // Its first frame gets lost, so that those of the third cluster meet the flow in its middle, and one has to ask.
    carried.grid.kill(carried.hashedIn(2));
    carried.send(1);
    carried.grid.beats(5);
    carried.send(1);
    carried.grid.beat();
    carried.send(TOO_MANY);
    carried.grid.beats(2);
    carried.send(1);
    expect(carried.changes()).toEqual(['2 failed', '3 congested']);
    expect(carried.grid.left).toHaveLength(TOO_MANY + 2);
  });

  test('FG-349: is known by who takes the place of a neighbour that dies meanwhile', () => {
    const carried = new Carried([inode(1, 2), cluster(2, 3, { failure: 'backup', ...TALLY, ...CONGESTION }), inode(3)]);
    carried.send(1);
    carried.send(TOO_MANY, { isBack: true });
    const from = carried.emitterIn(2);
    carried.grid.kill(carried.emitterIn(1));
    carried.grid.beats(6);
    carried.send(1);
    expect(carried.changes()).toContain('2 congested');
    expect(carried.grid.taps.findLast(({ to }) => clusterOf(to) === 2)!.to).not.toBe(from);
    expect(carried.grid.left.filter(({ network }) => network === 4)).toHaveLength(2);
  });

  test('FG-364: does not make a node that has heard of it, and met no frame, forget where the flow goes on', () => {
    const discard = cluster(4, 3, { failure: 'discard', selector: 'round-robin' });
    const carried = new Carried([inode(1), cluster(2, 2, CONGESTION), cluster(3, 2), discard, inode(5)], 'distributed');
    carried.send(1);
    const [second, third, fourth] = [2, 3, 4].map((id) => carried.emitterIn(id));
    carried.grid.kill(third);
    carried.grid.beats(5);
    let port = PORT;
    do carried.send(1, { port: ++port });
    while (carried.emitterIn(2) !== second);
    carried.send(TOO_MANY, { port });
    carried.grid.beats(8);
    carried.send(1);
    expect(carried.emitterIn(2)).not.toBe(second);
    expect(carried.emitterIn(4)).toBe(fourth);
  });

  test('FG-365: is told of by its giver where it fell from a node that died before its backup knew of it', () => {
    const stage = cluster(2, 3, { failure: 'backup', ...TALLY, ...CONGESTION });
    const carried = new Carried([inode(1, 2), stage, inode(3)]);
    carried.grid.beat();
    carried.send(TOO_MANY);
    const [near, from] = [1, 2].map((id) => carried.emitterIn(id));
    const target = carried.grid.taps.findLast(({ to }) => clusterOf(to) === 2 && to !== from)!.to;
    // The move waits for the word of an INODE that is dead, and its target dies before that is known.
    carried.grid.kill(near);
    carried.grid.beats(2);
    carried.grid.kill(target);
    carried.grid.beats(8);
    expect(carried.changes()).toEqual(expect.arrayContaining(['2 congested', '2 taken over']));
  });
});
