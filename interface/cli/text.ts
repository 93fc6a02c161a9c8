import type { Micros, Millis } from '../../domain/base/ids';
import {
  autoscaleText,
  type Because,
  type GridView,
  type HistoryEntry,
  type RouteStory,
  type StopStory,
  type StoryLine,
} from '../../projections';

/** What people read where scripts read JSON: lines of text, one thing a line, the time first. */

/** `2024-05-01 12:00:00.250`, UTC. */
export function timeText(at: Millis): string {
  return new Date(at).toISOString().replace('T', ' ').slice(0, 23);
}

export function microsText(at: Micros): string {
  return timeText(at / 1_000);
}

export function historyText(entry: HistoryEntry): string[] {
  const cause = entry.cause === 0 ? '' : `, after ${entry.cause}`;
  const lines = entry.events.map((event) => `  ${event.what}`);
  return [
    `${String(entry.seq).padStart(6)}  ${timeText(entry.at)}  ${entry.by} (${entry.commandId}${cause})`,
    ...lines,
  ];
}

export function stateText(view: GridView): string[] {
  const { topology } = view;
  return [
    `Grid ${view.grid} at commit ${view.seq}, ${timeText(view.at)} (led by ${view.leader}, epoch ${view.epoch})`,
    `Topology ${topology.version} under ID ${topology.wireId}, new flows get ${topology.applied}, ${topology.live.length} live; selection ${view.selection}`,
    ...view.clusters.flatMap((cluster) => [
      `Cluster ${cluster.name} (${cluster.role}, ${cluster.function}; ${cluster.policy}, ${cluster.selector}, ${cluster.mode})`,
      ...(cluster.autoscale === undefined ? [] : [`  autoscaled: ${autoscaleText(cluster.autoscale)}`]),
      ...cluster.nodes.map(
        (node) =>
          `  ${node.name.padEnd(8)} ${node.state.padEnd(10)} incarnation ${node.incarnation}, weight ${node.weight}${node.spare ? ', spare' : ''}`,
      ),
    ]),
    ...view.networks.map((network) => `Network ${network.name} at ${network.cluster}`),
    ...view.links.map((link) => `Link ${link.name} (${link.kind}): ${link.members.join(', ')}`),
    ...view.paths.map((path) => `Path ${path.name}: ${path.clusters.join(' > ')}`),
    ...view.policies.map((policy) => `Policy ${policy.name} (${policy.type}): ${policy.paths.join(', ')}`),
  ];
}

/** One life of a flow and everything that happened to it. */
export function flowText({
  flow,
  key,
  story,
}: {
  readonly flow: string;
  readonly key: string;
  readonly story: readonly StoryLine[];
}): string[] {
  return [
    `Flow ${flow}: ${key}`,
    ...story.flatMap((line) => [`  ${microsText(line.at)}  ${line.what}`, ...becauseText(line.because, '      ')]),
  ];
}

/** A stop of a flow, and what made another node its backup since the stop began; empty if nothing did. */
export interface TracedStop extends StopStory {
  readonly backupBecause: readonly Because[];
}

/** A flow's route; a cause that several stops share is told once. */
export function routeText(story: Omit<RouteStory, 'route'> & { readonly route: readonly TracedStop[] }): string[] {
  const told = new Set<number>();
  const untold = (because: readonly Because[]): Because[] => {
    const fresh = because.filter(({ seq }) => !told.has(seq));
    for (const { seq } of because) told.add(seq);
    return fresh;
  };
  return [
    `Flow ${story.flow} (${story.type}): ${story.key}`,
    `From ${story.network} on ${story.path}, under topology ID ${story.wireId} (commit ${story.topologySeq})`,
    ...(story.clone === undefined ? [] : [`Clone of flow ${story.clone.original}`]),
    ...(story.secondary === undefined
      ? []
      : [`Opened by the function of ${story.secondary.by}, because of flow ${story.secondary.primary}`]),
    ...(story.opened ?? []).map((flow) => `Primary of flow ${flow}`),
    ...story.route.flatMap((stop) => [
      `  ${stop.cluster.padEnd(4)} ${stop.node}${stop.backup === null ? '' : `, backed up by ${stop.backup}`}`,
      `       ${microsText(stop.since)}  ${stop.why}`,
      ...becauseText(untold(stop.because), '         '),
      ...(stop.backupBecause.length === 0 ? [] : [`       another backup than at first`]),
      ...becauseText(stop.backupBecause, '         '),
    ]),
    ...(story.clone?.found ?? []).map((found) => `  ${found}`),
  ];
}

export function becauseText(because: readonly Because[], indent: string): string[] {
  return because.map(({ seq, at, what }) => `${indent}because ${what} (commit ${seq}, ${timeText(at)})`);
}
