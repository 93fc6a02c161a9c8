import { clusterOf, nodeRef } from '../../../../domain/base/ids';
import { numbered, udp } from './frames';
import { cluster, TestGrid } from './test-grid';

describe('a backup that has seen no frame of a flow', () => {
  test('FG-105, FG-107: knows the flow all the same, takes it over and tells of it', () => {
    const clusters = [
      cluster(1, 1, { role: 'inode' }),
      cluster(2, 3, { failure: 'backup' }),
      cluster(3, 1, { role: 'inode' }),
    ];
    const grid = new TestGrid({ clusters });
    grid.inject(1, udp({ from: '10.0.0.1', to: '10.9.0.1', fromPort: 5000, toPort: 53, payload: numbered(1) }));
    grid.settle();
    const primary = grid.taps.find(({ kind, from }) => kind === 'sent' && clusterOf(from) === 2)!.from;
    const shadow = grid.taps.find(({ kind, to }) => kind === 'sent' && clusterOf(to) === 2 && to !== primary)!.to;
    const last = [1, 2, 3].map((node) => nodeRef(2, node)).find((ref) => ref !== primary && ref !== shadow)!;
    grid.kill(shadow);
    grid.beats(8);
    grid.kill(primary);
    grid.beats(8);
    grid.collect();
    expect(grid.allEvents().filter(({ type }) => type === 'FlowTakenOver')).toMatchObject([
      { from: primary, to: last },
    ]);
  });
});
