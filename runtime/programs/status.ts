import { EXIT, type Io, type StatusOptions } from '../../interface/cli/programs';
import { FlowgridError } from '../../domain/base/errors';
import { timeText } from '../../interface/cli/text';
import type { MnodeStatus } from '../control/mnode-status';
import { withMnodes } from './leader-access';

const ROLES = { leading: 'leads', following: 'stands by', idle: 'starts' } as const;

/**
 * `flowgrid status`: the MNODEs of a grid, who leads, and how far behind the others are.
 *
 * @throws FlowgridError `not-found` when none answers.
 */
export async function status(options: StatusOptions, io: Io): Promise<number> {
  const told = await withMnodes(options, (mnodes) => mnodes.status());
  if (told.length === 0) {
    throw new FlowgridError('not-found', `no MNODE of grid ${options.grid} answers at ${options.nats}`, {
      remedy: 'start one: flowgrid mnode GRID.yaml --name MA-1 --nats …; or correct --grid or --nats',
    });
  }
  for (const mnode of told) {
    if (options.json) io.out(JSON.stringify(mnode));
    else for (const text of [line(mnode), ...linkLines(mnode)]) io.out(text);
  }
  return EXIT.ok;
}

/** Who has not the interfaces that it should have, or how many agents have theirs. */
function linkLines({ links = [] }: MnodeStatus): string[] {
  if (links.length === 0) return [];
  const wrong = links.filter(({ isRight }) => !isRight);
  const right = links.length - wrong.length;
  return [
    `links    ${right} of ${links.length} agents on the LAN have the interfaces that they should have`,
    ...wrong.map(({ agent, installed, desired }) => `  ${agent} has ${installed} of ${desired}, or others`),
  ];
}

function line({ name, role, since, seq, hash, epoch, behind, stateHash }: MnodeStatus): string {
  const lag = role === 'leading' ? '' : `, ${behind ?? '?'} behind`;
  return `${name.padEnd(8)} ${ROLES[role]} since ${timeText(since)}, epoch ${epoch}, commit ${seq} ${hash.slice(0, 12)}, state ${stateHash?.slice(0, 12) ?? '?'}${lag}`;
}
