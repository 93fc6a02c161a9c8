import type { Millis } from '../../domain/base/ids';
import { COMMAND_LIFETIME_MS } from '../../domain/commands';
import type { TopologyEvent } from '../../domain/events';
import type { Commit } from '../../domain/log/commit';
import type { Clock, Timers } from '../../domain/seams/clock';
import type { EventLog } from '../../domain/seams/event-log';
import type { WorkflowProgress } from '../../domain/seams/workflow-engine';
import { createActivities, type ProvisioningPort } from '../../workflows/activities';
import { definitions } from '../../workflows/definitions';
import { createEmbeddedEngine, type EmbeddedEngine } from '../../workflows/embedded/engine';
import type { ControlPlane } from '../control/control-plane';
import type { Alert } from '../control/effects';
import { createWorkflowJournal } from '../control/workflow-journal';
import type { WorkflowCarrier } from '../control/workflow-requests';

export interface ProvisionerOptions {
  readonly control: ControlPlane;
  readonly log: EventLog;
  readonly clock: Clock;
  readonly timers: Timers;
  /** What a node's function counted in its present life; absent: nobody here hears it. */
  readonly counted?: ProvisioningPort['counted'];
  /** A workflow goes no further for the moment, because its journal could not be read or written; it is tried again. */
  readonly onStuck?: (workflow: string, error: unknown) => void;
}

/** Pause before a workflow that is stuck is taken up again, milliseconds. */
const AGAIN_AFTER_MS: Millis = 5_000;

/** Who carries out workflows beside the control plane that leads, from the beginning of a leadership to its end. */
export interface Provisioning extends WorkflowCarrier {
  /** Goes on with what an earlier leader, or an earlier program, did not bring to its end. Never rejects. */
  resume(): Promise<void>;
  /** A commit was folded while this control plane leads: what it requests begins. */
  folded(commit: Commit<TopologyEvent>): void;
  /** Goes no further; nothing is undone. Call before the control plane stops. */
  close(): Promise<void>;
}

/**
 * Carries out every workflow that the log asks for, on the embedded engine. Who asked does not matter: what counts is the
 * request in the log, so that none is lost with a leader.
 */
export class Provisioner implements Provisioning {
  private readonly engine: EmbeddedEngine;
  private readonly running = new Set<string>();
  /** What was told of those that are stuck: told again when it is something else. */
  private readonly told = new Map<string, string>();
  private stopTimer: (() => void) | undefined;
  private isClosed = false;

  constructor(private readonly options: ProvisionerOptions) {
    const { control, log, clock, timers } = options;
    this.engine = createEmbeddedEngine({
      journal: createWorkflowJournal(control, log, clock),
      definitions,
      activities: createActivities(portOf(control, clock, options.counted)),
      clock,
      timers,
      onStuck: (workflow, error) => this.stuck(workflow, error),
    });
  }

  async resume(): Promise<void> {
    const { workflows } = this.options.control.state;
    const unfinished = Object.keys(workflows).filter((id) => workflows[id]!.status === 'running');
    await Promise.all(unfinished.map((id) => this.begin(id)));
  }

  folded({ events }: Commit<TopologyEvent>): void {
    for (const { type, data } of events) {
      if (type === 'ProvisioningRequested') void this.begin(data.workflow);
      if (type !== 'ProvisioningSucceeded' && type !== 'ProvisioningFailed') continue;
      this.running.delete(data.workflow);
      this.told.delete(data.workflow);
    }
  }

  /** Whether some workflow has not ended. */
  get isBusy(): boolean {
    return this.running.size > 0;
  }

  async progress(id: string): Promise<WorkflowProgress | undefined> {
    return (await this.engine.describe(id))?.progress;
  }

  cancel(id: string): Promise<void> {
    return this.engine.cancel(id);
  }

  signal(id: string, name: string, payload: unknown): Promise<void> {
    return this.engine.signal(id, name, payload);
  }

  async close(): Promise<void> {
    this.isClosed = true;
    this.stopTimer?.();
    await this.engine.close();
  }

  private async begin(workflow: string): Promise<void> {
    this.running.add(workflow);
    await this.engine.describe(workflow).catch((error: unknown) => this.stuck(workflow, error));
  }

  /** Who leads no more leaves it to the next, and need not say so. */
  private stuck(workflow: string, error: unknown): void {
    const { control, clock, timers, onStuck } = this.options;
    if (this.isClosed || control.role !== 'leading') return;
    const why = String(error);
    if (this.told.get(workflow) !== why) onStuck?.(workflow, error);
    this.told.set(workflow, why);
    this.stopTimer ??= timers.schedule(clock.now() + AGAIN_AFTER_MS, () => {
      this.stopTimer = undefined;
      void this.resume();
    });
  }
}

/** What an operator is told of a workflow that goes no further for the moment. */
export function stuckAlert(workflow: string, error: unknown, at: Millis): Alert {
  const why = (error as { message?: string } | undefined)?.message ?? String(error);
  return { at, about: 'grid', text: `workflow ${workflow} goes no further for the moment: ${why}` };
}

/** The control plane as activities see it: each command is caused by the request of its workflow. */
export function portOf(
  control: ControlPlane,
  clock: Clock,
  counted: ProvisioningPort['counted'] = async () => undefined,
): ProvisioningPort {
  return {
    submit(command) {
      const workflow = command.by.slice(command.by.indexOf(':') + 1);
      const cause = control.state.workflows[workflow]?.requested ?? 0;
      return control.submit({ ...command, cause, deadline: clock.now() + COMMAND_LIFETIME_MS });
    },
    until: (look, withinMs, cancelled) => control.until(look, withinMs, cancelled),
    counted,
  };
}
