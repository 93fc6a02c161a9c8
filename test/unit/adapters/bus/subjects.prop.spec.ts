import fc from 'fast-check';
import { compilePattern } from '../../../../adapters/bus/matching';
import { agentOfSubject, ANY, encodeToken, nodeOfSubject, subjectsOf } from '../../../../adapters/bus/subjects';

test('the subjects are those of the design', () => {
  const subjects = subjectsOf('g1');
  expect([
    subjects.nodeHello('AB-2'),
    subjects.nodeStatus('AB-2'),
    subjects.topology(),
    subjects.flowStarted('AB-2'),
    subjects.flowEnded('AB-2'),
    subjects.statsGrid(),
    subjects.statsCluster('AB'),
    subjects.statsNode('AB-2'),
    subjects.statsLink('VN-1'),
    subjects.statsType(7),
    subjects.statsFlow('AB-2'),
    subjects.alert(),
    subjects.all(),
  ]).toEqual([
    'flowgrid.g1.node.AB-2.hello',
    'flowgrid.g1.node.AB-2.status',
    'flowgrid.g1.topology',
    'flowgrid.g1.flow.AB-2.started',
    'flowgrid.g1.flow.AB-2.ended',
    'flowgrid.g1.stats.grid',
    'flowgrid.g1.stats.cluster.AB',
    'flowgrid.g1.stats.node.AB-2',
    'flowgrid.g1.stats.link.VN-1',
    'flowgrid.g1.stats.type.7',
    'flowgrid.g1.stats.flow.AB-2',
    'flowgrid.g1.alert',
    'flowgrid.g1.>',
  ]);
});

test('any name stays in its place: it comes back from the subject, and only the patterns for it match', () => {
  const name = fc.string({ unit: 'grapheme', minLength: 1 }).filter((text) => text !== ANY);
  fc.assert(
    fc.property(name, name, (grid, node) => {
      const subject = subjectsOf(grid).nodeHello(node);
      expect(nodeOfSubject(subject)).toBe(node);
      expect(agentOfSubject(subject)).toBeUndefined();
      expect(agentOfSubject(subjectsOf(grid).agentHello(node))).toBe(node);
      expect(compilePattern(subjectsOf(grid).nodeHello(ANY))(subject)).toBe(true);
      expect(compilePattern(subjectsOf(grid).nodeStatus(ANY))(subject)).toBe(false);
      expect(compilePattern(subjectsOf(`${grid}x`).all())(subject)).toBe(false);
    }),
  );
});

test('subjects without a node name none', () => {
  expect(nodeOfSubject(subjectsOf('g').topology())).toBeUndefined();
  expect(nodeOfSubject(subjectsOf('g').statsNode('AB-2'))).toBeUndefined();
});

test.each(['', '\ud800', 'a\udc00b'])('name %j has no token', (bad) => {
  expect(() => encodeToken(bad)).toThrow(expect.objectContaining({ code: 'usage' }));
});
