import { COMMAND_LIFETIME_MS } from '../../domain/commands';
import type { TopologyEvent } from '../../domain/events';
import type { Commit } from '../../domain/log/commit';
import type { Clock, Timers } from '../../domain/seams/clock';
import type { EventLog } from '../../domain/seams/event-log';
import { createActivities, type ProvisioningPort } from '../../workflows/activities';
import { definitions } from '../../workflows/definitions';
import { createEmbeddedEngine, type EmbeddedEngine } from '../../workflows/embedded/engine';
import type { ControlPlane } from '../control/control-plane';
import { createWorkflowJournal } from '../control/workflow-journal';

export interface ProvisionerOptions {
  readonly control: ControlPlane;
  readonly log: EventLog;
  readonly clock: Clock;
  readonly timers: Timers;
  /** A workflow goes no further here, because its journal could not be written: the next {@link Provisioner.resume} goes on. */
  readonly onStuck?: (workflow: string, error: unknown) => void;
}

/**
 * Carries out every workflow that the log asks for, beside the control plane that leads. Who asked does not matter: what
 * counts is the request in the log, so that none is lost with a leader.
 */
export class Provisioner {
  private readonly engine: EmbeddedEngine;
  private readonly running = new Set<string>();

  constructor(private readonly options: ProvisionerOptions) {
    const { control, log, clock, timers, onStuck } = options;
    this.engine = createEmbeddedEngine({
      journal: createWorkflowJournal(control, log, clock),
      definitions,
      activities: createActivities(portOf(control, clock)),
      clock,
      timers,
      ...(onStuck === undefined ? {} : { onStuck }),
    });
  }

  /** Goes on with what an earlier leader, or an earlier program, did not bring to its end. */
  async resume(): Promise<void> {
    for (const workflow of await this.engine.resume()) this.running.add(workflow);
  }

  /** A commit was folded while this control plane leads: what it requests begins. */
  folded({ events }: Commit<TopologyEvent>): void {
    for (const { type, data } of events) {
      if (type === 'ProvisioningRequested') this.begin(data.workflow);
      if (type === 'ProvisioningSucceeded' || type === 'ProvisioningFailed') this.running.delete(data.workflow);
    }
  }

  /** Whether some workflow has not ended. */
  get isBusy(): boolean {
    return this.running.size > 0;
  }

  /** Goes no further; nothing is undone. Call before the control plane stops. */
  close(): Promise<void> {
    return this.engine.close();
  }

  private begin(workflow: string): void {
    this.running.add(workflow);
    this.engine.describe(workflow).catch((error: unknown) => this.options.onStuck?.(workflow, error));
  }
}

/** The control plane as activities see it: each command is caused by the request of its workflow. */
function portOf(control: ControlPlane, clock: Clock): ProvisioningPort {
  return {
    submit(command) {
      const workflow = command.by.slice(command.by.indexOf(':') + 1);
      const cause = control.state.workflows[workflow]?.requested ?? 0;
      return control.submit({ ...command, cause, deadline: clock.now() + COMMAND_LIFETIME_MS });
    },
    until: (look, withinMs, cancelled) => control.until(look, withinMs, cancelled),
  };
}
