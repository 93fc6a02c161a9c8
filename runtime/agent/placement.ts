import { nodeRef, type ClusterId, type NodeId, type NodeRef } from '../../domain/base/ids';
import type { FailurePolicy, FlowPath } from '../../domain/topology/topology';

/** Where on the way of the grid's traffic a node stands, from 0 to below 1; undefined = on no path. */
export type Standing = (node: NodeRef) => number | undefined;

/** What a cluster's part in the traffic follows from. */
export interface PlacedCluster {
  readonly id: ClusterId;
  readonly failure: FailurePolicy;
  readonly nodes: readonly NodeId[];
}

/** Where a cluster is taken to be while no path says it. */
const MIDDLE = 0.5;

/**
 * Puts the nodes of a grid in one row along its paths and says where in it each stands, measured by the frames that come
 * before it. Cut into parts of equal length, the row gives every part as much to do, and a frame crosses from part to
 * part no more often than it must: a frame that changes cores takes its cache lines along.
 */
export function standingAlong(clusters: readonly PlacedCluster[], paths: readonly FlowPath[]): Standing {
  const places = placesOn(paths);
  const row = clusters
    .filter(({ id, nodes }) => places.has(id) && nodes.length > 0)
    .sort((a, b) => places.get(a.id)! - places.get(b.id)! || a.id - b.id);
  const standings = new Map<NodeRef, number>();
  let before = 0;
  for (const cluster of row) {
    const each = framesOf(cluster, paths) / cluster.nodes.length;
    for (const node of cluster.nodes) {
      standings.set(nodeRef(cluster.id, node), before + each / 2);
      before += each;
    }
  }
  return (node) => {
    const middle = standings.get(node);
    return middle === undefined ? undefined : middle / before;
  };
}

/** How many frames a cluster meets if every path carries one: shadows meet as many as those whom they shadow. */
function framesOf({ id, failure, nodes }: PlacedCluster, paths: readonly FlowPath[]): number {
  const through = paths.filter(({ clusters }) => clusters.includes(id)).length;
  return failure === 'backup' && nodes.length > 1 ? 2 * through : through;
}

/** Each cluster's mean place on its paths, 0 where traffic begins and 1 where it ends; paths back are turned round. */
function placesOn(paths: readonly FlowPath[]): ReadonlyMap<ClusterId, number> {
  const found = new Map<ClusterId, readonly number[]>();
  const placeOf = (cluster: ClusterId): number => mean(found.get(cluster) ?? [MIDDLE]);
  for (const { clusters } of paths) {
    const isBack = clusters.length > 1 && placeOf(clusters[0]!) > placeOf(clusters[clusters.length - 1]!);
    clusters.forEach((cluster, i) => {
      const place = i / Math.max(1, clusters.length - 1);
      found.set(cluster, [...(found.get(cluster) ?? []), isBack ? 1 - place : place]);
    });
  }
  return new Map(Array.from(found.keys(), (cluster) => [cluster, placeOf(cluster)]));
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
