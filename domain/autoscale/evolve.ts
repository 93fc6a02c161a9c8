import type { Millis, Seq } from '../base/ids';
import { withEntry, withoutEntry } from '../base/entries';
import type { Clusters } from '../cluster/evolve';
import type { AutoscaleDecision, AutoscaleEvent } from './events';
import type { AutoscaleRecord, Autoscaling } from './state';

export function evolveAutoscaling(before: Autoscaling, event: AutoscaleEvent, seq: Seq, at: Millis): Autoscaling {
  const { data } = event;
  const known = before[data.cluster];
  const { verdict, why, nodes } = data;
  const demand = why === 'load' && data.metric !== 'latencyUs' ? data.demand : 0;
  const change = verdict === 'stay' ? (known?.change ?? null) : { seq, at, verdict, nodes, demand };
  return withEntry(before, data.cluster, { at, verdict, why, change, tooFew: tooFewAfter(known, data) });
}

/** A cluster whose size nobody steers any more has no decisions to carry out, and begins anew if it gets settings again. */
export function forgetUnsteered(before: Autoscaling, clusters: Clusters): Autoscaling {
  const unsteered = Object.keys(before).filter((id) => clusters[Number(id)]?.settings.autoscale === undefined);
  return unsteered.reduce((left, id) => withoutEntry(left, Number(id)), before);
}

/** Remembered until the latency asks for more nodes again, at another load. */
function tooFewAfter(known: AutoscaleRecord | undefined, data: AutoscaleDecision): AutoscaleRecord['tooFew'] {
  if (data.verdict !== 'out' || data.metric !== 'latencyUs') return known?.tooFew ?? null;
  return { nodes: data.from, framesPerSecond: framesPerSecond(data.measured) };
}

/** Frames that a cluster's nodes received, a second. */
export function framesPerSecond(measured: readonly { readonly framesPerSecond: number }[]): number {
  return measured.reduce((sum, node) => sum + node.framesPerSecond, 0);
}
