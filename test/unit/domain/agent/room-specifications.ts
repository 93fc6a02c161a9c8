import type { CommandBody } from '../../../../domain/commands';
import { and, givenSmallGrid, spec, type Specification } from '../given';
import { registration } from './agent-specifications';

const reserve = (workflow: string): CommandBody => ({
  type: 'ReserveSpare',
  data: { cluster: 2, node: 0, workflow },
});
const release = (node: number, workflow: string): CommandBody => ({
  type: 'ReleaseSpare',
  data: { cluster: 2, node, workflow },
});

/** FG-380: what a workflow gets where its cluster has no spare of its own, and what becomes of it afterwards. */
export function roomSpecifications(): Specification[] {
  // The spare is taken; it and five members have no place yet.
  const small = and(givenSmallGrid(), reserve('w1'));
  const roomy = and(small, registration('h1', 5, { capacity: 7 }));
  const lent = and(roomy, reserve('w2'));
  const full = and(small, registration('h1', 5, { capacity: 6 }));
  const other = and(small, registration('h1', 5, { functions: ['ids'] }));
  return [
    spec("FG-380: an agent's free room becomes a node", roomy, reserve('w2'), ['NodeAdmitted', 'SpareReserved']),
    spec('FG-380: asked again it is the same', lent, reserve('w2'), []),
    spec('FG-380: the same room is not promised twice', lent, reserve('w3'), 'none-free'),
    spec('FG-380: what waits for a place gets it first', full, reserve('w2'), 'none-free'),
    spec('FG-380: room without the function is none', other, reserve('w2'), 'none-free'),
    spec('FG-380: given back the node is gone', lent, release(5, 'w2'), ['SpareReleased', 'NodeRemoved']),
    spec('FG-380: and its room is free', and(lent, release(5, 'w2')), reserve('w3'), ['NodeAdmitted', 'SpareReserved']),
    spec('FG-380: a spare of the cluster stays one', lent, release(4, 'w1'), ['SpareReleased']),
  ];
}
