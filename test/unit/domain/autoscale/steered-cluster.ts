import { assess, type Candidate } from '../../../../domain/autoscale/assess';
import type { AutoscaleDecision } from '../../../../domain/autoscale/events';
import { evolveAutoscaling } from '../../../../domain/autoscale/evolve';
import { loadOver, type LoadSample, type NodeLoad } from '../../../../domain/autoscale/load';
import type { AutoscaleSettings } from '../../../../domain/autoscale/settings';
import type { AutoscaleRecord, Autoscaling } from '../../../../domain/autoscale/state';

export const CLUSTER = 5;
/** Milliseconds between two looks at the load. */
export const LOOK_MS = 500;

export function settings(changes: Partial<AutoscaleSettings> = {}): AutoscaleSettings {
  return {
    min: 1,
    max: 100,
    target: { activeFlows: 1000 },
    above: 80,
    below: 50,
    windowMs: 2_000,
    cooldown: { outMs: 2_000, inMs: 4_000 },
    schedule: [],
    ...changes,
  };
}

/** A node that carries flows; what it counts follows from them. */
export function nodeLoad(node: number, activeFlows: number, more: Partial<NodeLoad> = {}): NodeLoad {
  const idle = { incarnation: 1, utilisation: 0, flowsTaken: 0, frames: 0, bytes: 0 };
  return { node, activeFlows, ...idle, ...more };
}

export interface Change {
  readonly at: number;
  readonly decision: AutoscaleDecision;
}

/** A cluster whose decisions are carried out at once, and whose load is spread over its nodes by their weights. */
export class SteeredCluster {
  count: number;
  record: AutoscaleRecord | undefined;
  readonly changes: Change[] = [];
  private samples: LoadSample[] = [];
  private seq = 0;
  private readonly frames = new Map<number, number>();

  constructor(
    readonly steering: AutoscaleSettings,
    /** Members and spares, in order of ID. */
    readonly candidates: readonly Candidate[],
    count: number,
    /** Latencies of the frames that left by now, given the load and the capacity that have been since the last look. */
    private readonly latencies: (load: number, capacity: number) => readonly number[] = () => [],
  ) {
    this.count = count;
  }

  get capacity(): number {
    return this.candidates.slice(0, this.count).reduce((sum, { weight }) => sum + weight, 0);
  }

  /** Load of its nodes, per mille of what they can carry. */
  utilisation(load: number): number {
    return Math.round((1000 * load) / (this.capacity * this.steering.target.activeFlows!));
  }

  look(at: number, load: number): AutoscaleDecision {
    const { steering, candidates, capacity } = this;
    const members = candidates.slice(0, this.count);
    const latencyBuckets = this.latencies(load, capacity);
    const nodes = members.map(({ node, weight }) => {
      const share = Math.round((load * weight) / capacity);
      this.frames.set(node, (this.frames.get(node) ?? 0) + share);
      return nodeLoad(node, share, { frames: this.frames.get(node)! });
    });
    this.samples = [...this.samples, { at, nodes, latencyBuckets }].filter(
      (sample) => sample.at >= at - steering.windowMs,
    );
    const isCovered = at - this.samples[0]!.at >= steering.windowMs;
    const decision = assess({
      cluster: CLUSTER,
      settings: steering,
      now: at,
      members,
      spares: candidates.slice(this.count),
      weights: new Map(candidates.map(({ node, weight }) => [node, weight])),
      load: isCovered ? loadOver(this.samples) : undefined,
      record: this.record,
      isUnderWay: false,
    });
    if (decision.verdict !== 'stay') this.carryOut(at, decision);
    return decision;
  }

  private carryOut(at: number, decision: AutoscaleDecision): void {
    const before: Autoscaling = this.record === undefined ? {} : { [CLUSTER]: this.record };
    this.record = evolveAutoscaling(before, { type: 'AutoscaleDecided', v: 1, data: decision }, ++this.seq, at)[
      CLUSTER
    ];
    this.count = decision.to;
    this.changes.push({ at, decision });
  }
}

/** How often the changes turn from growing to shrinking or back. */
export function reversals(changes: readonly Change[]): number {
  return changes.filter(({ decision }, i) => i > 0 && decision.verdict !== changes[i - 1]!.decision.verdict).length;
}
