import { randomUUID } from 'node:crypto';
import type { CommandBody } from '../../domain/commands';
import { EXIT, type Io, type SubmitOptions } from '../../interface/cli/programs';
import { withMnodes } from './leader-access';

/**
 * `flowgrid submit`: one command to whoever leads; resolves when its outcome is durable. Exit 4 when it was refused.
 *
 * @throws FlowgridError `timeout` when nobody led in time.
 */
export async function submit(options: SubmitOptions, io: Io): Promise<number> {
  const { command, withinMs, by } = options;
  const { type } = command;
  const id = options.id ?? `cli/${randomUUID()}`;
  const outcome = await withMnodes(options, (mnodes, clock) =>
    mnodes.submit({ id, by, deadline: clock.now() + withinMs, body: command as CommandBody }),
  );
  if (options.json) io.out(JSON.stringify({ id, ...outcome }));
  else if (outcome.status === 'accepted') io.out(`${type}: commit ${outcome.seq}`);
  else if (outcome.status === 'unchanged') io.out(`${type}: the grid was so already`);
  if (outcome.status !== 'rejected') return EXIT.ok;
  const { reason, message } = outcome.rejection;
  if (!options.json) io.err(`flowgrid: ${type} was refused (${reason}): ${message}`);
  return EXIT.findings;
}
