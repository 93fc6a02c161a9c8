import { clusterOf, nodeRef, type NodeRef } from '../../../../domain/base/ids';
import { numbered, numberIn, tallyIn, udp } from './frames';
import { cluster, TestGrid } from './test-grid';

/** Rounds after a death until the next backup is in step. */
const IN_STEP = 14;
const TALLY = { name: 'tally', config: {} };

function frame(port: number, number: number): Uint8Array {
  return udp({ from: '10.0.0.1', to: '10.9.0.1', fromPort: port, toPort: 53, payload: numbered(number) });
}

/** What has left of a flow: numbers of its frames, and what the last stage counted. */
function left(grid: TestGrid, port: number): { numbers: number[]; tallies: number[] } {
  const frames = grid.left.filter(({ bytes }) => ((bytes[34] << 8) | bytes[35]) === port);
  return { numbers: frames.map(({ bytes }) => numberIn(bytes)), tallies: frames.map(({ bytes }) => tallyIn(bytes)) };
}

/** Who emits a flow's frames in a cluster, and who shadows them. */
function pairIn(grid: TestGrid, id: number): { primary: NodeRef; shadow: NodeRef } {
  const sent = grid.taps.filter(({ kind }) => kind === 'sent');
  const primary = sent.find(({ from, to }) => clusterOf(from) === id && clusterOf(to) !== id)!.from;
  return { primary, shadow: sent.find(({ to }) => clusterOf(to) === id && to !== primary)!.to };
}

describe('a node that is told of a flow by one that does not know of a death yet', () => {
  test.each(['tally', 'pass'])('FG-448: sends its copies to who lives, when the flow falls to it (%s)', (name) => {
    const grid = new TestGrid({
      clusters: [
        cluster(1, 1, { role: 'inode' }),
        cluster(2, 3, { failure: 'backup', function: { name, config: {} } }),
        cluster(3, 3, { failure: 'backup', function: TALLY }),
        cluster(4, 1, { role: 'inode' }),
      ],
    });
    const send = (number: number): void => {
      grid.inject(1, frame(5000, number));
      grid.settle();
    };
    send(1);
    const near = pairIn(grid, 2);
    const far = pairIn(grid, 3);
    // The emitter misses its own shadow first, and tells the next one of the flow as it knows it then.
    grid.kill(near.shadow);
    grid.kill(far.shadow);
    grid.beats(IN_STEP);
    grid.kill(near.primary);
    grid.beats(IN_STEP);
    grid.kill(far.primary);
    send(2);
    send(3);
    grid.beats(IN_STEP);
    expect(left(grid, 5000)).toEqual({ numbers: [1, 2, 3], tallies: [1, 2, 3] });
  });

  test('FG-449: as an INODE too, when it gets the flows of the one that told it', () => {
    const [first, second] = [nodeRef(1, 1), nodeRef(1, 2)];
    const stage = [1, 2, 3].map((node) => nodeRef(2, node));
    const [dead, primary] = stage;
    const grid = new TestGrid({
      clusters: [
        cluster(1, 2, { role: 'inode' }),
        cluster(2, 3, { failure: 'backup', function: TALLY }),
        cluster(3, 1, { role: 'inode' }),
      ],
      groups: [[first], [second], [...stage, nodeRef(3, 1)]],
    });
    const ports = Array.from({ length: 24 }, (_, i) => 5000 + i);
    grid.beat();
    grid.kill(dead);
    grid.beats(2);
    // Flows begin at the first INODE, and before the second one hears of them it holds the node dead.
    for (const port of ports) grid.inject(1, frame(port, 1), first);
    grid.groups[0].run(grid.now);
    grid.beats(IN_STEP);
    grid.kill(first);
    grid.beats(IN_STEP);
    grid.kill(primary);
    for (const port of ports) grid.inject(1, frame(port, 2), second);
    grid.beats(IN_STEP);
    for (const port of ports) expect(left(grid, port)).toEqual({ numbers: [1, 2], tallies: [1, 2] });
  });
});
