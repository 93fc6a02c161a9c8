import type { ClusterId, NodeId } from '../../domain/base/ids';
import type { SagaStep } from './saga';

/** Flows that a node got before its joining was given up may stay this long, in milliseconds. */
export const DRAIN_ON_UNDO_MS = 60_000;

/** What a saga knows of the node that joins a cluster. */
interface Joining {
  readonly cluster: ClusterId;
  readonly workflow: string;
  /** The spare once it is known to be ours; 0 = not yet. */
  readonly reserved: NodeId | 0;
  readonly weight: number;
  readonly healthyWithinMs: number;
}

/** What a saga knows of the node that leaves its cluster. */
interface Leaving {
  readonly cluster: ClusterId;
  readonly node: NodeId;
  readonly workflow: string;
  /** Its weight as a member, to give back with its place. */
  readonly weight: number;
  readonly drainWithinMs: number;
  readonly publishedWithinMs: number;
  readonly version: number;
}

/**
 * reserve spare → install function → build links → check health: the node is ready to be published.
 *
 * @param wanted the spare to take; 0 = the one with the lowest ID
 * @param like gives the node whose links it gets; absent: those of its cluster
 */
export function joiningSteps<State extends Joining>(
  wanted: (state: State) => NodeId | 0,
  like?: (state: State) => NodeId,
): readonly SagaStep<State>[] {
  return [
    {
      name: 'reserve spare',
      do: (state) => ({
        activity: 'reserveSpare',
        input: { cluster: state.cluster, node: wanted(state), workflow: state.workflow },
      }),
      keep: (state, result) => ({ ...state, reserved: (result as { node: NodeId }).node }),
      // Puts back every later step of the node's life, too: with its function installed it may have joined by itself.
      undo: ({ cluster, reserved, workflow }) => ({
        activity: 'withdrawNode',
        input: { cluster, node: reserved, workflow, withinMs: DRAIN_ON_UNDO_MS },
      }),
    },
    {
      name: 'install function',
      do: ({ cluster, reserved: node, weight }) => ({ activity: 'installFunction', input: { cluster, node, weight } }),
    },
    {
      name: 'build links',
      do: (state) => ({
        activity: 'joinLinks',
        input: { cluster: state.cluster, node: state.reserved, ...(like && { like: like(state) }) },
      }),
      undo: ({ cluster, reserved: node }) => ({ activity: 'leaveLinks', input: { cluster, node } }),
    },
    {
      name: 'check health',
      do: ({ cluster, reserved: node, healthyWithinMs }) => ({
        activity: 'awaitHealthy',
        input: { cluster, node, withinMs: healthyWithinMs },
      }),
      // Before its links are taken away: it may carry flows.
      undo: ({ cluster, reserved: node }) => ({
        activity: 'drainNode',
        input: { cluster, node, withinMs: DRAIN_ON_UNDO_MS },
      }),
    },
  ];
}

/** The node gets no new flows, and carries none any more. */
export function draining<State extends Leaving>(): SagaStep<State> {
  return {
    name: 'drain',
    do: ({ cluster, node, drainWithinMs }) => ({
      activity: 'drainNode',
      input: { cluster, node, withinMs: drainWithinMs },
    }),
    undo: ({ cluster, node, workflow, weight }) => ({
      activity: 'rejoinCluster',
      input: { cluster, node, workflow, weight },
    }),
  };
}

/** publish → release: all live nodes know that the node is no member any more, and it is given back. */
export function releasingSteps<State extends Leaving>(): readonly SagaStep<State>[] {
  return [
    {
      // Put back by the node's return to its cluster, which the next topology lists again.
      name: 'publish',
      do: ({ cluster, node, publishedWithinMs }) => ({
        activity: 'publishTopology',
        input: { cluster, node, listed: false, withinMs: publishedWithinMs },
      }),
      keep: (state, result) => ({ ...state, version: (result as { version: number }).version }),
    },
    {
      // A node that was made for an agent's room is gone afterwards.
      name: 'release',
      isFinal: true,
      do: ({ cluster, node, workflow }) => ({ activity: 'releaseSpare', input: { cluster, node, workflow } }),
    },
  ];
}
