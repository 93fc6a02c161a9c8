import type { FlowId } from '../base/ids';
import type { GridState } from '../grid-state';
import { NOTHING_TO_DO, reject, type Decision } from '../message';
import type { ReplicateFlow } from './commands';
import type { ReplicationEvent } from './events';

/** Flows that may be asked for at a time: each topology names them all. */
const REPLICATIONS_MAX = 1_000;

/** Asks for a clone of a flow. Whether the flow lives only its INODE knows: an order for any other changes nothing there. */
export function replicateFlow(
  state: GridState,
  { flow, path: name }: ReplicateFlow['data'],
): Decision<ReplicationEvent> {
  if (!Number.isInteger(flow) || flow < 1 || flow > 0xffff_ffff) {
    return reject('invalid', `${flow} is no flow ID: it is an integer from 1 to 4294967295`);
  }
  const paths = Object.values(state.paths);
  if (!paths.some((path) => path.name === name)) {
    return reject(
      'not-found',
      `there is no path ${name}; paths of this grid: ${paths.map((path) => path.name).join(', ')}`,
    );
  }
  const orders = Object.values(state.replications);
  const present = state.replications[flow];
  if (present?.path === name) return NOTHING_TO_DO;
  if (present !== undefined) {
    return reject('exists', `the flow is replicated to path ${present.path} already; a flow has one clone`);
  }
  if (orders.length >= REPLICATIONS_MAX) {
    return reject(
      'none-free',
      `${REPLICATIONS_MAX} flows are to be replicated already: stop some, also of those that ended`,
    );
  }
  return [{ type: 'ReplicationRequested', v: 1, data: { flow, path: name, order: state.seq + 1 } }];
}

/** Ends what {@link replicateFlow} asked for. */
export function stopReplication(state: GridState, flow: FlowId): Decision<ReplicationEvent> {
  if (state.replications[flow] === undefined) return NOTHING_TO_DO;
  return [{ type: 'ReplicationStopped', v: 1, data: { flow } }];
}
