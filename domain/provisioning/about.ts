import { nodeName } from '../base/ids';
import type { GridState } from '../grid-state';

/** What a workflow is about, by name. */
export interface WorkflowSubject {
  /** None where the grid does not know the cluster that is meant. */
  readonly clusters: readonly string[];
  /** The node, where it is about one; empty where it is about clusters as a whole, or any node will do. */
  readonly node: string;
}

/**
 * What a workflow is about, by its input: `cluster` by its ID or its name, or `clusters`, and perhaps a `node`. Inputs stay in
 * the log as they were given, so that each of these is read for ever.
 */
export function subjectOf(state: GridState, input: unknown): WorkflowSubject {
  const { cluster, clusters, node } = (input ?? {}) as Readonly<Record<string, unknown>>;
  const named = (Array.isArray(clusters) ? (clusters as unknown[]) : [cluster]).flatMap((each) => nameOf(state, each));
  const [first] = named;
  const isOne = first !== undefined && Number(node) > 0;
  return { clusters: named, node: isOne ? nodeName(first, Number(node)) : '' };
}

/** A name stays true when its cluster is gone; an ID then says nothing. */
function nameOf({ clusters }: GridState, cluster: unknown): string[] {
  if (typeof cluster === 'string') return [cluster];
  const name = clusters[Number(cluster)]?.settings.name;
  return name === undefined ? [] : [name];
}
