import { unreachable } from '../../domain/base/errors';
import { clusterOf, nodeOf, type Millis } from '../../domain/base/ids';
import type { CommandBody, CommandRequest } from '../../domain/commands';
import type { GridState } from '../../domain/grid-state';
import type { ActorEffect } from '../../actors/runtime';
import { reaction } from '../../actors/reactions';

/** Something that an operator should know now. */
export interface Alert {
  readonly at: Millis;
  /** `grid`, a cluster's name or a node's. */
  readonly about: string;
  readonly text: string;
}

/** The command that a machine's action stands for; undefined if it is an alert. */
export function effectCommand(effect: ActorEffect, state: GridState, now: Millis): CommandRequest | undefined {
  const body = commandBody(effect, state);
  return body === undefined ? undefined : reaction(effect.actor, effect.cause, 0, body, Math.max(now, state.at));
}

/** The alert that a machine's action stands for; undefined if it is a command. */
export function effectAlert(effect: ActorEffect, state: GridState, now: Millis): Alert | undefined {
  const about = state.clusters[effect.cluster]?.settings.name ?? 'grid';
  switch (effect.action) {
    case 'alertDegraded':
      return { at: now, about, text: `cluster ${about} is below its strength` };
    case 'alertEmpty':
      return { at: now, about, text: `cluster ${about} has no member left` };
    case 'alertSlowPublication':
      return { at: now, about, text: `topology ${state.topology.version} is not yet installed by all live nodes` };
    case 'failNode':
    case 'forceDrained':
      return undefined;
    default:
      return unreachable(effect.action);
  }
}

function commandBody(effect: ActorEffect, state: GridState): CommandBody | undefined {
  const address = { cluster: clusterOf(effect.node), node: nodeOf(effect.node) };
  const node = state.clusters[address.cluster]?.nodes[address.node];
  if (node === undefined) return undefined;
  if (effect.action === 'failNode') return { type: 'FailNode', data: { ...address, incarnation: node.incarnation } };
  if (effect.action === 'forceDrained') return { type: 'CompleteDrain', data: { ...address, forced: true } };
  return undefined;
}
