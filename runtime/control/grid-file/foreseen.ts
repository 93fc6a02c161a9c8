import { FlowgridError } from '../../../domain/base/errors';
import type { CommandBody } from '../../../domain/commands';
import { decide } from '../../../domain/decide';
import { evolveCommit, initialState, type GridState } from '../../../domain/grid-state';
import { isRejection } from '../../../domain/message';
import type { DesiredGrid } from './desired';
import { planCommands } from './plan';

/**
 * The state that a grid file leads to on a new log, before any node says hello: links have the VLAN IDs that they would get.
 *
 * @throws FlowgridError `rejected` naming the first command that would be refused.
 */
export function foreseenState(desired: DesiredGrid): GridState {
  return planCommands(initialState(), desired).reduce(afterCommand, initialState());
}

function afterCommand(state: GridState, body: CommandBody): GridState {
  const seq = state.seq + 1;
  const id = `foreseen/${seq}`;
  const events = decide(state, { id, by: 'operator:foreseen', deadline: 0, at: 0, body });
  if (isRejection(events)) {
    throw new FlowgridError('rejected', `${body.type} would be refused (${events.reason}): ${events.message}`);
  }
  if (events.length === 0) return state;
  const { epoch } = state;
  return evolveCommit(state, { seq, prev: '', epoch, commandId: id, at: 0, by: '', cause: 0, corr: '', events });
}
