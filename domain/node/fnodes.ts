import type { Millis } from '../base/ids';
import { nodesOf, originatesFlows } from '../cluster/state';
import type { GridState } from '../grid-state';

/** FNODE numbers are the high 8 bits of a flow ID; 0 is nobody's. */
const FNODE_MAX = 255;

/**
 * The lowest number that no living FNODE has and that no flow of a dead one can still carry ([0077]); 0 if all are
 * taken.
 */
export function freeFnode(state: GridState, at: Millis): number {
  const taken = new Set<number>();
  for (const { fnode, freeAt } of state.topology.heldFnodes) if (freeAt > at) taken.add(fnode);
  for (const cluster of Object.values(state.clusters)) {
    if (originatesFlows(cluster)) for (const node of nodesOf(cluster)) taken.add(node.fnode);
  }
  for (let fnode = 1; fnode <= FNODE_MAX; fnode++) if (!taken.has(fnode)) return fnode;
  return 0;
}
