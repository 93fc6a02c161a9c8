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
  for (const mnode of told) io.out(options.json ? JSON.stringify(mnode) : line(mnode));
  return EXIT.ok;
}

function line({ name, role, since, seq, hash, epoch, behind, stateHash }: MnodeStatus): string {
  const lag = role === 'leading' ? '' : `, ${behind ?? '?'} behind`;
  return `${name.padEnd(8)} ${ROLES[role]} since ${timeText(since)}, epoch ${epoch}, commit ${seq} ${hash.slice(0, 12)}, state ${stateHash?.slice(0, 12) ?? '?'}${lag}`;
}
