import { createLocalBus, type LocalBus } from '../../../../adapters/bus/local-bus';
import { subjectsOf } from '../../../../adapters/bus/subjects';
import type { GridState } from '../../../../domain/grid-state';
import { NODE_STATUS_EVERY_MS, NodeStatusTeller, type NodeStanding } from '../../../../runtime/control/node-status';
import { FILTER, SmallGrid } from './small-grid';

const subjects = subjectsOf('small');
const NODES = ['AB-1', 'AB-2', 'AB-3', 'AB-4', 'IA-1', 'IC-1'];

describe('how nodes stand, as an MNODE tells it', () => {
  let grid: SmallGrid;
  let bus: LocalBus;
  let told: NodeStanding[];
  const tellers: NodeStatusTeller[] = [];

  beforeEach(async () => {
    grid = await new SmallGrid().up();
    bus = createLocalBus({ clock: grid.clock, timers: grid.clock });
    told = [];
    bus.subscribe(subjects.nodeStatus('*'), (payload) => {
      told.push(JSON.parse(Buffer.from(payload).toString()) as NodeStanding);
    });
  });
  afterEach(() => {
    for (const teller of tellers.splice(0)) teller.close();
  });

  const teller = (name: string, plane: { isLeading: boolean; state: GridState }): NodeStatusTeller => {
    const made = new NodeStatusTeller(name, plane, bus, subjects, grid.clock);
    tellers.push(made);
    return made;
  };
  const pass = (ms: number): void => {
    grid.clock.advanceTo(grid.clock.now() + ms);
    bus.pump();
  };
  const withStatus = (state: GridState, node: number, status: 'failed' | 'active', seq: number): GridState => {
    const cluster = state.clusters[FILTER]!;
    const changed = { ...cluster.nodes[node]!, status };
    const nodes = { ...cluster.nodes, [node]: changed };
    return { ...state, seq, clusters: { ...state.clusters, [FILTER]: { ...cluster, nodes } } };
  };

  test('FG-446: the leader alone tells, all of them every few seconds and one as soon as it changes; a standby knows since when', () => {
    const { state } = grid.plane;
    const [leading, following] = [
      { isLeading: true, state },
      { isLeading: false, state },
    ];
    const [first, second] = [teller('MA-1', leading), teller('MB-1', following)];
    pass(NODE_STATUS_EVERY_MS);
    expect(told.map(({ name, by }) => `${by} ${name}`).sort()).toEqual(NODES.map((name) => `MA-1 ${name}`));
    // What was so before the first commit that they have folded themselves has no known beginning.
    for (const each of [first, second]) each.folded({ seq: state.seq, at: 5_000 }, state);
    expect(told.every(({ since }) => since === null)).toBe(true);
    told = [];
    const failed = withStatus(state, 2, 'failed', state.seq + 1);
    for (const each of [first, second]) each.folded({ seq: failed.seq, at: 7_000 }, failed);
    bus.pump();
    expect(told).toEqual([
      expect.objectContaining({ by: 'MA-1', cluster: FILTER, node: 2, name: 'AB-2', status: 'failed', since: 7_000 }),
    ]);
    told = [];
    Object.assign(leading, { isLeading: false });
    Object.assign(following, { isLeading: true, state: failed });
    second.tell();
    bus.pump();
    expect(told.find(({ name }) => name === 'AB-2')).toMatchObject({ by: 'MB-1', status: 'failed', since: 7_000 });
    expect(told.map(({ name }) => name).sort()).toEqual(NODES);
  });
});
