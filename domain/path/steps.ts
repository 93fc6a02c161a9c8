import type { ClusterId } from '../base/ids';
import { leads } from '../link/sides';
import type { FlowPath, LinkMember, TopologyCluster, VirtualLink } from '../topology/topology';

/** A step that frames on a path may take, from one cluster to a later one. */
export interface Step {
  readonly from: ClusterId;
  readonly to: ClusterId;
  /** The clusters between them, which frames go past. */
  readonly past: readonly ClusterId[];
}

/** A step that no link carries, or (`isHalf`) that links carry one way only: `from` to `to` is the way that is missing. */
export interface UnlinkedStep extends Step {
  readonly isHalf: boolean;
}

/** What says whether frames may go past a cluster. */
type Passing = Pick<TopologyCluster, 'mode' | 'whenEmpty'>;

/**
 * The steps of a path that no link carries, there or back: replies go the same way as what they answer. Every step needs a
 * link that carries flows between its two clusters, and so does every step past clusters that frames may go past: those in
 * mode `bypass` or `copy`, and those that are passed over when they have no member.
 */
export function unlinkedSteps(
  path: FlowPath,
  clusterOf: (id: ClusterId) => Passing | undefined,
  links: readonly VirtualLink[],
): UnlinkedStep[] {
  return stepsOf(path, clusterOf).flatMap((step) => {
    const [there, back] = [isLinked(links, step.from, step.to), isLinked(links, step.to, step.from)];
    if (there && back) return [];
    return [there ? { ...step, from: step.to, to: step.from, isHalf: true } : { ...step, isHalf: back }];
  });
}

/** What such a step lacks, in words. */
export function lackOf({ from, to, isHalf }: UnlinkedStep, nameOf: (id: ClusterId) => string): string {
  return isHalf
    ? `no link takes frames from ${nameOf(from)} to ${nameOf(to)}`
    : `no link joins ${nameOf(from)} and ${nameOf(to)}`;
}

/** Every step that frames on a path may take: to the next cluster, and past those that they may go past. */
export function stepsOf({ clusters }: FlowPath, clusterOf: (id: ClusterId) => Passing | undefined): Step[] {
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

function isLinked(links: readonly VirtualLink[], from: ClusterId, to: ClusterId): boolean {
  const isOf = (id: ClusterId) => (member: LinkMember) => 'cluster' in member && member.cluster === id;
  return from === to || links.some((link) => !link.control && leads(link, isOf(from), isOf(to)));
}
