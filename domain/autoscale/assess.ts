import type { ClusterId, Millis, NodeId } from '../base/ids';
import type { AutoscaleDecision, Reason, Verdict } from './events';
import { framesPerSecond } from './evolve';
import type { ClusterLoad } from './load';
import { scheduledCount } from './schedule';
import { METRICS, type AutoscaleSettings, type Metric } from './settings';
import type { AutoscaleRecord } from './state';

/** A node that takes part or could. */
export interface Candidate {
  readonly node: NodeId;
  readonly weight: number;
}

/** All that a decision is made on. */
export interface Situation {
  readonly cluster: ClusterId;
  readonly settings: AutoscaleSettings;
  readonly now: Millis;
  /** In order of ID: those with the highest leave first, spares join from the lowest on. */
  readonly members: readonly Candidate[];
  readonly spares: readonly Candidate[];
  /** Of every node of the cluster, those that drain included. */
  readonly weights: ReadonlyMap<NodeId, number>;
  /** Over the newest window, draining nodes included; undefined: nobody has told loads for as long. */
  readonly load: ClusterLoad | undefined;
  readonly record: AutoscaleRecord | undefined;
  /** The last change is being carried out. */
  readonly isUnderWay: boolean;
}

/**
 * Whether a cluster shall grow, shrink or stay.
 *
 * Above or below its band it gets the fewest nodes with which its load is no more than the middle of the band. That
 * count depends on the load alone, so that at a steady load one decision is followed by no other; and as it lies well
 * inside the band, only a change of load that leads out of it on the other side leads back.
 */
export function assess(situation: Situation): AutoscaleDecision {
  const plan = new Plan(situation);
  if (situation.isUnderWay) return plan.stay('under-way');
  const { count, least, most } = plan;
  if (count < least) return plan.grow(least, plan.isScheduled ? 'schedule' : 'minimum');
  if (count > most) return plan.shrink(most, 'maximum');
  if (situation.load === undefined) return plan.stay('no-loads');
  const { above, below } = situation.settings;
  if (plan.loadWith(count) > 10 * above) return plan.grow(plan.wanted(), 'load');
  if (plan.loadWith(count) < 10 * below) return plan.shrink(plan.wanted(), 'load');
  return plan.stay('in-band');
}

/** One decision in the making. */
class Plan {
  readonly count: number;
  readonly least: number;
  readonly most: number;
  readonly isScheduled: boolean;
  /** What is to be carried, in per mille of a node of weight 1, by the fullest target. */
  private readonly demand: number;
  private readonly metric: Metric | '';
  /** What the first n of members and spares can carry, in nodes of weight 1. */
  private readonly capacities: readonly number[];

  constructor(private readonly situation: Situation) {
    const { settings, members, spares, now } = situation;
    this.count = members.length;
    this.capacities = [...members, ...spares].reduce((sums, { weight }) => [...sums, sums.at(-1)! + weight], [0]);
    const scheduled = scheduledCount(settings.schedule, now);
    this.most = settings.max;
    this.least = Math.min(this.most, Math.max(settings.min, scheduled));
    this.isScheduled = scheduled > settings.min;
    [this.metric, this.demand] = fullest(situation, this.capacity(this.count));
  }

  /** Load of a number of nodes, per mille. */
  loadWith(count: number): number {
    return Math.ceil(this.demand / Math.max(1, this.capacity(count)));
  }

  /** The fewest nodes that carry no more than the middle of the band; one more than there are if all do not. */
  wanted(): number {
    const { above, below } = this.situation.settings;
    let count = 1;
    while (count < this.capacities.length && 2 * this.demand > 10 * (above + below) * this.capacity(count)) count++;
    // How latency depends on the number of nodes is not known: it is found out one by one.
    return this.metric === 'latencyUs' ? Math.min(this.count + 1, Math.max(this.count - 1, count)) : count;
  }

  grow(wanted: number, why: Reason): AutoscaleDecision {
    const { spares, settings } = this.situation;
    const to = Math.min(wanted, this.most, this.count + spares.length);
    if (to <= this.count) return this.stay(this.count >= this.most ? 'at-maximum' : 'no-spare');
    if (this.isCooling(settings.cooldown.outMs)) return this.stay('cooling-down');
    if (why === 'load' && this.isSteadySince('in')) return this.stay('steady');
    const nodes = spares.slice(0, to - this.count).map(({ node }) => node);
    return this.decision('out', why, to, nodes);
  }

  shrink(wanted: number, why: Reason): AutoscaleDecision {
    const { members, settings } = this.situation;
    const to = Math.max(wanted, this.least, this.lastedWith());
    if (to >= this.count) {
      if (this.count <= this.least) return this.stay('at-minimum');
      return this.stay(wanted < this.count ? 'too-few-before' : 'enough');
    }
    if (this.isCooling(settings.cooldown.inMs)) return this.stay('cooling-down');
    if (why === 'load' && this.isSteadySince('out')) return this.stay('steady');
    const nodes = members.slice(to).map(({ node }) => node);
    return this.decision('in', why, to, nodes.reverse());
  }

  stay(why: Reason): AutoscaleDecision {
    return this.decision('stay', why, this.count, []);
  }

  /** Where latency counts: one node more than were too few, unless far fewer frames come than then. */
  private lastedWith(): number {
    const { settings, load, record } = this.situation;
    const tooFew = record?.tooFew;
    if (settings.target.latencyUs === undefined || tooFew === undefined || tooFew === null || load === undefined)
      return 0;
    const isLess = framesPerSecond(load.nodes) * settings.above < tooFew.framesPerSecond * settings.below;
    return isLess ? 0 : tooFew.nodes + 1;
  }

  private isCooling(restMs: Millis): boolean {
    const change = this.situation.record?.change;
    return change !== undefined && change !== null && this.situation.now < change.at + restMs;
  }

  /**
   * Whether the size was changed the other way at about this load. With nodes of unequal weight the fewest that carry a
   * load can lie anywhere in the band: what trembles around its edge must not turn the size.
   */
  private isSteadySince(verdict: Verdict): boolean {
    const change = this.situation.record?.change ?? null;
    if (change === null || change.verdict !== verdict || change.demand === 0) return false;
    const { above, below } = this.situation.settings;
    // Half the band's width, as a share of its middle.
    return Math.abs(this.demand - change.demand) * (above + below) < change.demand * (above - below);
  }

  private capacity(count: number): number {
    return this.capacities[Math.min(count, this.capacities.length - 1)]!;
  }

  private decision(verdict: Verdict, why: Reason, to: number, nodes: readonly NodeId[]): AutoscaleDecision {
    const { cluster, settings, load } = this.situation;
    return {
      cluster,
      verdict,
      why,
      from: this.count,
      to,
      nodes,
      metric: this.metric,
      demand: this.demand,
      load: this.loadWith(this.count),
      expected: this.loadWith(to),
      least: this.least,
      most: this.most,
      below: 10 * settings.below,
      above: 10 * settings.above,
      windowMs: load === undefined ? 0 : load.until - load.from,
      measured: load?.nodes ?? [],
    };
  }
}

/** The target that asks for most, and how much that is, in per mille of a node of weight 1. */
function fullest({ settings, load, weights }: Situation, capacity: number): [Metric | '', number] {
  let metric: Metric | '' = '';
  let demand = 0;
  if (load === undefined) return [metric, demand];
  for (const name of METRICS) {
    const target = settings.target[name];
    if (target === undefined) continue;
    const asked = Math.ceil((1000 * carried(name, load, weights, capacity)) / target);
    if (metric !== '' && asked <= demand) continue;
    metric = name;
    demand = asked;
  }
  return [metric, demand];
}

/** The cluster's load by a metric, as if one node of weight 1 carried all of it. */
function carried(name: Metric, load: ClusterLoad, weights: ReadonlyMap<NodeId, number>, capacity: number): number {
  // Of a node and of the cluster alike: the more nodes, the less, if only in proportion.
  if (name === 'latencyUs') return load.latencyUs * capacity;
  let sum = 0;
  for (const node of load.nodes)
    sum += name === 'utilisation' ? node[name] * (weights.get(node.node) ?? 1) : node[name];
  // In percent, as its target.
  return name === 'utilisation' ? sum / 10 : sum;
}
