import { initialTransition, transition, type SnapshotFrom } from 'xstate';
import { nodeMachine, type NodeActorEvent } from '../../../actors/node-machine';
import { evolveNode, type NodeLifeEvent } from '../../../domain/node/evolve';
import type { NodeState, NodeStatus } from '../../../domain/node/state';

const AT = 5_000;
const PLACE = { seq: 9, version: 3 };
const address = { cluster: 2, node: 4 };
const life = { ...address, incarnation: 2 };

const EVENTS: { readonly [Type in NodeLifeEvent['type']]: Extract<NodeLifeEvent, { type: Type }> } = {
  NodeDiscovered: { type: 'NodeDiscovered', v: 1, data: life },
  NodeAdmitted: { type: 'NodeAdmitted', v: 1, data: { ...address, weight: 1, spare: false } },
  NodeConfigured: { type: 'NodeConfigured', v: 1, data: { ...address, weight: 2 } },
  NodeActivated: { type: 'NodeActivated', v: 1, data: { ...life, fnode: 1 } },
  NodeSuspected: { type: 'NodeSuspected', v: 1, data: { ...life, lastSeen: AT, dueAt: AT + 30 } },
  NodeFailed: { type: 'NodeFailed', v: 1, data: { ...life, lastSeen: AT, detectedAt: AT, fnodeFreeAt: AT } },
  NodeRecovered: { type: 'NodeRecovered', v: 1, data: { ...address, incarnation: 3 } },
  NodeDraining: { type: 'NodeDraining', v: 1, data: { ...address, dueAt: AT + 99, thenRemove: true } },
  NodeDrained: { type: 'NodeDrained', v: 1, data: { ...address, forced: false, fnodeFreeAt: AT } },
  NodeRemoved: { type: 'NodeRemoved', v: 1, data: address },
  SpareReserved: { type: 'SpareReserved', v: 1, data: { ...address, workflow: 'w' } },
  SpareReleased: { type: 'SpareReleased', v: 1, data: { ...address, workflow: 'w' } },
};

/** Events that lead a new node to each status. */
const ROADS: { readonly [Status in NodeStatus | 'unknown']: readonly NodeLifeEvent['type'][] } = {
  unknown: [],
  discovered: ['NodeDiscovered'],
  admitted: ['NodeAdmitted'],
  configured: ['NodeAdmitted', 'NodeConfigured'],
  active: ['NodeAdmitted', 'NodeConfigured', 'NodeActivated'],
  suspected: ['NodeAdmitted', 'NodeConfigured', 'NodeActivated', 'NodeSuspected'],
  failed: ['NodeAdmitted', 'NodeConfigured', 'NodeActivated', 'NodeFailed'],
  recovering: ['NodeAdmitted', 'NodeConfigured', 'NodeActivated', 'NodeFailed', 'NodeRecovered'],
  draining: ['NodeAdmitted', 'NodeConfigured', 'NodeActivated', 'NodeDraining'],
  drained: ['NodeAdmitted', 'NodeConfigured', 'NodeActivated', 'NodeDraining', 'NodeDrained'],
  removed: ['NodeAdmitted', 'NodeRemoved'],
};

interface Pair {
  readonly machine: SnapshotFrom<typeof nodeMachine>;
  readonly state: NodeState | undefined;
}

function step({ machine, state }: Pair, event: NodeLifeEvent): Pair {
  const received = { ...event, seq: PLACE.seq, at: AT } as NodeActorEvent;
  return { machine: transition(nodeMachine, machine, received)[0], state: evolveNode(state, event, PLACE) };
}

function at(status: NodeStatus | 'unknown'): Pair {
  const start: Pair = { machine: initialTransition(nodeMachine)[0], state: undefined };
  return ROADS[status].map((type) => EVENTS[type]).reduce(step, start);
}

/** What both must say alike. */
function seen({ machine, state }: Pair): { machine: unknown; state: unknown } {
  const dueAt = state?.status === 'suspected' || state?.status === 'draining' ? state.dueAt : 0;
  const { value, context } = machine;
  return {
    machine: { status: value, dueAt: context.dueAt, incarnation: context.incarnation },
    state: { status: state?.status ?? 'unknown', dueAt, incarnation: state?.incarnation ?? 0 },
  };
}

const statuses = Object.keys(ROADS) as (keyof typeof ROADS)[];
const types = Object.keys(EVENTS) as (keyof typeof EVENTS)[];

describe('a node machine', () => {
  it.each(statuses)('is where its road leads: %s', (status) => {
    expect(at(status).machine.value).toBe(status);
  });

  it.each(statuses.flatMap((status) => types.map((type) => [status, type] as const)))(
    'agrees with the folded state: %s × %s',
    (status, type) => {
      const { machine, state } = seen(step(at(status), EVENTS[type]));
      expect(machine).toEqual(state);
    },
  );

  it.each(statuses)('asks at its deadline for what the status says, and changes nothing itself: %s', (status) => {
    const before = at(status).machine;
    const [after, actions] = transition(nodeMachine, before, { type: 'Deadline', at: AT + 100 });
    const expected = status === 'suspected' ? ['failNode'] : status === 'draining' ? ['forceDrained'] : [];
    expect(actions.map(({ type }) => type)).toEqual(expected);
    expect(after.value).toBe(before.value);
  });
});
