import { decide } from '../../../domain/decide';
import { nodesOf, type ClusterState } from '../../../domain/cluster/state';
import type { CommandBody } from '../../../domain/commands';
import type { TopologyEvent, TopologyEventType } from '../../../domain/events';
import { evolveCommit, initialState, type GridState } from '../../../domain/grid-state';
import { isRejection, type RejectionReason } from '../../../domain/message';
import { smallGridCommands } from '../runtime/control/small-grid';

/** Grid time of the specifications' commands. */
export const NOW = 1_000_000;

/** The state after commands, each committed; a refused one fails the test at once. */
export function given(...bodies: readonly CommandBody[]): GridState {
  return and(initialState(), ...bodies);
}

/** The small grid of three clusters, every member configured. */
export function givenSmallGrid(...bodies: readonly CommandBody[]): GridState {
  const grid = given(...smallGridCommands());
  const configured = Object.values(grid.clusters).flatMap((cluster: ClusterState) =>
    nodesOf(cluster)
      .filter(({ spare }) => !spare)
      .map(({ node }): CommandBody => ({
        type: 'ConfigureNode',
        data: { cluster: cluster.settings.id, node, weight: 1 },
      })),
  );
  return and(grid, ...configured, ...bodies);
}

/** The state after further commands. */
export function and(state: GridState, ...bodies: readonly CommandBody[]): GridState {
  return bodies.reduce((before, body) => {
    const events = decided(before, body);
    return events.length === 0 ? before : committed(before, events);
  }, state);
}

/** Folds events as one commit. */
export function committed(state: GridState, events: readonly TopologyEvent[], at = NOW): GridState {
  const seq = state.seq + 1;
  const { epoch } = state;
  return evolveCommit(state, { seq, prev: '', epoch, commandId: `c${seq}`, at, by: '', cause: 0, corr: '', events });
}

/** The events that a command leads to. */
export function decided(state: GridState, body: CommandBody, at = NOW): readonly TopologyEvent[] {
  const decision = decide(state, { id: 'test', by: 'operator:test', deadline: at, at, body });
  if (isRejection(decision)) throw new Error(`${body.type} refused: ${decision.reason}: ${decision.message}`);
  return decision;
}

/** Why a command is refused; undefined if it is not. */
export function refusal(state: GridState, body: CommandBody, at = NOW): RejectionReason | undefined {
  const decision = decide(state, { id: 'test', by: 'operator:test', deadline: at, at, body });
  return isRejection(decision) ? decision.reason : undefined;
}

/** A command in a state, and what it leads to: the types of its events, or why it is refused. */
export interface Specification {
  readonly name: string;
  readonly state: GridState;
  readonly command: CommandBody;
  readonly then: readonly TopologyEventType[] | RejectionReason;
}

export function spec(name: string, state: GridState, command: CommandBody, then: Specification['then']): Specification {
  return { name, state, command, then };
}
