import { assertEvent, assign, setup } from 'xstate';
import type { Millis, Seq } from '../domain/base/ids';
import type { TopologyLifeEvent } from '../domain/events';
import type { CommittedFor, Deadline } from './events';

/** A topology that not all live nodes have acknowledged after this long is worth an alert. */
export const SLOW_PUBLICATION_MS = 1_000;

export interface GridContext {
  /** The newest topology; 0 before the first. */
  readonly version: number;
  readonly dueAt: Millis;
  readonly dueSince: Seq;
}

export type GridActorEvent = CommittedFor<TopologyLifeEvent> | Deadline;

/**
 * The grid's publication: `settled` (the newest topology is applied, or there is none) or `publishing` (live nodes
 * install it). A newer topology may be published before the last one is applied. The machine owns the time that a
 * publication may take unreported.
 */
export const gridMachine = setup({
  types: { context: {} as GridContext, events: {} as GridActorEvent },
  actions: {
    alertSlowPublication: () => undefined,
    knowPublished: assign(({ event }) => {
      assertEvent(event, 'TopologyPublished');
      return { version: event.data.version, dueAt: event.at + SLOW_PUBLICATION_MS, dueSince: event.seq };
    }),
    clearDeadline: assign({ dueAt: 0, dueSince: 0 }),
  },
  guards: {
    isNewest: ({ context, event }) => event.type === 'TopologyApplied' && event.data.version === context.version,
  },
}).createMachine({
  id: 'grid',
  context: { version: 0, dueAt: 0, dueSince: 0 },
  initial: 'settled',
  states: {
    settled: {
      on: { TopologyPublished: { target: 'publishing', actions: 'knowPublished' } },
    },
    publishing: {
      on: {
        TopologyPublished: { actions: 'knowPublished' },
        TopologyApplied: { guard: 'isNewest', target: 'settled', actions: 'clearDeadline' },
        Deadline: { actions: 'alertSlowPublication' },
      },
    },
  },
});
