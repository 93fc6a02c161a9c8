import type { GridState } from '../grid-state';
import { reject, type Decision } from '../message';
import type { LeaderElected } from './events';

/** Takes over with the next epoch: every record of an older one that is appended later is an orphan. */
export function electLeader(state: GridState, leader: string): Decision<LeaderElected> {
  if (leader === '') return reject('invalid', 'a leader needs a name');
  return [{ type: 'LeaderElected', v: 1, data: { epoch: state.epoch + 1, leader } }];
}
