/** What the workflow's side and the worker's side of the Temporal engine agree on. */

/** The query that answers with a workflow's progress. */
export const PROGRESS_QUERY = 'progress';
/** A worker that falls silent for so long is held dead, and its step runs again elsewhere; in milliseconds. */
export const HEARTBEAT_TIMEOUT_MS = 3_000;
/** How often a running activity says that it is alive, and learns that it is cancelled; in milliseconds. */
export const HEARTBEAT_MS = 1_000;
/** The longest that one attempt of a step may take: draining may have to wait for long-lived flows. */
export const STEP_TIMEOUT = '30 days';
/** How often a step may fail that is tried until it succeeds. */
export const UNLIMITED = 0;
/** Custom search attributes by which a grid's workflows are found in Temporal. */
export const GRID_ATTRIBUTE = 'FlowgridGrid';
export const CLUSTER_ATTRIBUTE = 'FlowgridCluster';
