import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { nodeRef } from '../../../../domain/base/ids';
import { REASONS } from '../../../../dataplane/frames/reasons';
import { cluster, TestGrid } from './test-grid';

const PAGE = readFileSync(join(__dirname, '../../../../docs/reference/statistics.md'), 'utf8');
const NO_DROPS: readonly string[] = ['consumed', 'stateless'];

test('FG-132: the page of statistics explains every member and every reason to drop', () => {
  const g = new TestGrid({
    clusters: [cluster(1, 1, { role: 'inode' }), cluster(2, 1), cluster(3, 1, { role: 'inode' })],
  });
  const members = Object.keys(g.group(nodeRef(1, 1)).statistics(nodeRef(1, 1)));
  const reasons = REASONS.slice(REASONS.indexOf('runt')).filter((reason) => !NO_DROPS.includes(reason));
  expect([...members, ...reasons].filter((name) => !PAGE.includes(`\`${name}\``))).toEqual([]);
});
