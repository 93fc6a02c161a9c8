import { subjectOf } from '../../../../domain/provisioning/about';
import { labelsOf } from '../../../../runtime/programs/temporal/labels';
import { GridWorld } from '../../workflows/grid-world';

describe('FG-436: what a workflow is about is told by name', () => {
  const { state } = new GridWorld();

  test.each([
    ['a cluster by its ID', { cluster: 2, node: 0 }, ['AB'], ''],
    ['a node', { cluster: 2, node: 3 }, ['AB'], 'AB-3'],
    ['a cluster by its name', { cluster: 'AB', function: { name: 'pass' } }, ['AB'], ''],
    ['clusters by their names', { clusters: ['AB', 'IC'], nodes: 2 }, ['AB', 'IC'], ''],
    ['a cluster that is not there any more, by name', { cluster: 'AZ' }, ['AZ'], ''],
    ['a node of a cluster that is not there any more', { cluster: 99, node: 3 }, [], ''],
    ['nothing', null, [], ''],
  ])('%s', (_, input, clusters, node) => {
    expect(subjectOf(state, input)).toEqual({ clusters, node });
  });

  test('so do Temporal’s tools', () => {
    expect(labelsOf(state, 'upgradeFunction', { cluster: 'AB' })).toEqual({
      summary: 'g: upgradeFunction AB',
      memo: { grid: 'g', cluster: 'AB' },
      attributes: { FlowgridGrid: 'g', FlowgridCluster: ['AB'] },
    });
    expect(labelsOf(state, 'cloneEnvironment', { clusters: ['AB', 'IC'] })).toMatchObject({
      summary: 'g: cloneEnvironment AB, IC',
      attributes: { FlowgridCluster: ['AB', 'IC'] },
    });
    expect(labelsOf(state, 'replaceNode', { cluster: 2, node: 1 })).toMatchObject({
      summary: 'g: replaceNode AB-1',
      memo: { cluster: 'AB', node: 'AB-1' },
    });
  });
});
