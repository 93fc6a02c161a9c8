import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { inspectGridFile } from '../../../../../runtime/control/grid-file';

const EXAMPLES = join(__dirname, '../../../../../examples');

const gridWith = (cluster: string, more = ''): string => `
grid: siblings
networks: { EN-1: { cluster: IA }, EN-2: { cluster: IC } }
clusters:
  IA: { id: 1, role: inode }
  IC: { id: 2, role: inode }
  AB: { id: 3, ${cluster} }
links:
  near: { kind: star, members: [IA, AB] }
  far: { kind: star, members: [IC, AB] }
${more}
paths: { there: { from: [EN-1], through: [AB], to: EN-2 }, back: { from: [EN-2], through: [AB], to: EN-1 } }
policies: [{ type: all, paths: [there, back] }]
`;

const problems = (text: string): string[] =>
  inspectGridFile(text).problems.map(({ line, column, what }) => `${line}:${column}: ${what}`);

const APART = '7:3: cluster AB: AB-1 and AB-2 share no link, and cannot hand flows to each other as "backup" asks';

describe('siblings that back each other up', () => {
  it('FG-570: leaves of stars alone are refused, with the two that share no link', () => {
    expect(problems(gridWith('nodes: 2, failure: backup'))).toEqual([APART]);
    expect(problems(gridWith('nodes: 1, spares: 1, failure: backup'))).toEqual([APART]);
    expect(problems(gridWith('nodes: 2'))).toEqual([APART]);
    const [problem] = inspectGridFile(gridWith('nodes: 2')).problems;
    expect(problem!.remedy).toContain('AB-siblings: { kind: switch, members: [AB] }');
  });

  it.each([
    ['another policy', 'nodes: 2, failure: redirect', ''],
    ['nobody to hand over to', 'nodes: 1, failure: backup', ''],
    ['a switch of their own', 'nodes: 3, failure: backup', '  s: { kind: switch, members: [AB] }'],
    ['a control link', 'nodes: 3, failure: backup', '  s: { kind: hub, members: [IA, AB], control: true }'],
    ['named one by one', 'nodes: 2, failure: backup', '  s: { kind: cable, members: [AB-1, AB-2] }'],
  ])('FG-570: they are not where there is %s', (_what, cluster, more) => {
    expect(problems(gridWith(cluster, more))).toEqual([]);
  });

  it('FG-570: of three a cable joins two', () => {
    const cable = '  s: { kind: cable, members: [AB-1, AB-2] }';
    expect(problems(gridWith('nodes: 3, failure: backup', cable))).toEqual([APART.replace('AB-2', 'AB-3')]);
  });

  it('FG-570: no example is refused', () => {
    for (const file of readdirSync(EXAMPLES).filter((name) => name.endsWith('.yaml'))) {
      expect([file, ...problems(readFileSync(join(EXAMPLES, file), 'utf8'))]).toEqual([file]);
    }
  });
});
