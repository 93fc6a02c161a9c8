import { nodeRef } from '../../../../domain/base/ids';
import { standingAlong, type PlacedCluster } from '../../../../runtime/agent/placement';

const path = (id: number, clusters: readonly number[]) => ({ id, name: `p${id}`, from: [1], to: 2, clusters });
const cluster = (id: number, nodes: number, failure: PlacedCluster['failure'] = 'redirect'): PlacedCluster => ({
  id,
  failure,
  nodes: Array.from({ length: nodes }, (_, i) => i + 1),
});

describe('where nodes stand on the way of the traffic', () => {
  it('follows the path, whatever the order of clusters and their numbers', () => {
    const standing = standingAlong([cluster(3, 1), cluster(9, 1), cluster(1, 1)], [path(1, [9, 1, 3])]);
    expect([9, 1, 3].map((id) => standing(nodeRef(id, 1)))).toEqual([1 / 6, 3 / 6, 5 / 6]);
  });

  it('gives the nodes of a stage equal parts of what it meets, and a stage with shadows twice as much', () => {
    const standing = standingAlong([cluster(1, 1), cluster(2, 2, 'backup'), cluster(3, 1)], [path(1, [1, 2, 3])]);
    expect([nodeRef(1, 1), nodeRef(2, 1), nodeRef(2, 2), nodeRef(3, 1)].map(standing)).toEqual([
      1 / 8,
      3 / 8,
      5 / 8,
      7 / 8,
    ]);
  });

  it('reads a path back as the way there, turned round', () => {
    const there = standingAlong([cluster(1, 1), cluster(2, 1), cluster(3, 1)], [path(1, [1, 2, 3])]);
    const both = standingAlong([cluster(1, 1), cluster(2, 1), cluster(3, 1)], [path(1, [1, 2, 3]), path(2, [3, 2, 1])]);
    for (const id of [1, 2, 3]) expect(both(nodeRef(id, 1))).toBe(there(nodeRef(id, 1)));
  });

  it('says nothing of nodes that are on no path', () => {
    const standing = standingAlong([cluster(1, 1), cluster(7, 1)], [path(1, [1])]);
    expect(standing(nodeRef(7, 1))).toBeUndefined();
    expect(standing(nodeRef(1, 2))).toBeUndefined();
  });
});
