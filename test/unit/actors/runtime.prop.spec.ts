import fc from 'fast-check';
import { ActorRuntime } from '../../../actors/runtime';
import type { CommandBody } from '../../../domain/commands';
import { conditionOf, nodesOf, type ClusterState } from '../../../domain/cluster/state';
import { decide } from '../../../domain/decide';
import type { TopologyEvent } from '../../../domain/events';
import { evolveCommit, type GridState } from '../../../domain/grid-state';
import type { Commit } from '../../../domain/log/commit';
import { isRejection } from '../../../domain/message';
import { givenSmallGrid } from '../domain/given';

const node = fc.integer({ min: 1, max: 4 });
/** Relative to the node's present life: mostly that one, sometimes the next, sometimes one that is over. */
const incarnation = fc.constantFrom(0, 0, 0, 1, -1);
const cluster = fc.constantFrom(2, 2, 2, 1, 3);

/** Commands of nodes' and topologies' lives, sensible or not. */
const commands: fc.Arbitrary<CommandBody> = fc.oneof(
  fc
    .record({ cluster, node, incarnation })
    .chain((life) =>
      fc.constantFrom<CommandBody>(
        { type: 'DiscoverNode', data: life },
        { type: 'ActivateNode', data: life },
        { type: 'ActivateNode', data: life },
        { type: 'SuspectNode', data: { ...life, lastSeen: 5 } },
        { type: 'FailNode', data: life },
        { type: 'RecoverNode', data: life },
      ),
    ),
  fc
    .record({ cluster, node })
    .chain((address) =>
      fc.constantFrom<CommandBody>(
        { type: 'AdmitNode', data: { ...address, weight: 1, spare: false } },
        { type: 'AdmitNode', data: { ...address, weight: 1, spare: true } },
        { type: 'ConfigureNode', data: { ...address, weight: 2 } },
        { type: 'DrainNode', data: { ...address, withinMs: 100, thenRemove: false } },
        { type: 'CompleteDrain', data: { ...address, forced: false } },
        { type: 'RemoveNode', data: address },
        { type: 'ReserveSpare', data: { ...address, workflow: 'w' } },
        { type: 'ReleaseSpare', data: { ...address, workflow: 'w' } },
      ),
    ),
  fc.constant<CommandBody>({ type: 'PublishTopology', data: {} }),
  fc.integer({ min: 1, max: 6 }).map((version): CommandBody => ({ type: 'ApplyTopology', data: { version } })),
);

/** The command with the incarnation that it means. */
function absolute(body: CommandBody, state: GridState): CommandBody {
  if (!('incarnation' in body.data)) return body;
  const { cluster: id, node: nodeId, incarnation: offset } = body.data;
  const present = Math.max(1, state.clusters[id]?.nodes[nodeId]?.incarnation ?? 0);
  return { type: body.type, data: { ...body.data, incarnation: present + offset } } as CommandBody;
}

interface Run {
  readonly state: GridState;
  readonly actors: ActorRuntime;
  readonly commits: number;
}

function run(bodies: readonly CommandBody[]): Run {
  let state = givenSmallGrid();
  const actors = new ActorRuntime(() => undefined);
  actors.restore(state);
  let commits = 0;
  bodies.forEach((relative, index) => {
    const body = absolute(relative, state);
    const at = 2_000_000 + index * 10;
    const events = decide(state, { id: `c${index}`, by: 'operator:test', deadline: at, at, body });
    if (isRejection(events) || events.length === 0) return;
    const commit: Commit<TopologyEvent> = {
      seq: state.seq + 1,
      prev: '',
      epoch: 0,
      commandId: `c${index}`,
      at,
      by: '',
      cause: 0,
      corr: '',
      events,
    };
    state = evolveCommit(state, commit);
    actors.fold(commit);
    commits++;
  });
  return { state, actors, commits };
}

/** What the machines should be in, by the folded state alone. */
function expected(state: GridState): Map<string, string> {
  const states = new Map<string, string>();
  for (const cluster of Object.values(state.clusters) as ClusterState[]) {
    const { id } = cluster.settings;
    for (const { node: nodeId, status } of nodesOf(cluster)) states.set(`node/${id}/${nodeId}`, status);
    states.set(`cluster/${id}`, conditionOf(cluster));
  }
  const newest = state.topology.live.at(-1);
  states.set('grid', newest !== undefined && newest.appliedAt === 0 ? 'publishing' : 'settled');
  return states;
}

describe('the actor runtime', () => {
  it('agrees with the folded state after any commands', () => {
    let commits = 0;
    fc.assert(
      fc.property(fc.array(commands, { minLength: 60, maxLength: 160 }), (bodies) => {
        const { state, actors, commits: made } = run(bodies);
        commits += made;
        const states = new Map([...actors.states()].map(([actor, { value }]) => [actor, value]));
        expect([...states].sort()).toEqual([...expected(state)].sort());
      }),
      { numRuns: 60 },
    );
    expect(commits).toBeGreaterThan(300);
  });

  it('set up from a folded state is as if it had folded every commit', () => {
    fc.assert(
      fc.property(fc.array(commands, { minLength: 10, maxLength: 60 }), (bodies) => {
        const { state, actors } = run(bodies);
        const restored = new ActorRuntime(() => undefined);
        restored.restore(state);
        // Clusters' deadlines are volatile: the patience with a weak cluster begins anew.
        const seen = (runtime: ActorRuntime): unknown =>
          [...runtime.states()]
            .map(([actor, { value, dueAt }]) => [actor, value, actor.startsWith('cluster') ? 0 : dueAt])
            .sort();
        expect(seen(restored)).toEqual(seen(actors));
      }),
      { numRuns: 40 },
    );
  });
});
