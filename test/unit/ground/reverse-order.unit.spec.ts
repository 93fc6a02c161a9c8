import { nodeRef, type NodeRef } from '../../../domain/base/ids';
import { judgeReverse, type Hop } from '../../support/reverse-order';

const [ENTRY, EXIT] = [nodeRef(1, 1), nodeRef(3, 1)];
const [FIRST, SECOND, THIRD] = [1, 2, 3].map((node) => nodeRef(2, node)) as [NodeRef, NodeRef, NodeRef];

/** A frame that goes through the grid by one node of the middle stage. */
function frame(sequence: number, by: NodeRef, reverse = false): Hop[] {
  const route = reverse ? [EXIT, by, ENTRY] : [ENTRY, by, EXIT];
  const path = route.map((ref) => ref >>> 7);
  return [1, 2].map((count) => ({
    flow: 7,
    reverse,
    sequence,
    path,
    visited: route.slice(0, count),
    sender: route[count - 1]!,
  }));
}

const back = (sequence: number, by: NodeRef): Hop[] => frame(sequence, by, true);

describe('FG-223: what e2e tests hold the way back to', () => {
  test('the same node both ways, or its heir from its death on, is right', () => {
    expect(judgeReverse([...frame(1, FIRST), ...back(1, FIRST)], [])).toEqual({
      wrong: [],
      reverseFrames: 1,
      byHeirs: 0,
    });
    const over = [...frame(1, FIRST), ...back(1, FIRST), ...frame(2, SECOND), ...back(1, SECOND), ...back(2, SECOND)];
    expect(judgeReverse(over, [FIRST])).toEqual({ wrong: [], reverseFrames: 2, byHeirs: 2 });
    const twice = [...frame(1, FIRST), ...back(1, SECOND), ...frame(2, THIRD), ...back(2, THIRD)];
    expect(judgeReverse(twice, [FIRST, SECOND]).wrong).toEqual([]);
  });

  test.each([
    ['another node on the way back', [...frame(1, FIRST), ...back(1, SECOND)], []],
    ['another node although a third one died', [...frame(1, FIRST), ...back(1, SECOND)], [THIRD]],
    ['two heirs', [...frame(1, FIRST), ...frame(2, SECOND), ...back(1, THIRD)], [FIRST]],
    ['a dead node after its heir', [...back(1, SECOND), ...back(2, FIRST)], [FIRST]],
    ['another order of clusters', [...frame(1, FIRST), { ...back(1, FIRST)[0]!, path: [3, 1, 2] }], []],
    ['a node that the list does not name', [{ ...frame(1, FIRST)[1]!, sender: SECOND }], []],
    ['a cluster left out', [{ ...frame(1, FIRST)[1]!, visited: [FIRST] }], []],
  ])('%s is found', (_, hops, killed) => {
    expect(judgeReverse(hops, killed).wrong).not.toEqual([]);
  });
});
