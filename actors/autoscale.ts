import { assess } from '../domain/autoscale/assess';
import type { AutoscaleDecision } from '../domain/autoscale/events';
import { nextScheduled } from '../domain/autoscale/schedule';
import type { AutoscaleSettings } from '../domain/autoscale/settings';
import {
  freeSpares,
  nextStep,
  servingNodes,
  stepWorkflow,
  type AutoscaleChange,
  type AutoscaleRecord,
} from '../domain/autoscale/state';
import type { Millis, NodeId, Seq } from '../domain/base/ids';
import { nodesOf, type ClusterState } from '../domain/cluster/state';
import type { CommandBody } from '../domain/commands';
import type { GridState } from '../domain/grid-state';
import { scalingRequest } from '../domain/provisioning/scaling';
import type { Loads } from './loads';

/** What autoscaling looks at. */
export interface AutoscaleWorld {
  readonly state: GridState;
  readonly now: Millis;
  /** Absent: nobody here measures loads and carries out workflows, and nothing is autoscaled. */
  readonly loads?: Loads;
}

/** A command, and where it stands in the story: `cause` 0 = it comes from outside, from loads or the time of day. */
export interface AutoscaleProposal {
  readonly cluster: number;
  readonly cause: Seq;
  /** Counts what one commit causes; 0 for decisions. */
  readonly step: number;
  readonly body: CommandBody;
}

/**
 * What clusters that follow their load should do now: request the next workflow of a change that was decided, or else
 * decide. One change of a cluster at a time.
 */
export function* autoscaleReactions(world: AutoscaleWorld): Iterable<AutoscaleProposal> {
  if (world.loads === undefined) return;
  for (const cluster of Object.values(world.state.clusters)) {
    const { id: clusterId, autoscale } = cluster.settings;
    if (autoscale === undefined) continue;
    const change = world.state.autoscaling[clusterId]?.change ?? null;
    const next = change === null ? undefined : nextStep(cluster, world.state.workflows, change);
    if (next === 'under-way') continue;
    if (change !== null && next !== undefined) yield requestOf(cluster, change, next, world.now);
    else yield* decisionOf(world, cluster, autoscale, world.loads);
  }
}

/** When time alone may change what a cluster should do; undefined if it cannot. */
export function autoscaleWakeAt({ state, now, loads }: AutoscaleWorld): Millis | undefined {
  if (loads === undefined) return undefined;
  const times: Millis[] = [];
  for (const { settings } of Object.values(state.clusters)) {
    if (settings.autoscale === undefined) continue;
    const { schedule, cooldown } = settings.autoscale;
    const changed = state.autoscaling[settings.id]?.change?.at ?? 0;
    times.push(changed + cooldown.outMs, changed + cooldown.inMs, nextScheduled(schedule, now) ?? 0);
  }
  const ahead = times.filter((time) => time > now);
  return ahead.length === 0 ? undefined : Math.min(...ahead);
}

function requestOf(
  cluster: ClusterState,
  change: AutoscaleChange,
  { step, node }: { readonly step: number; readonly node: NodeId },
  now: Millis,
): AutoscaleProposal {
  const { id } = cluster.settings;
  const weight = cluster.nodes[node]?.weight ?? 1;
  const entry = scalingRequest({ verdict: change.verdict, cluster: id, node, weight, drainWithinMs: 0 }, now);
  const workflow = stepWorkflow(id, change, step);
  return { cluster: id, cause: change.seq, step, body: { type: 'JournalWorkflow', data: { workflow, entry } } };
}

function* decisionOf(
  { state, now }: AutoscaleWorld,
  cluster: ClusterState,
  settings: AutoscaleSettings,
  loads: Loads,
): Iterable<AutoscaleProposal> {
  const { id } = cluster.settings;
  const record = state.autoscaling[id];
  const data = assess({
    cluster: id,
    settings,
    now,
    members: servingNodes(cluster),
    spares: freeSpares(cluster),
    weights: new Map(nodesOf(cluster).map(({ node, weight }) => [node, weight])),
    load: loads.of(id, settings.windowMs),
    record,
    isUnderWay: false,
  });
  if (isNews(data, record, settings, now)) {
    yield { cluster: id, cause: 0, step: 0, body: { type: 'DecideAutoscale', data } };
  }
}

/** Changes are; that a cluster cannot grow, and that it need not any more, are when they begin, and not too often. */
function isNews(
  { verdict, why }: AutoscaleDecision,
  record: AutoscaleRecord | undefined,
  { cooldown }: AutoscaleSettings,
  now: Millis,
): boolean {
  if (verdict !== 'stay') return true;
  const isStuck = why === 'at-maximum' || why === 'no-spare';
  const wasStuck = record?.verdict === 'stay' && record.why !== 'in-band';
  const isOther = isStuck ? !wasStuck || record.why !== why : wasStuck && why === 'in-band';
  return isOther && (record === undefined || now >= record.at + cooldown.outMs);
}
