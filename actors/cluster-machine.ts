import { assign, setup } from 'xstate';
import type { Millis, NodeId, Seq } from '../domain/base/ids';
import type { NodeLifeEvent } from '../domain/node/evolve';
import type { CommittedFor, Deadline } from './events';

/** A cluster may be below strength for this long before anybody is told: a node that returns at once alarms nobody. */
export const DEGRADED_ALERT_MS = 1_000;

export interface ClusterContext {
  /** Nodes that take part / that should and do not, in order of ID. */
  readonly present: readonly NodeId[];
  readonly missing: readonly NodeId[];
  /** Volatile (set anew on start): when being below strength is worth an alert; 0 = it is not. */
  readonly dueAt: Millis;
  readonly dueSince: Seq;
}

export type ClusterActorEvent = CommittedFor<NodeLifeEvent> | Deadline;

/** The membership part of a cluster's context. */
export type Membership = Pick<ClusterContext, 'present' | 'missing'>;

/**
 * A cluster's strength: `empty`, `degraded` or `whole` (domain/cluster/state.ts says the same of the folded state).
 * The machine owns the time that a cluster may stay below strength unreported.
 */
export const clusterMachine = setup({
  types: { context: {} as ClusterContext, events: {} as ClusterActorEvent },
  actions: {
    alertDegraded: () => undefined,
    alertEmpty: () => undefined,
    count: assign(({ context, event }) => (event.type === 'Deadline' ? {} : membershipAfter(context, event))),
    startPatience: assign(({ context, event }) => {
      if (event.type === 'Deadline' || context.dueAt !== 0) return {};
      return { dueAt: event.at + DEGRADED_ALERT_MS, dueSince: event.seq };
    }),
    endPatience: assign({ dueAt: 0, dueSince: 0 }),
  },
  guards: {
    isEmpty: ({ context }) => context.present.length === 0,
    isDegraded: ({ context }) => context.present.length > 0 && context.missing.length > 0,
    isWhole: ({ context }) => context.present.length > 0 && context.missing.length === 0,
  },
}).createMachine({
  id: 'cluster',
  context: { present: [], missing: [], dueAt: 0, dueSince: 0 },
  initial: 'empty',
  on: { '*': { actions: 'count' } },
  states: {
    empty: {
      on: { Deadline: { actions: 'alertEmpty' } },
      always: [
        { guard: 'isDegraded', target: 'degraded' },
        { guard: 'isWhole', target: 'whole' },
      ],
    },
    degraded: {
      entry: 'startPatience',
      on: { Deadline: { actions: 'alertDegraded' } },
      always: [
        { guard: 'isEmpty', target: 'empty' },
        { guard: 'isWhole', target: 'whole' },
      ],
    },
    whole: {
      entry: 'endPatience',
      always: [
        { guard: 'isEmpty', target: 'empty', actions: 'startPatience' },
        { guard: 'isDegraded', target: 'degraded' },
      ],
    },
  },
});

/** Who takes part and who is missing after a node's event. */
export function membershipAfter(before: Membership, event: CommittedFor<NodeLifeEvent>): Membership {
  const { node } = event.data;
  switch (event.type) {
    case 'NodeAdmitted':
      return event.data.spare
        ? gone(before, node)
        : { present: before.present, missing: including(before.missing, node) };
    case 'NodeActivated':
      return { present: including(before.present, node), missing: excluding(before.missing, node) };
    case 'NodeFailed':
      return { present: excluding(before.present, node), missing: including(before.missing, node) };
    case 'NodeDrained':
    case 'NodeRemoved':
    case 'SpareReleased':
      return gone(before, node);
    case 'NodeDiscovered':
    case 'NodeConfigured':
    case 'NodeSuspected':
    case 'NodeRecovered':
    case 'NodeDraining':
    case 'SpareReserved':
      return before;
  }
}

function gone(before: Membership, node: NodeId): Membership {
  return { present: excluding(before.present, node), missing: excluding(before.missing, node) };
}

function including(nodes: readonly NodeId[], node: NodeId): readonly NodeId[] {
  return nodes.includes(node) ? nodes : [...nodes, node].sort((a, b) => a - b);
}

function excluding(nodes: readonly NodeId[], node: NodeId): readonly NodeId[] {
  return nodes.includes(node) ? nodes.filter((other) => other !== node) : nodes;
}
