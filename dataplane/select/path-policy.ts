import type { ClusterId } from '../../domain/base/ids';
import type { FlowPath, FlowPolicy } from '../../domain/topology/topology';
import type { Obituary } from './liveness';
import type { TopologyView } from './topology-view';

/**
 * Path assignment ([0060]): which path a new flow takes, and which of its clusters it visits. Plain functions, shared
 * by INODEs and `trace`.
 */

/** What an INODE knows of paths when a flow starts: its own live flows on each, and how long earlier ones took ([0083]). */
export interface PathFigures {
  /** Live flows on a path, by path ID. */
  flows(path: number): number;
  /** Measured end-to-end latency of flows on a path, microseconds; 0 = none measured. */
  latencyUs(path: number): number;
}

/**
 * Of a policy's paths, those that a flow from `network` may take, in the policy's order: of a flow that is routed those that
 * lead to the network `towards`, of others (0) all.
 */
export function candidatePaths(view: TopologyView, policy: FlowPolicy, network: number, towards = 0): FlowPath[] {
  const found: FlowPath[] = [];
  for (const name of policy.paths) {
    const path = view.path(name);
    if (path === undefined || !path.from.includes(network)) continue;
    if (towards === 0 || path.to === towards) found.push(path);
  }
  return found;
}

/**
 * The path of a new flow: the first candidate, or by criteria the least loaded or the fastest; the earlier one on a
 * tie. Undefined if the policy has none for this network.
 */
export function choosePath(
  view: TopologyView,
  policy: FlowPolicy,
  network: number,
  figures: PathFigures,
  towards = 0,
): FlowPath | undefined {
  const candidates = candidatePaths(view, policy, network, towards);
  if (policy.criteria === 'static' || candidates.length < 2) return candidates[0];
  const cost = policy.criteria === 'least-loaded' ? figures.flows.bind(figures) : figures.latencyUs.bind(figures);
  return candidates.reduce((best, path) => (cost(path.id) < cost(best.id) ? path : best));
}

/** The clusters that a flow on a path visits, or why it cannot go. */
export type Itinerary =
  | { readonly ok: true; readonly clusters: readonly ClusterId[] }
  | { readonly ok: false; readonly reason: 'cluster-drop' | 'no-member' | 'no-egress'; readonly cluster: ClusterId };

/**
 * A path's clusters as modes and failures leave them: `bypass` clusters are left out, `drop` ends the flow, and a cluster
 * without a live member is passed over or ends it, as its `whenEmpty` says; one in mode `copy`, which nobody waits for,
 * is always passed over then.
 */
export function itinerary(view: TopologyView, path: FlowPath, dead: Obituary): Itinerary {
  const clusters: ClusterId[] = [];
  const last = path.clusters.length - 1;
  for (let i = 0; i <= last; i++) {
    const cluster = view.cluster(path.clusters[i]);
    const end = i === 0 || i === last;
    if (cluster.mode === 'drop') return { ok: false, reason: 'cluster-drop', cluster: cluster.id };
    if (!end && cluster.mode === 'bypass') continue;
    const alive = i === 0 || view.table(cluster.id).firstLive(0, dead.live(view, cluster.id)) !== 0;
    if (alive) clusters.push(cluster.id);
    else if (end) return { ok: false, reason: 'no-egress', cluster: cluster.id };
    else if (cluster.mode !== 'copy' && cluster.whenEmpty === 'drop')
      return { ok: false, reason: 'no-member', cluster: cluster.id };
  }
  return { ok: true, clusters };
}

/**
 * The path that a flow of this type with these clusters is on, as the INODE at its far end finds it: the clusters are
 * the path's own, but for those that the flow passes over, and for those that a function has sent it to besides. Where
 * several have them, it is the one that leads to `towards`, the network that the flow is routed to (0 = it is not known).
 */
export function pathOf(
  view: TopologyView,
  flowType: number,
  clusters: readonly ClusterId[],
  towards = 0,
): FlowPath | undefined {
  const names = new Set<string>();
  for (const policy of view.topology.policies)
    if (policy.flowType === flowType) for (const name of policy.paths) names.add(name);
  const fits = (path: FlowPath): boolean => isPart(clusters, path.clusters);
  const isThere = (path: FlowPath): boolean => path.to === towards;
  const paths =
    towards === 0 ? view.topology.paths : [...view.topology.paths].sort((a, b) => +isThere(b) - +isThere(a));
  const isDiverted = (path: FlowPath): boolean =>
    isPart(
      clusters.filter((cluster) => path.clusters.includes(cluster)),
      path.clusters,
    );
  return (
    paths.find((path) => names.has(path.name) && fits(path)) ??
    paths.find(fits) ??
    paths.find((path) => names.has(path.name) && isDiverted(path))
  );
}

/** Whether `part` begins and ends like `whole` and names the clusters between in the same order. */
function isPart(part: readonly ClusterId[], whole: readonly ClusterId[]): boolean {
  if (part[0] !== whole[0] || part[part.length - 1] !== whole[whole.length - 1]) return false;
  let at = 0;
  for (const cluster of whole) if (cluster === part[at]) at++;
  return at === part.length;
}
