import type { FlowId, NodeRef } from '../../domain/base/ids';
import { CONTROL_MOVE } from './control-frames';
import type { Node } from './node';

/* Arguments of `MOVE`; each body begins with the flow's ID (u32). */

/** To the target: the flow's entry (body of `EXPORT`); its frames wait there from now on. */
export const PREPARE = 1;
export const READY = 2;
/** To the neighbours on the route: the node (u16) that has the flow from now on. */
export const SWITCH = 3;
export const SWITCHED = 4;
/** To the target: exact windows of sequences, and what the function knows. */
export const STATE = 5;
/** To the target, behind the last frame that was passed on: what waited may be processed. */
export const RELEASE = 6;
export const CANCEL = 7;
/** Word of a switch that is passed on to the ends of the route: cluster's old node u16, new node u16. */
export const PASSED_ON = 8;

/** Sends a word that holds nothing but nodes. */
export function say(node: Node, to: NodeRef, word: number, id: FlowId, nodes: readonly NodeRef[]): void {
  const { control, incarnation, ref } = node;
  if (!control.begin(incarnation)) return;
  control.u32(id);
  for (const each of nodes) control.u16(each);
  control.send(ref, to, CONTROL_MOVE, word);
}
