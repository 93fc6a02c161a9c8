import type { Millis } from '../domain/base/ids';
import type { CommandBody } from '../domain/commands';
import type { GridState } from '../domain/grid-state';
import { cutOver, restoreAt } from '../domain/link/cutover';

/** A link, and the command by which it is brought to where it should be. */
export interface CutoverProposal {
  readonly link: number;
  readonly body: CommandBody;
}

/** Resilient links of which another end should be connected now ([0036 c]). */
export function* cutoverReactions({ links: { links, cutovers } }: GridState, now: Millis): Iterable<CutoverProposal> {
  for (const [id, cutover] of Object.entries(cutovers)) {
    const link = Number(id);
    if (cutOver(cutover, links[link]?.restoreMs, now) !== cutover)
      yield { link, body: { type: 'CutOverLink', data: { link } } };
  }
}

/** When time alone connects a primary again, by link. */
export function cutoverWakes({ links: { links, cutovers } }: GridState): Millis[] {
  return Object.entries(cutovers).flatMap(
    ([link, cutover]) => restoreAt(cutover, links[Number(link)]?.restoreMs) ?? [],
  );
}
