import { randomUUID } from 'node:crypto';
import type { CommandBody } from '../../domain/commands';
import { EXIT, type Io, type SubmitOptions } from '../../interface/cli/programs';
import { withMnodes } from './leader-access';

/**
 * `flowgrid submit`, `flowgrid mode`: one command to whoever leads; resolves when its outcome is durable. Exit 4 when it was
 * refused, 5 when that was because what it names is not there.
 *
 * @throws FlowgridError `timeout` when nobody led in time, `not-found` when no program runs on the data directory.
 */
export async function submit(options: SubmitOptions, io: Io): Promise<number> {
  const { command, withinMs, by } = options;
  const what = options.what ?? command.type;
  const id = options.id ?? `cli/${randomUUID()}`;
  const outcome = await withMnodes(options, (mnodes, clock) =>
    mnodes.submit({ id, by, deadline: clock.now() + withinMs, body: command as CommandBody }),
  );
  if (options.json) io.out(JSON.stringify({ id, ...outcome }));
  else if (outcome.status === 'accepted') io.out(`${what}: commit ${outcome.seq}`);
  else if (outcome.status === 'unchanged') io.out(`${what}: the grid was so already`);
  if (outcome.status !== 'rejected') return EXIT.ok;
  const { reason, message } = outcome.rejection;
  if (!options.json) io.err(`flowgrid: ${what} was refused (${reason}): ${message}`);
  return reason === 'not-found' ? EXIT.notFound : EXIT.findings;
}
