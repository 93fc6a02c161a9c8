import { clusterOf, nodeOf, type NodeRef } from '../../domain/base/ids';
import { F_ID, F_NEXT_FWD, F_NEXT_REV } from '../frames/layout';
import { isCopyAt } from '../select/copies';
import { emitterFor } from '../select/route';
import { CONTROL_MODES } from './control-frames';
import { writeWord, type Word } from './mode-words';
import type { Node } from './node';

/** Whom words about a flow's modes go to ({@link ModeChanges}). */

/** Who emits here, and who gets copies of what goes on. */
export function servedAt(node: Node, flow: number): readonly NodeRef[] {
  const copies = node.side.copyFwd[node.aux(flow)];
  return copies === 0 ? [node.ref] : [node.ref, copies];
}

/** Who gets frames of the flow next, in direction `step`: past clusters that have nobody; 0 where it was given up. */
export function hopOf(node: Node, flow: number, step: number): NodeRef {
  const { u16, u32 } = node.ctx.arena;
  const next = u16[(flow + (step > 0 ? F_NEXT_FWD : F_NEXT_REV)) >>> 1];
  if (nodeOf(next) !== 0) return next;
  const route = node.routeOf(flow);
  const view = node.viewOf(flow);
  for (let at = node.side.position[node.aux(flow)] + step; at >= 0 && at < route.length; at += step) {
    if (isCopyAt(view, route, at)) continue;
    const { failure, whenEmpty, role } = view.cluster(clusterOf(route[at]));
    const found = emitterFor(view, clusterOf(route[at]), 0, u32[(flow + F_ID) >>> 2], node.obituary);
    if (found !== 0 && failure !== 'discard') return found;
    if (found !== 0 || whenEmpty === 'drop' || role === 'inode') return 0;
  }
  return 0;
}

/** Sends a word, if there is somebody to send it to. */
export function say(node: Node, to: NodeRef, word: Word): void {
  const { control, incarnation, ref } = node;
  if (nodeOf(to) === 0 || !control.begin(incarnation)) return;
  writeWord(control, word);
  control.send(ref, to, CONTROL_MODES, word.step);
}
