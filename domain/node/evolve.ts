import { unreachable } from '../base/errors';
import type { Seq } from '../base/ids';
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
  NodeConfigured: ['admitted', 'configured', 'active'],
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
  const base = baseOf(known);
  switch (event.type) {
    case 'NodeDiscovered':
      return { ...newcomer(known.node), status: 'discovered', incarnation: event.data.incarnation };
    case 'NodeAdmitted': {
      const { weight, spare } = event.data;
      return { ...base, status: 'admitted', weight, spare, reservedBy: '', leaving: false };
    }
    case 'NodeConfigured':
      return configured(known, event.data.weight);
    case 'NodeActivated': {
      const { incarnation, fnode } = event.data;
      return { ...base, status: 'active', incarnation, fnode, spare: false, reservedBy: '' };
    }
    case 'NodeSuspected':
      return { ...base, status: 'suspected', lastSeen: event.data.lastSeen, dueAt: event.data.dueAt, since: place.seq };
    case 'NodeFailed':
      return { ...base, status: 'failed', fnode: 0 };
    case 'NodeRecovered':
      return recovered(known, event.data.incarnation);
    case 'NodeDraining': {
      const { dueAt, thenRemove } = event.data;
      return { ...base, status: 'draining', dueAt, thenRemove, since: place.seq };
    }
    case 'NodeDrained':
      return { ...base, status: 'drained', fnode: 0, leaving: known.status === 'draining' && known.thenRemove };
    case 'NodeRemoved':
      return { ...base, status: 'removed', fnode: 0, lastVersion: place.version };
    case 'SpareReserved':
      return { ...base, status: 'admitted', reservedBy: event.data.workflow };
    case 'SpareReleased':
      return { ...base, status: 'admitted', spare: true, reservedBy: '', leaving: false };
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
    leaving: false,
  };
}

/** What every status has, and nothing else. */
function baseOf(node: NodeState): Omit<NodeState, 'status'> {
  const { incarnation, weight, spare, reservedBy, fnode, leaving } = node;
  return { node: node.node, incarnation, weight, spare, reservedBy, fnode, leaving };
}

/** A new weight leaves an active node active. */
function configured(node: NodeState, weight: number): NodeState {
  const status = node.status === 'active' ? 'active' : 'configured';
  return { ...baseOf(node), status, weight };
}

/** The same life goes on after a suspicion; a new one has to catch up first. */
function recovered(node: NodeState, incarnation: number): NodeState {
  const status = node.status === 'suspected' ? 'active' : 'recovering';
  return { ...baseOf(node), status, incarnation };
}
