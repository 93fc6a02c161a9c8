import { assertEvent, assign, setup } from 'xstate';
import type { Incarnation, Millis, Seq } from '../domain/base/ids';
import type { NodeLifeEvent } from '../domain/node/evolve';
import type { CommittedFor, Deadline } from './events';

/** What a node's machine remembers: all of it from events, so that it is part of what replay must reproduce. */
export interface NodeContext {
  readonly incarnation: Incarnation;
  /** When the present status ends by itself; 0 = never. */
  readonly dueAt: Millis;
  /** The commit that set {@link dueAt}: the cause of what the deadline leads to. */
  readonly dueSince: Seq;
}

export type NodeActorEvent = CommittedFor<NodeLifeEvent> | Deadline;

/**
 * A node's life: `discovered → admitted → configured → active ⇄ suspected → failed → recovering → active`,
 * `draining → drained → removed`. The states are the statuses of the node aggregate. The machine owns the two
 * deadlines: suspicion becomes failure, and draining ends by force.
 */
export const nodeMachine = setup({
  types: { context: {} as NodeContext, events: {} as NodeActorEvent },
  actions: {
    /** Effects: the runtime turns them into commands, or discards them on replay. */
    failNode: () => undefined,
    forceDrained: () => undefined,
    knowLife: assign(({ event }) => {
      assertEvent(event, ['NodeDiscovered', 'NodeActivated', 'NodeRecovered']);
      return { incarnation: event.data.incarnation };
    }),
    forgetLife: assign({ incarnation: 0 }),
    setDeadline: assign(({ event }) => {
      assertEvent(event, ['NodeSuspected', 'NodeDraining']);
      return { dueAt: event.data.dueAt, dueSince: event.seq };
    }),
    clearDeadline: assign({ dueAt: 0, dueSince: 0 }),
  },
}).createMachine({
  id: 'node',
  context: { incarnation: 0, dueAt: 0, dueSince: 0 },
  initial: 'unknown',
  states: {
    unknown: {
      on: { NodeDiscovered: { target: 'discovered', actions: 'knowLife' }, NodeAdmitted: 'admitted' },
    },
    discovered: {
      on: { NodeAdmitted: 'admitted', NodeRemoved: 'removed' },
    },
    admitted: {
      on: {
        NodeAdmitted: {},
        SpareReserved: {},
        SpareReleased: {},
        NodeConfigured: 'configured',
        NodeRemoved: 'removed',
      },
    },
    configured: {
      on: {
        NodeConfigured: {},
        SpareReleased: 'admitted',
        NodeActivated: { target: 'active', actions: 'knowLife' },
        NodeRemoved: 'removed',
      },
    },
    active: {
      on: { NodeConfigured: {}, NodeSuspected: 'suspected', NodeFailed: 'failed', NodeDraining: 'draining' },
    },
    suspected: {
      entry: 'setDeadline',
      exit: 'clearDeadline',
      on: {
        Deadline: { actions: 'failNode' },
        NodeRecovered: { target: 'active', actions: 'knowLife' },
        NodeFailed: 'failed',
      },
    },
    failed: {
      on: { NodeRecovered: { target: 'recovering', actions: 'knowLife' }, NodeRemoved: 'removed' },
    },
    recovering: {
      on: { NodeActivated: { target: 'active', actions: 'knowLife' }, NodeFailed: 'failed' },
    },
    draining: {
      entry: 'setDeadline',
      exit: 'clearDeadline',
      on: { Deadline: { actions: 'forceDrained' }, NodeDrained: 'drained', NodeFailed: 'failed' },
    },
    drained: {
      on: { NodeConfigured: 'configured', NodeRemoved: 'removed', SpareReleased: 'admitted' },
    },
    removed: {
      on: {
        NodeDiscovered: { target: 'discovered', actions: 'knowLife' },
        NodeAdmitted: 'admitted',
      },
    },
  },
});
