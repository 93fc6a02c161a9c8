import { nodeRef } from '../../../../domain/base/ids';
import { createChecker } from '../../../../projections/verdicts';
import type { TestGrid } from './test-grid';

type Figures = ReturnType<ReturnType<typeof createChecker>['figures']>;

/** Everything balances, and what left is what the grid may make of what entered, to the byte; returns what was explained. */
export function expectSound(g: TestGrid): Figures {
  const checker = createChecker();
  checker.observeStanding([g.topology], []);
  for (const record of g.taps) checker.observe(record);
  for (const [node, events] of g.events)
    for (const event of events) checker.observeFlowEvent(`${node >>> 7}/${node & 0x7f}@1`, event);
  const nodes = g.topology.clusters.flatMap(({ id, members }) =>
    members.map(({ node }) => g.group(nodeRef(id, node)).statistics(nodeRef(id, node))),
  );
  const verdicts = checker.verdicts({ nodes, inTransit: 0 });
  expect(Object.values(verdicts).filter((verdict) => verdict.startsWith('broken'))).toEqual([]);
  expect(verdicts.conservation).toBe('held');
  return checker.figures();
}
