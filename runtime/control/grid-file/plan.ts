import { sha256 } from '../../../adapters/codec/hash';
import { canonical, type Canonical } from '../../../domain/base/canonical';
import { FlowgridError } from '../../../domain/base/errors';
import type { ClusterSettings } from '../../../domain/cluster/events';
import { nodesOf } from '../../../domain/cluster/state';
import { COMMAND_LIFETIME_MS, type CommandBody } from '../../../domain/commands';
import { isNewerPackage } from '../../../domain/package/state';
import { isTrial } from '../../../domain/provisioning/trial';
import { isUpgrading } from '../../../domain/provisioning/upgrade';
import type { GridState } from '../../../domain/grid-state';
import type { NodeState } from '../../../domain/node/state';
import type { Clock } from '../../../domain/seams/clock';
import type { ControlPlane } from '../control-plane';
import type { DesiredGrid } from './desired';
import { linkCommands, tapsLast } from './links';

/**
 * The commands that bring the grid to what its file wants, in an order in which each finds what it needs. None, if the
 * grid is so already: what happened to it since (failures, spares that joined, nodes drained by an operator) is not
 * undone by reading the same file again. What workflows have added for a while is theirs to take away.
 *
 * @throws FlowgridError `usage` when the file describes another grid: nothing of it may be applied.
 */
export function planCommands(state: GridState, desired: DesiredGrid): CommandBody[] {
  return [
    ...settingsCommands(state, desired),
    ...clusterCommands(state, desired),
    ...linkCommands(state, desired),
    ...pathCommands(state, desired),
    ...policyCommands(state, desired),
    ...pathDeletions(state, desired),
    ...nodeCommands(state, desired),
    ...removals(state, desired),
  ];
}

/**
 * Submits the plan, in order.
 *
 * @returns how many commits it took: 0 when the grid was as wanted.
 * @throws FlowgridError `rejected` naming the first command that was refused; what came before it stands.
 */
export async function applyDesired(
  plane: ControlPlane,
  desired: DesiredGrid,
  options: { readonly by: string; readonly clock: Clock },
): Promise<number> {
  const { seq } = plane.head;
  const commands = planCommands(plane.state, desired);
  const outcomes = await Promise.all(
    commands.map((body, index) =>
      plane.submit({
        id: `grid-file/${seq}/${index}/${sha256(text(body)).slice(0, 16)}`,
        by: options.by,
        deadline: options.clock.now() + COMMAND_LIFETIME_MS,
        body,
      }),
    ),
  );
  outcomes.forEach((outcome, index) => {
    if (outcome.status !== 'rejected') return;
    const { reason, message } = outcome.rejection;
    throw new FlowgridError('rejected', `${commands[index]!.type} was refused (${reason}): ${message}`);
  });
  return outcomes.filter((outcome) => outcome.status === 'accepted').length;
}

function settingsCommands(state: GridState, { settings }: DesiredGrid): CommandBody[] {
  if (state.grid === null) return [{ type: 'CreateGrid', data: settings }];
  if (state.grid.name !== settings.name) {
    throw new FlowgridError(
      'usage',
      `the log is that of grid ${state.grid.name}, the file describes ${settings.name}`,
      {
        remedy: 'name another data directory with --data; a grid keeps its name',
      },
    );
  }
  return same(state.grid, settings) ? [] : [{ type: 'ReconfigureGrid', data: settings }];
}

function clusterCommands(state: GridState, { clusters }: DesiredGrid): CommandBody[] {
  // A workflow says which function a cluster has: its nodes would get the file's in the middle of an upgrade.
  const isLeft = isUpgrading(state);
  return clusters.flatMap((cluster): CommandBody[] => {
    const present: ClusterSettings | undefined = state.clusters[cluster.id]?.settings;
    if (present === undefined) return [{ type: 'CreateCluster', data: cluster }];
    // An upgrade is not undone by reading the file from before it.
    const isUpgraded = isLeft || isNewerPackage(present.function, cluster.function);
    const data = isUpgraded ? { ...cluster, function: present.function } : cluster;
    return same(present, data) ? [] : [{ type: 'ReconfigureCluster', data }];
  });
}

function pathCommands(state: GridState, { paths }: DesiredGrid): CommandBody[] {
  return paths.flatMap((path): CommandBody[] => {
    const present = state.paths[path.id];
    if (present?.clusters.some((cluster) => isTrial(state.clusters[cluster]?.settings.name))) return [];
    return present !== undefined && same(present, path) ? [] : [{ type: 'DefineFlowPath', data: path }];
  });
}

function policyCommands(state: GridState, { policies }: DesiredGrid): CommandBody[] {
  const defined = policies.flatMap((policy): CommandBody[] => {
    const present = state.policies[policy.id];
    if (isTrial(present?.replicateTo)) return [];
    return present !== undefined && same(present, policy) ? [] : [{ type: 'DefinePolicy', data: policy }];
  });
  const wanted = new Set(policies.map(({ id }) => id));
  const surplus = Object.values(state.policies).filter(({ id }) => !wanted.has(id));
  return [...defined, ...surplus.map(({ id }): CommandBody => ({ type: 'DeletePolicy', data: { policy: id } }))];
}

function pathDeletions(state: GridState, { paths }: DesiredGrid): CommandBody[] {
  const wanted = new Set(paths.map(({ id }) => id));
  return Object.values(state.paths)
    .filter(({ id, name }) => !wanted.has(id) && !isTrial(name))
    .map(({ id }) => ({ type: 'DeleteFlowPath', data: { path: id } }));
}

/** Nodes that the grid never heard of are admitted; members get the file's weight. */
function nodeCommands(state: GridState, { nodes }: DesiredGrid): CommandBody[] {
  return nodes.flatMap(({ cluster, node, weight, spare }): CommandBody[] => {
    const present = state.clusters[cluster]?.nodes[node];
    const isNobodys = present?.status === 'removed' && present.lent;
    if (present === undefined || present.status === 'discovered' || isNobodys) {
      return [{ type: 'AdmitNode', data: { cluster, node, weight, spare } }];
    }
    if (
      present.status === 'admitted' &&
      present.reservedBy === '' &&
      present.spare &&
      !spare &&
      present.incarnation === 0
    ) {
      return [{ type: 'AdmitNode', data: { cluster, node, weight, spare } }];
    }
    const isTaking = present.status === 'active' || present.status === 'configured';
    return isTaking && present.weight !== weight ? [{ type: 'ConfigureNode', data: { cluster, node, weight } }] : [];
  });
}

/** What the file does not name any more leaves: members by draining, clusters once they are empty, then links. */
function removals(state: GridState, desired: DesiredGrid): CommandBody[] {
  const named = new Set(desired.nodes.map(({ cluster, node }) => `${cluster}/${node}`));
  const commands: CommandBody[] = [];
  for (const cluster of Object.values(state.clusters)) {
    const { id, name } = cluster.settings;
    if (isTrial(name)) continue;
    const isWanted = desired.clusters.some((wanted) => wanted.id === id);
    for (const node of nodesOf(cluster)) {
      // Where agents' room serves is not the file's to say.
      const isNamed = named.has(`${id}/${node.node}`) || (node.lent && isWanted);
      if (!isNamed) commands.push(...nodeRemoval(id, node));
    }
    if (!isWanted && nodesOf(cluster).every(({ status }) => status === 'removed')) {
      commands.push({ type: 'DeleteCluster', data: { cluster: id } });
    }
  }
  const links = new Set(desired.links.map(({ id }) => id));
  for (const { id, name } of tapsLast(Object.values(state.links.links)).reverse()) {
    if (!links.has(id) && !isTrial(name)) commands.push({ type: 'DeleteVirtualLink', data: { link: id } });
  }
  return commands;
}

function nodeRemoval(cluster: number, { node, status }: NodeState): CommandBody[] {
  switch (status) {
    case 'active':
      return [{ type: 'DrainNode', data: { cluster, node, withinMs: 0, thenRemove: true } }];
    case 'admitted':
    case 'configured':
    case 'failed':
    case 'drained':
      return [{ type: 'RemoveNode', data: { cluster, node } }];
    // Discovered nodes were never in the file; the others are on their way, or gone.
    case 'discovered':
    case 'suspected':
    case 'recovering':
    case 'draining':
    case 'removed':
      return [];
  }
}

function same(a: object, b: object): boolean {
  return a === b || text(a) === text(b);
}

function text(value: object): string {
  return canonical(value as Canonical);
}
