import { clusterOf } from '../../../../domain/base/ids';
import type { FailurePolicy } from '../../../../domain/topology/topology';
import { numbered, udp } from './frames';
import { cluster, TestGrid } from './test-grid';

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
      expect(events.filter(({ type }) => type === 'FlowRerouted')).toMatchObject([{ from: second, to: other }]);
    },
  );
});
