import type { Millis } from '../../domain/base/ids';
import type { TopologyEvent } from '../../domain/events';
import type { GridState } from '../../domain/grid-state';
import type { Commit } from '../../domain/log/commit';
import type { Clock, Timers } from '../../domain/seams/clock';
import type { EventLog } from '../../domain/seams/event-log';
import type { RetryPolicy } from './command-handler';
import type { Alert } from './effects';
import type { Patience } from './node-watch';
import type { TopologyListener } from './publication';

export interface ControlPlaneOptions {
  readonly log: EventLog;
  readonly clock: Clock;
  readonly timers: Timers;
  /** This control plane's name, as `LeaderElected` records it: an MNODE's node name. */
  readonly name: string;
  /** Told about topologies; more can be added later only by a new control plane. */
  readonly listeners?: readonly TopologyListener[];
  readonly onAlert?: (alert: Alert) => void;
  /** The log refuses this control plane, because another one leads: it has stood down. */
  readonly onDeposed?: (error: unknown) => void;
  /** Called for each commit as it is folded, history included; `hash` is that of its stored bytes. */
  readonly onCommit?: (commit: Commit<TopologyEvent>, state: GridState, hash: string) => void;
  /** A snapshot is kept after this many commits. Default 1,000. */
  readonly snapshotEvery?: number;
  readonly retry?: RetryPolicy;
  /** How long silent nodes are waited for, where they are heard over a bus. */
  readonly patience?: Patience;
  /**
   * Flow batches wait so many milliseconds for the others with which they are anchored, at most. Absent: until there are
   * enough of them, or somebody asks (`ControlPlane.anchor`).
   */
  readonly anchorWithinMs?: Millis;
  /**
   * Clusters follow their loads: whoever runs this control plane tells loads (`ControlPlane.reportLoad`) and carries
   * out the workflows that are requested in the log. Absent: nothing is autoscaled here.
   */
  readonly autoscale?: boolean;
}

/**
 * - `idle`: knows what it has loaded;
 * - `following`: a warm standby, which folds the log as it grows and does nothing else;
 * - `leading`: decides, appends, reacts and tells nodes.
 */
export type ControlRole = 'idle' | 'following' | 'leading';
