import { FlowgridError } from '../../../domain/base/errors';
import type { ListedNode, ScheduledAction } from './schedule';

/** How many of a cluster's nodes serve, wait as spares, and are dead, as far as the actions so far tell. */
interface Headcount {
  serving: number;
  waiting: number;
  dead: number;
}

/**
 * Goes through a run's actions on a grid that has just been set up, and refuses what cannot happen, before anything does:
 * half a story would have changed the grid already.
 *
 * @param actions in the order in which they will happen
 * @throws FlowgridError `usage`, naming the option and what stands against it.
 */
export function rehearse(actions: readonly ScheduledAction[], nodes: readonly ListedNode[]): void {
  const clusters = new Map<string, Headcount>();
  for (const { cluster, spare } of nodes) {
    const count = clusters.get(cluster) ?? { serving: 0, waiting: 0, dead: 0 };
    count[spare ? 'waiting' : 'serving']++;
    clusters.set(cluster, count);
  }
  const clusterOf = new Map(nodes.map(({ name, cluster }) => [name, cluster]));
  const dead = new Set<string>();
  for (const { action } of actions) {
    switch (action.kind) {
      case 'kill': {
        const count = clusters.get(clusterOf.get(action.node) ?? action.node);
        if (count === undefined) continue;
        if (dead.has(action.node)) refuse(`--kill ${action.node}`, 'it is dead by then', 'Revive it before.');
        if (count.serving === 0) refuse(`--kill ${action.node}`, 'nobody of its cluster lives by then', 'Kill fewer.');
        if (clusterOf.has(action.node)) dead.add(action.node);
        count.serving--;
        count.dead++;
        continue;
      }
      case 'revive': {
        const count = clusters.get(clusterOf.get(action.node)!)!;
        if (count.dead === 0) refuse(`--revive ${action.node}`, 'it is alive by then', 'Kill it before.');
        dead.delete(action.node);
        count.serving++;
        count.dead--;
        continue;
      }
      case 'scale':
        scaleTo(clusters.get(action.cluster)!, action);
    }
  }
}

/** Spares join, or nodes leave for good. */
function scaleTo(count: Headcount, { cluster, nodes }: { readonly cluster: string; readonly nodes: number }): void {
  const most = count.serving + count.waiting;
  if (nodes > most) {
    refuse(
      `--scale ${cluster}=${nodes}`,
      `it has ${count.serving} living nodes and ${count.waiting} spares by then`,
      `Ask for ${most} at most, or list more under the cluster's spares in the grid file.`,
    );
  }
  count.waiting -= Math.max(0, nodes - count.serving);
  count.serving = nodes;
}

function refuse(option: string, why: string, remedy: string): never {
  throw new FlowgridError('usage', `${option}: ${why}`, { remedy });
}
