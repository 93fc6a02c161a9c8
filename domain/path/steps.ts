import type { ClusterId } from '../base/ids';
import type { FlowPath, TopologyCluster, VirtualLink } from '../topology/topology';

/** A step that frames on a path may take, from one cluster to a later one. */
export interface Step {
  readonly from: ClusterId;
  readonly to: ClusterId;
  /** The clusters between them, which frames go past. */
  readonly past: readonly ClusterId[];
}

/** What says whether frames may go past a cluster. */
type Passing = Pick<TopologyCluster, 'mode' | 'whenEmpty'>;

/**
 * The steps of a path that no link carries. Every step needs a link that carries flows between its two clusters, and so
 * does every step past clusters that frames may go past: those in mode `bypass` or `copy`, and those that are passed over
 * when they have no member.
 */
export function unlinkedSteps(
  path: FlowPath,
  clusterOf: (id: ClusterId) => Passing | undefined,
  links: readonly VirtualLink[],
): Step[] {
  return stepsOf(path, clusterOf).filter(({ from, to }) => !isJoined(links, from, to));
}

function stepsOf({ clusters }: FlowPath, clusterOf: (id: ClusterId) => Passing | undefined): Step[] {
  const steps: Step[] = [];
  clusters.forEach((from, i) => {
    for (let j = i + 1; j < clusters.length; j++) {
      steps.push({ from, to: clusters[j]!, past: clusters.slice(i + 1, j) });
      if (!isPassable(clusterOf(clusters[j]!))) return;
    }
  });
  return steps;
}

function isPassable(cluster: Passing | undefined): boolean {
  return cluster?.mode === 'bypass' || cluster?.mode === 'copy' || cluster?.whenEmpty === 'bypass';
}

function isJoined(links: readonly VirtualLink[], from: ClusterId, to: ClusterId): boolean {
  return from === to || links.some((link) => !link.control && joins(link, from) && joins(link, to));
}

function joins(link: VirtualLink, cluster: ClusterId): boolean {
  return link.members.some((member) => 'cluster' in member && member.cluster === cluster);
}
