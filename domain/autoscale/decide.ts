import type { Millis } from '../base/ids';
import type { GridState } from '../grid-state';
import { reject, type Decision } from '../message';
import type { AutoscaleDecision, AutoscaleEvent } from './events';
import { freeSpares, nextStep, servingNodes } from './state';

/**
 * Takes a decision down. Loads are the word of whoever measured them; that limits, cool-down and one change at a time are
 * kept is decided here, whatever was measured.
 */
export function decideAutoscale(state: GridState, data: AutoscaleDecision, at: Millis): Decision<AutoscaleEvent> {
  const cluster = state.clusters[data.cluster];
  if (cluster === undefined) return reject('not-found', `there is no cluster ${data.cluster}`);
  const { name, autoscale } = cluster.settings;
  if (autoscale === undefined) return reject('not-allowed', `cluster ${name} has no settings for autoscaling`);
  const { verdict, from, to, nodes } = data;
  const serving = servingNodes(cluster);
  if (serving.length !== from) return reject('stale', `cluster ${name} has ${serving.length} nodes, not ${from}`);
  const event: AutoscaleEvent = { type: 'AutoscaleDecided', v: 1, data };
  if (verdict === 'stay') return to === from ? [event] : reject('invalid', `to stay is not from ${from} to ${to}`);
  if (nodes.length !== Math.abs(to - from) || verdict !== (to > from ? 'out' : 'in') || to === from) {
    return reject('invalid', `cluster ${name}: from ${from} to ${to} nodes is not ${verdict} by ${nodes.length}`);
  }
  if (verdict === 'out' ? to > autoscale.max : to < autoscale.min) {
    return reject('not-allowed', `cluster ${name} has from ${autoscale.min} to ${autoscale.max} nodes, not ${to}`);
  }
  const change = state.autoscaling[data.cluster]?.change ?? null;
  if (change !== null) {
    const due = change.at + (verdict === 'out' ? autoscale.cooldown.outMs : autoscale.cooldown.inMs);
    if (at < due) return reject('not-allowed', `cluster ${name} changed at ${change.at} and rests until ${due}`);
    if (nextStep(cluster, state.workflows, change) !== undefined) {
      return reject('in-use', `cluster ${name}: the change of commit ${change.seq} is under way`);
    }
  }
  const candidates = verdict === 'out' ? freeSpares(cluster) : serving;
  const other = nodes.find((node) => candidates.every((candidate) => candidate.node !== node));
  if (other !== undefined) {
    return reject('not-allowed', `${name}-${other} is no ${verdict === 'out' ? 'free spare' : 'member'}`);
  }
  return [event];
}
