import type { TopologyEvent } from '../domain/events';
import type { GridState } from '../domain/grid-state';
import type { CutoverCause, ResilientEnd } from '../domain/link/cutover';
import { sidesOf } from '../domain/link/sides';
import type { Commit } from '../domain/log/commit';
import { memberNames } from './links';

/** Another end of a resilient link was connected. */
export interface CutoverReport {
  readonly link: string;
  /** Milliseconds since 1970, of grid time. */
  readonly at: number;
  readonly connected: ResilientEnd;
  readonly node: string;
  readonly because: CutoverCause;
}

/** The cutovers that commits hold, of links that are still there. */
export function cutoversOf(commits: Iterable<Commit<TopologyEvent>>, state: GridState): CutoverReport[] {
  const found: CutoverReport[] = [];
  for (const { at, events } of commits) {
    for (const event of events) {
      if (event.type !== 'VirtualLinkCutOver') continue;
      const { connected, because } = event.data;
      const link = state.links.links[event.data.link];
      if (link === undefined) continue;
      const node = memberNames(state, link)[sidesOf(link).indexOf(connected)] ?? '';
      found.push({ link: link.name, at, connected, node, because });
    }
  }
  return found;
}
