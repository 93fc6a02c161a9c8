import { nodeName } from '../../../domain/base/ids';
import type { GridState } from '../../../domain/grid-state';
import type { WorkflowLabels } from '../../../workflows/temporal/engine';
import { CLUSTER_ATTRIBUTE, GRID_ATTRIBUTE } from '../../../workflows/temporal/names';

/** What Temporal's tools show of a workflow: of which grid it is, and which cluster and node it is about. */
export function labelsOf(state: GridState, name: string, input: unknown): WorkflowLabels {
  const { cluster: id, node: number } = (input ?? {}) as { cluster?: unknown; node?: unknown };
  const grid = state.grid?.name ?? '';
  const cluster = state.clusters[Number(id)]?.settings.name ?? '';
  const node = Number(number) > 0 && cluster !== '' ? nodeName(cluster, Number(number)) : '';
  const about = node || cluster;
  return {
    summary: `${grid}: ${name}${about === '' ? '' : ` ${about}`}`,
    memo: { grid, ...(cluster !== '' && { cluster }), ...(node !== '' && { node }) },
    attributes: { [GRID_ATTRIBUTE]: grid, [CLUSTER_ATTRIBUTE]: cluster },
  };
}
