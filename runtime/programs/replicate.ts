import { FlowgridError } from '../../domain/base/errors';
import type { FlowId } from '../../domain/base/ids';
import type { Io, ReplicateOptions } from '../../interface/cli/programs';
import { flowName, overAt, type FlowRecord } from '../../projections';
import { readStory, withLog } from './log-reading';
import { submit } from './submit';

/**
 * `flowgrid replicate`: a command about a running flow, as `submit` sends it. Where the log is at hand it tells whether the flow
 * runs; over a bus its INODE alone knows.
 *
 * @throws FlowgridError `not-found` for a flow that the log does not know, or that has ended; `usage` for a clone.
 */
export async function replicate(options: ReplicateOptions, io: Io): Promise<number> {
  const { flow, mustRun, ...command } = options;
  if (mustRun && options.nats === undefined) {
    const lives = await withLog(options.data, async (log) => (await readStory(log)).flows.find(flow));
    checkRuns(flow, lives.at(-1));
  }
  return submit(command, io);
}

function checkRuns(flow: FlowId, life: FlowRecord | undefined): void {
  if (life === undefined) {
    throw new FlowgridError('not-found', `the log knows no flow ${flowName(flow)}`, {
      remedy: "take the ID from 'flowgrid trace' of its connection; a flow is known some 100 ms after its first frame",
    });
  }
  if (life.cloned !== undefined) {
    throw new FlowgridError('usage', `flow ${flowName(flow)} is a clone itself`, { remedy: 'name its original' });
  }
  const over = overAt(life);
  if (over !== Infinity) {
    const at = new Date(over / 1000).toISOString();
    throw new FlowgridError('not-found', `flow ${flowName(flow)} has ended, at ${at}`, {
      remedy: 'only what runs can be replicated; policies replicate flows from their beginning (replicateTo)',
    });
  }
}
