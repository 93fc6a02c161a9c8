import { UNPLACED } from '../agent/state';
import { unreachable } from '../base/errors';
import type { Incarnation, Millis, Seq } from '../base/ids';
import type { SpareEvent } from '../provisioning/events';
import type { NodeEvent } from './events';
import type { NodeState, NodeStatus } from './state';

/** Everything that happens to one node. */
export type NodeLifeEvent = NodeEvent | SpareEvent;

/** A node that nobody has heard of. */
type Known = NodeState | undefined;

/**
 * Which statuses an event finds a node in; in any other it changes nothing. `unknown` is the node before its first
 * event. The node's machine (actors/) follows the same rules, and a test compares the two for every pair.
 */
const APPLIES: { readonly [Type in NodeLifeEvent['type']]: readonly (NodeStatus | 'unknown')[] } = {
  NodeDiscovered: ['unknown', 'removed'],
  NodeAdmitted: ['unknown', 'removed', 'discovered', 'admitted'],
  NodeConfigured: ['admitted', 'configured', 'active', 'drained'],
  NodeActivated: ['configured', 'recovering'],
  NodeSuspected: ['active'],
  NodeFailed: ['active', 'suspected', 'draining', 'recovering'],
  NodeRecovered: ['suspected', 'failed'],
  NodeDraining: ['active'],
  NodeDrained: ['draining'],
  NodeRemoved: ['discovered', 'admitted', 'configured', 'failed', 'drained'],
  SpareReserved: ['admitted'],
  SpareReleased: ['admitted', 'configured', 'drained'],
};

/** Whether the event changes a node in this status. */
export function appliesTo(type: NodeLifeEvent['type'], status: NodeStatus | 'unknown'): boolean {
  return APPLIES[type].includes(status);
}

/** Whether an event is part of a node's own life; where it is placed is not. */
export function isNodeLife<Event extends { readonly type: string }>(
  event: Event,
): event is Extract<Event, { type: NodeLifeEvent['type'] }> {
  return Object.hasOwn(APPLIES, event.type);
}

/** Where in the log an event stands. */
export interface EventPlace {
  readonly seq: Seq;
  /** The newest topology then: what a removed node remembers, to know when its ID is free again. */
  readonly version: number;
}

/** The node after the event. */
export function evolveNode(node: Known, event: NodeLifeEvent, place: EventPlace): Known {
  if (!appliesTo(event.type, node?.status ?? 'unknown')) return node;
  const known = node ?? newcomer(event.data.node);
  switch (event.type) {
    case 'NodeDiscovered':
      return discovered(known, event.data.incarnation);
    case 'NodeAdmitted': {
      const { weight, spare, lent = false } = event.data;
      return standing(known, 'admitted', { weight, spare, lent, reservedBy: '', leaving: false });
    }
    case 'NodeConfigured':
      // A new weight leaves an active node active.
      return standing(known, known.status === 'active' ? 'active' : 'configured', { weight: event.data.weight });
    case 'NodeActivated': {
      const { incarnation, fnode } = event.data;
      return standing(known, 'active', { incarnation, fnode, spare: false, reservedBy: '' });
    }
    case 'NodeSuspected':
      return suspected(known, event.data.lastSeen, event.data.dueAt, place.seq);
    case 'NodeFailed':
      return standing(known, 'failed', { fnode: 0 });
    case 'NodeRecovered': {
      // The same life goes on after a suspicion; a new one has to catch up first.
      const status = known.status === 'suspected' ? 'active' : 'recovering';
      return standing(known, status, { incarnation: event.data.incarnation });
    }
    case 'NodeDraining':
      return draining(known, event.data.dueAt, event.data.thenRemove, place.seq);
    case 'NodeDrained': {
      const leaving = known.status === 'draining' && known.thenRemove;
      return standing(known, 'drained', { fnode: 0, leaving });
    }
    case 'NodeRemoved':
      return removed(known, place.version);
    case 'SpareReserved':
      return standing(known, 'admitted', { reservedBy: event.data.workflow });
    case 'SpareReleased':
      return standing(known, 'admitted', { spare: true, reservedBy: '', leaving: false });
    default:
      return unreachable(event);
  }
}

function newcomer(node: number): NodeState {
  return {
    node,
    status: 'discovered',
    incarnation: 0,
    weight: 1,
    spare: false,
    reservedBy: '',
    fnode: 0,
    lent: false,
    leaving: false,
    placement: UNPLACED,
  };
}

/** A node that was removed begins anew, but none of the lives it was given is given again. */
function discovered({ node, placement }: NodeState, incarnation: Incarnation): NodeState {
  return { ...newcomer(node), incarnation, placement };
}

// The members of a node are written out below and not spread: on the path of a fold that is far faster, and
// what a status does not have cannot be carried into it.

/** The statuses that have no members of their own. */
type Standing = Exclude<NodeStatus, 'suspected' | 'draining' | 'removed'>;

/** What may change together with the status. */
type Changes = Partial<Omit<NodeState, 'node' | 'status' | 'placement'>>;

function standing(node: NodeState, status: Standing, changes: Changes): NodeState {
  return {
    node: node.node,
    status,
    incarnation: changes.incarnation ?? node.incarnation,
    weight: changes.weight ?? node.weight,
    spare: changes.spare ?? node.spare,
    reservedBy: changes.reservedBy ?? node.reservedBy,
    fnode: changes.fnode ?? node.fnode,
    lent: changes.lent ?? node.lent,
    leaving: changes.leaving ?? node.leaving,
    placement: node.placement,
  };
}

function suspected(known: NodeState, lastSeen: Millis, dueAt: Millis, since: Seq): NodeState {
  const { node, incarnation, weight, spare, reservedBy, fnode, lent, leaving, placement } = known;
  const status = 'suspected';
  return {
    node,
    status,
    incarnation,
    weight,
    spare,
    reservedBy,
    fnode,
    lent,
    leaving,
    placement,
    lastSeen,
    dueAt,
    since,
  };
}

function draining(known: NodeState, dueAt: Millis, thenRemove: boolean, since: Seq): NodeState {
  const { node, incarnation, weight, spare, reservedBy, fnode, lent, leaving, placement } = known;
  const status = 'draining';
  return {
    node,
    status,
    incarnation,
    weight,
    spare,
    reservedBy,
    fnode,
    lent,
    leaving,
    placement,
    dueAt,
    thenRemove,
    since,
  };
}

function removed(known: NodeState, lastVersion: number): NodeState {
  const { node, incarnation, weight, spare, reservedBy, lent, leaving, placement } = known;
  const status = 'removed';
  return { node, status, incarnation, weight, spare, reservedBy, fnode: 0, lent, leaving, placement, lastVersion };
}
