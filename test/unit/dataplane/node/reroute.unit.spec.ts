import { clusterOf, nodeOf, nodeRef } from '../../../../domain/base/ids';
import type { FailurePolicy } from '../../../../domain/topology/topology';
import { numbered, udp } from './frames';
import { cluster, TestGrid } from './test-grid';

const REQUEST = { from: '10.0.0.1', to: '10.9.0.1', fromPort: 5000, toPort: 53 };
const REPLY = { from: '10.9.0.1', to: '10.0.0.1', fromPort: 53, toPort: 5000 };

/** Two stages of two nodes each between INODEs, and a flow that has gone both ways through them. */
function carried(failure: FailurePolicy) {
  const grid = new TestGrid({
    clusters: [
      cluster(1, 1, { role: 'inode' }),
      cluster(2, 2, { failure: 'redirect' }),
      cluster(3, 2, { failure }),
      cluster(4, 1, { role: 'inode' }),
    ],
  });
  grid.inject(1, udp({ ...REQUEST, payload: numbered(1) }));
  grid.settle();
  grid.inject(4, udp({ ...REPLY, payload: numbered(2) }));
  grid.settle();
  const nodeIn = (id: number): number =>
    grid.taps.find(({ kind, from }) => kind === 'sent' && clusterOf(from) === id)!.from;
  return {
    grid,
    first: nodeIn(2),
    second: nodeIn(3),
    otherThan: (ref: number): number => nodeRef(clusterOf(ref), 3 - nodeOf(ref)),
  };
}

describe('a node that meets a flow in its middle', () => {
  test.each(['redirect', 'backup', 'discard'] as const)(
    'FG-230: tells that the next node, which the frames name, was dead already (%s)',
    (failure) => {
      const { grid, first, second, otherThan } = carried(failure);
      for (const victim of [first, second]) {
        grid.kill(victim);
        grid.beats(8);
      }
      grid.inject(1, udp({ ...REQUEST, payload: numbered(3) }));
      grid.settle();
      const type = failure === 'backup' ? 'FlowTakenOver' : 'FlowRerouted';
      const to = failure === 'discard' ? 0 : otherThan(second);
      expect(grid.allEvents().filter(({ at }) => at === grid.now)).toMatchObject([{ type, from: second, to }]);
    },
  );

  test('FG-230: says nothing where nobody is dead that the frames name', () => {
    const { grid, first } = carried('redirect');
    grid.kill(first);
    grid.beats(8);
    grid.inject(1, udp({ ...REQUEST, payload: numbered(3) }));
    grid.settle();
    expect(grid.allEvents().filter(({ at }) => at === grid.now)).toEqual([]);
  });
});

describe('a node and the emitter before it, dead at once', () => {
  test.each(['discard', 'redirect'] as const)(
    'the heir tells what became of the flow behind it (%s)',
    (failure: FailurePolicy) => {
      const grid = new TestGrid({
        clusters: [
          cluster(1, 1, { role: 'inode' }),
          cluster(2, 3, { failure: 'backup' }),
          cluster(3, 2, { failure }),
          cluster(4, 1, { role: 'inode' }),
        ],
      });
      const ends = { from: '10.0.0.1', to: '10.9.0.1', fromPort: 5000, toPort: 53 };
      grid.inject(1, udp({ ...ends, payload: numbered(1) }));
      grid.settle();
      const senders = grid.taps.filter(({ kind, from, to }) => kind === 'sent' && clusterOf(from) !== clusterOf(to));
      const [first, second] = [2, 3].map((id) => senders.find(({ from }) => clusterOf(from) === id)!.from);
      for (const victim of [second, first]) grid.kill(victim);
      grid.beats(8);
      const events = grid.allEvents();
      expect(events.filter(({ type }) => type === 'FlowTakenOver')).toMatchObject([{ from: first }]);
      const other = failure === 'discard' ? 0 : (3 << 7) | (3 - (second & 0x7f));
      // The stage behind tells of it too: it cannot know whether anybody before the gap knows the flow.
      const move = { from: second, to: other };
      expect(events.filter(({ type }) => type === 'FlowRerouted')).toMatchObject([move, move]);
    },
  );
});
