import type { Micros, NodeRef } from '../../../domain/base/ids';
import type { Sighting } from '../../../projections';

/** A frame with the bytes that it has outside the grid, when and where it was seen. */
export interface OwnBytes {
  readonly time: Micros;
  /** Same text, same bytes. */
  readonly content: string;
}

/** A frame where it entered the grid or left it. */
export interface OutsideFrame extends OwnBytes {
  readonly direction: 'in' | 'out';
}

/** A frame between the INODE by which it entered, or will leave, and the next node. */
export interface BorderFrame extends OwnBytes {
  /** What the frame is called at every point inside. */
  readonly frame: string;
  readonly border: 'first' | 'last';
  readonly inode: NodeRef;
}

/**
 * What frames outside the grid are called inside, where they have no descriptor: those with the same bytes behind the INODE by which
 * they entered, or before the one by which they left. Where several have the same bytes it is the one that is nearest in time.
 */
export function outsideSightings<Frame extends OutsideFrame>(
  outside: readonly Frame[],
  inside: readonly BorderFrame[],
): Map<Frame, Sighting> {
  const sightings = new Map<Frame, Sighting>();
  const entered = outside.filter(({ direction }) => direction === 'in');
  for (const [frame, next] of pairs(entered, onceEach(inside, 'first'))) {
    sightings.set(frame, { frame: next.frame, time: frame.time, from: 0, to: next.inode, kind: 'arrive' });
  }
  const left = outside.filter(({ direction }) => direction === 'out');
  for (const [before, frame] of pairs(onceEach(inside, 'last'), left)) {
    sightings.set(frame, { frame: before.frame, time: frame.time, from: before.inode, to: 0, kind: 'depart' });
  }
  return sightings;
}

/** Each frame of one border as it was seen there first: it may have been sent to a primary and its backup. */
function onceEach(inside: readonly BorderFrame[], border: BorderFrame['border']): BorderFrame[] {
  const first = new Map<string, BorderFrame>();
  for (const each of inside) {
    if (each.border !== border) continue;
    const known = first.get(each.frame);
    if (known === undefined || each.time < known.time) first.set(each.frame, each);
  }
  return [...first.values()];
}

/** Each of `afters` with the latest before it that has the same bytes and is nobody else's yet. */
function pairs<Before extends OwnBytes, After extends OwnBytes>(
  befores: readonly Before[],
  afters: readonly After[],
): [Before, After][] {
  const waiting = new Map<string, Before[]>();
  const found: [Before, After][] = [];
  const inOrder = [...befores].sort((a, b) => a.time - b.time);
  let place = 0;
  for (const after of [...afters].sort((a, b) => a.time - b.time)) {
    for (; place < inOrder.length && inOrder[place]!.time <= after.time; place++) {
      const before = inOrder[place]!;
      const same = waiting.get(before.content);
      if (same === undefined) waiting.set(before.content, [before]);
      else same.push(before);
    }
    const before = waiting.get(after.content)?.pop();
    if (before !== undefined) found.push([before, after]);
  }
  return found;
}
