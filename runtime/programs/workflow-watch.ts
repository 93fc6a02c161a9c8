import { isFlowgridError } from '../../domain/base/errors';
import type { Millis } from '../../domain/base/ids';
import type { WorkflowView } from '../control/workflow-requests';
import type { Mnodes } from './leader-access';
import type { WallClock } from './wall-clock';

/** Pause between two looks at the workflows, milliseconds. */
const LOOK_MS = 100;

/**
 * Looks at workflows until all have ended, and tells of each look. Leaders may change meanwhile, and programs be started
 * again: only when nobody leads for `withinMs` is it given up.
 *
 * @returns how they ended; undefined when interrupted before. The workflows go on without being looked at.
 * @throws FlowgridError `timeout` or `not-found` when nobody led for so long.
 */
export async function watched(
  mnodes: Mnodes,
  clock: WallClock,
  ids: readonly string[],
  withinMs: Millis,
  interrupted: AbortSignal,
  tell: (view: WorkflowView) => void,
): Promise<readonly WorkflowView[] | undefined> {
  const ended = new Map<string, WorkflowView>();
  for (;;) {
    for (const id of ids) {
      if (ended.has(id)) continue;
      const view = await look(mnodes, clock, id, withinMs);
      tell(view);
      if (view.status !== 'running') ended.set(id, view);
    }
    if (ended.size === ids.length) return ids.map((id) => ended.get(id)!);
    if (interrupted.aborted) return undefined;
    await new Promise<void>((go) => clock.schedule(clock.now() + LOOK_MS, go));
  }
}

/** One look, over the loss of whoever leads: the program that held the log's socket may be started again. */
async function look(mnodes: Mnodes, clock: WallClock, id: string, withinMs: Millis): Promise<WorkflowView> {
  const until = clock.now() + withinMs;
  for (;;) {
    try {
      return await mnodes.ask({ ask: 'show', id }, Math.max(1, until - clock.now()));
    } catch (error) {
      if (!isFlowgridError(error, 'not-found') || clock.now() >= until) throw error;
      await new Promise<void>((go) => clock.schedule(clock.now() + LOOK_MS, go));
    }
  }
}
