import type { ClusterId, Millis, NodeId } from '../base/ids';
import type { WorkflowJournalEntry } from '../seams/workflow-engine';

/** A node that joins may take so long to say hello, and the others to install the topology that lists it. */
const HEALTHY_WITHIN_MS = 30_000;
const PUBLISHED_WITHIN_MS = 60_000;

/** A node that shall join its cluster, or leave it. */
export interface Scaling {
  readonly verdict: 'out' | 'in';
  readonly cluster: ClusterId;
  readonly node: NodeId;
  /** As a member, 1–100. */
  readonly weight: number;
  /** What still flows through a node that leaves is given up after so long; 0 = never. */
  readonly drainWithinMs: Millis;
}

/** How the workflow that does it begins: `scaleOut` or `scaleIn`, as whoever scales by hand and autoscaling request it. */
export function scalingRequest(
  { verdict, cluster, node, weight, drainWithinMs }: Scaling,
  at: Millis,
): Extract<WorkflowJournalEntry, { kind: 'started' }> {
  const common = { cluster, node, publishedWithinMs: PUBLISHED_WITHIN_MS };
  return verdict === 'out'
    ? { kind: 'started', name: 'scaleOut', input: { ...common, weight, healthyWithinMs: HEALTHY_WITHIN_MS }, at }
    : { kind: 'started', name: 'scaleIn', input: { ...common, drainWithinMs }, at };
}
