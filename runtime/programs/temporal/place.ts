import { bundleWorkflows, type WorkflowBundle } from '../../../workflows/temporal/bundle';
import type { TemporalSecurity } from '../../../workflows/temporal/security';
import { quietRuntime } from '../../../workflows/temporal/worker';

/** A Temporal server, and where on it a grid's workflows run. */
export interface TemporalPlace {
  /** `host:port` of its front end. */
  readonly address: string;
  readonly namespace: string;
  /** One for each grid. */
  readonly taskQueue: string;
  /** The name of this program's workers there. */
  readonly identity: string;
  /** Absent: a server that lets everybody in. */
  readonly security?: TemporalSecurity;
  readonly bundle: Promise<WorkflowBundle>;
}

/**
 * Gets this process ready to run workers, while it does other things.
 *
 * @throws FlowgridError `unsupported` without the optional packages.
 */
export async function temporalPlace(place: Omit<TemporalPlace, 'bundle'>): Promise<TemporalPlace> {
  await quietRuntime();
  const bundle = bundleWorkflows();
  // Told by whoever needs it.
  bundle.catch(() => undefined);
  return { ...place, bundle };
}
