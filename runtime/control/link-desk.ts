import type { Millis } from '../../domain/base/ids';
import type { ClusterSettings } from '../../domain/cluster/events';
import { initialState, type GridState } from '../../domain/grid-state';
import type { GridSettings } from '../../domain/grid/settings';
import { NO_LINKS, type LinkState } from '../../domain/link/evolve';
import { wholeTopologies } from '../../domain/topology/state';
import type { FlowPath } from '../../domain/topology/topology';

/** What links of a grid are decided on, as the leader tells it to programs that change them. Plain data. */
export interface LinksAnswer {
  /** Grid time. */
  readonly now: Millis;
  readonly grid: GridSettings | null;
  readonly clusters: readonly ClusterSettings[];
  readonly paths: readonly FlowPath[];
  readonly links: LinkState;
  /** IDs of links that are deleted, and that flows of live topologies still go by. */
  readonly resting: readonly number[];
}

export function linksAnswer(state: GridState, now: Millis): LinksAnswer {
  const { grid, links } = state;
  const live = [...wholeTopologies(state.topology)].flatMap((topology) => topology.links.map(({ id }) => id));
  return {
    now: Math.max(now, state.at),
    grid,
    clusters: Object.values(state.clusters).map(({ settings }) => settings),
    paths: Object.values(state.paths),
    links,
    resting: [...new Set(live)].filter((id) => links.links[id] === undefined),
  };
}

/**
 * A state with what links are decided on, and nothing else: nodes and topologies are missing, and what a leader of an earlier
 * version does not know of.
 */
export function stateOfAnswer({ now, grid, clusters, paths, links }: LinksAnswer): GridState {
  return {
    ...initialState(),
    at: now,
    grid,
    clusters: Object.fromEntries(clusters.map((settings) => [settings.id, { settings, nodes: {} }])),
    paths: Object.fromEntries(paths.map((path) => [path.id, path])),
    links: { ...NO_LINKS, ...links },
  };
}
