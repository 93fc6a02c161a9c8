import { FlowgridError } from '../../domain/base/errors';
import type { CommandBody, CommandRequest, Outcome } from '../../domain/commands';
import type { GridState } from '../../domain/grid-state';
import type { RejectionReason } from '../../domain/message';
import type { NodeAddress } from '../../domain/node/address';

/** All that activities may touch: the control plane, wherever it runs and whoever leads it. */
export interface ProvisioningPort {
  /** Submits a command to whoever leads; the port gives it a deadline. Safe to repeat under the same id. */
  submit(command: Omit<CommandRequest, 'deadline'>): Promise<Outcome>;
  /**
   * Looks at the grid now and after every commit, and resolves with the first value that is not undefined. `withinMs`
   * is grid time, Infinity = for ever.
   *
   * @throws FlowgridError `timeout`, or `interrupted` when `cancelled` fires.
   */
  until<Value>(
    look: (state: GridState) => Value | undefined,
    withinMs: number,
    cancelled?: AbortSignal,
  ): Promise<Value>;
  /** What a node's function counted in its present life, by name; undefined where nobody has told yet. */
  counted(node: NodeAddress): Promise<FunctionCounts | undefined>;
}

/** Numbers that only grow, by name. */
export interface FunctionCounts {
  readonly [name: string]: number;
}

/** The present state, by a look that always finds. */
export function present(port: ProvisioningPort): Promise<GridState> {
  return port.until((state) => state, 0);
}

/** Refusals that another attempt, or another leader, may not meet. */
const PASSING: readonly RejectionReason[] = ['not-leading', 'expired'];

/**
 * A command as an activity asks for it. Its id names the activity, the kind of command and the state that it was asked
 * in: a command sent twice is one, but an activity that runs again and finds something left to do is not answered with
 * the outcome of its first run.
 */
export function commandOf(
  activityId: string,
  seen: Pick<GridState, 'seq'>,
  body: CommandBody,
  object: number | string = '',
): Omit<CommandRequest, 'deadline'> {
  const workflow = activityId.slice(0, activityId.lastIndexOf('/'));
  return { id: `${activityId}/${body.type}${object}@${seen.seq}`, by: `workflow:${workflow}`, body };
}

/** @throws FlowgridError `rejected` when the command was refused; it may be retried where the reason can pass. */
export async function perform(port: ProvisioningPort, command: Omit<CommandRequest, 'deadline'>): Promise<void> {
  const outcome = await port.submit(command);
  if (outcome.status !== 'rejected') return;
  const { reason, message } = outcome.rejection;
  throw new FlowgridError('rejected', `${command.body.type} refused (${reason}): ${message}`, {
    canRetry: PASSING.includes(reason),
  });
}
