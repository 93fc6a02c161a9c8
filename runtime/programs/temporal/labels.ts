import type { GridState } from '../../../domain/grid-state';
import { subjectOf } from '../../../domain/provisioning/about';
import type { WorkflowLabels } from '../../../workflows/temporal/engine';
import { CLUSTER_ATTRIBUTE, GRID_ATTRIBUTE } from '../../../workflows/temporal/names';

/** What Temporal's tools show of a workflow: of which grid it is, and which clusters and node it is about. */
export function labelsOf(state: GridState, name: string, input: unknown): WorkflowLabels {
  const { clusters, node } = subjectOf(state, input);
  const grid = state.grid?.name ?? '';
  const cluster = clusters.join(', ');
  const about = node || cluster;
  return {
    summary: `${grid}: ${name}${about === '' ? '' : ` ${about}`}`,
    memo: { grid, ...(cluster !== '' && { cluster }), ...(node !== '' && { node }) },
    attributes: { [GRID_ATTRIBUTE]: grid, [CLUSTER_ATTRIBUTE]: clusters },
  };
}
