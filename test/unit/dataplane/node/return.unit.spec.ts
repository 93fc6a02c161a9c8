import { nodeRef } from '../../../../domain/base/ids';
import type { TopologyCluster } from '../../../../domain/topology/topology';
import { numbered, udp } from './frames';
import { cluster, TestGrid } from './test-grid';

const STAGE = 2;
const BACK = nodeRef(STAGE, 2);

function clusters(change: (stage: TopologyCluster['members']) => TopologyCluster['members']): TopologyCluster[] {
  const stage = cluster(STAGE, 3);
  return [
    cluster(1, 1, { role: 'inode' }),
    { ...stage, members: change(stage.members) },
    cluster(3, 1, { role: 'inode' }),
  ];
}

/** Sends the first frame of many flows and says whether all of them left, and whether the node took some. */
function begin(grid: TestGrid, port: number): { all: boolean; taken: boolean } {
  grid.left.length = grid.taps.length = 0;
  for (let i = 0; i < 48; i++) {
    const ends = { from: '10.0.0.1', to: '10.9.0.1', fromPort: port + i, toPort: 53 };
    grid.inject(1, udp({ ...ends, payload: numbered(i) }));
  }
  grid.settle();
  return { all: grid.left.length === 48, taken: grid.taps.some(({ kind, from }) => kind === 'sent' && from === BACK) };
}

describe('a node that returns', () => {
  test('FG-33: is not held dead again for the silence of the life before, when its topology comes before its hello', () => {
    const grid = new TestGrid({ clusters: clusters((members) => members) });
    grid.kill(BACK);
    grid.beats(8);
    grid.change(
      clusters((members) => members.filter(({ node }) => node !== 2)),
      ['2/2@1'],
    );
    grid.beats(8);
    grid.group(BACK).revive(BACK, 2);
    grid.change(clusters((members) => members.map((each) => (each.node === 2 ? { ...each, incarnation: 2 } : each))));
    grid.beats(8);
    expect(begin(grid, 6000)).toEqual({ all: true, taken: true });
  });

  test('FG-32: a neighbour that left and came back in the same life counts as heard when it comes', () => {
    const grid = new TestGrid({ clusters: clusters((members) => members) });
    grid.beats(2);
    grid.change(clusters((members) => members.filter(({ node }) => node !== 2)));
    grid.beats(8);
    grid.change(clusters((members) => members));
    grid.beats(8);
    expect(begin(grid, 7000)).toEqual({ all: true, taken: true });
  });

  test('FG-601: a lone INODE that died takes up the connections of before: answers come to the flow that goes on there', () => {
    const INODE = nodeRef(1, 1);
    const inode = (incarnation: number): TopologyCluster => {
      const made = cluster(1, 1, { role: 'inode' });
      return { ...made, members: made.members.map((each) => ({ ...each, incarnation, fnode: 100 + incarnation })) };
    };
    const rest = [cluster(STAGE, 2, { failure: 'backup' }), cluster(3, 2, { role: 'inode' })];
    const grid = new TestGrid({ clusters: [inode(1), ...rest] });
    const ends = { from: '10.0.0.1', to: '10.9.0.1', fromPort: 6000, toPort: 53 };
    const back = { from: ends.to, to: ends.from, fromPort: ends.toPort, toPort: ends.fromPort };
    const exchange = (n: number): number[] => {
      grid.left.length = 0;
      grid.inject(1, udp({ ...ends, payload: numbered(n) }));
      grid.settle();
      grid.inject(4, udp({ ...back, payload: numbered(n) }));
      grid.settle();
      return grid.left.map(({ network }) => network);
    };
    expect(exchange(0)).toEqual([4, 1]);
    for (let life = 1; life <= 3; life++) {
      grid.kill(INODE);
      grid.beats(8);
      grid.change([{ ...inode(life), members: [] }, ...rest], [`1/1@${life}`]);
      grid.beats(8);
      grid.group(INODE).revive(INODE, life + 1);
      grid.world.setAlive(INODE, true);
      grid.change([inode(life + 1), ...rest]);
      grid.beats(8);
      expect([life, exchange(life), exchange(life)]).toEqual([life, [4, 1], [4, 1]]);
    }
    const started = grid.allEvents().filter((each) => each.type === 'FlowStarted' && each.observedAs === 'ingress');
    expect(started).toHaveLength(4);
    expect(grid.dropped('no-member')).toBe(0);
  });
});
