import { createLocalBus, type LocalBus } from '../../../../adapters/bus/local-bus';
import { subjectsOf } from '../../../../adapters/bus/subjects';
import { nodeRef } from '../../../../domain/base/ids';
import type { GridState } from '../../../../domain/grid-state';
import type { GridStream } from '../../../../projections';
import { StatisticsTeller } from '../../../../runtime/control/statistics-teller';
import { reading } from '../../projections/streams/readings';
import { EGRESS, FILTER, INGRESS, SmallGrid, START } from './small-grid';

const subjects = subjectsOf('small');
const IA = nodeRef(INGRESS, 1);
const NO_LEADER = 'no message of a leader';

/** A control plane as far as a teller looks at it; who leads is the test's to say. */
interface Seat {
  isLeading: boolean;
  state: GridState;
}

describe('an MNODE and the streams of statistics', () => {
  let grid: SmallGrid;
  let bus: LocalBus;
  let told: { readonly subject: string; readonly message: GridStream }[];
  const tellers: StatisticsTeller[] = [];

  beforeEach(async () => {
    grid = await new SmallGrid().up();
    bus = createLocalBus({ clock: grid.clock, timers: grid.clock });
    told = [];
    bus.subscribe('flowgrid.small.stats.>', (payload, subject) => {
      const text = Buffer.from(payload).toString();
      const isStream = text !== NO_LEADER && !subject.startsWith('flowgrid.small.stats.node.');
      if (isStream) told.push({ subject, message: JSON.parse(text) as GridStream });
    });
  });
  afterEach(() => {
    for (const teller of tellers.splice(0)) teller.close();
  });

  const teller = (name: string, seat: Seat): StatisticsTeller => {
    const made = new StatisticsTeller(name, seat, bus, subjects, grid.clock);
    tellers.push(made);
    return made;
  };
  /** Time passes, and what was published meanwhile is delivered; every second IA-1 tells what it counted. */
  const pass = (seconds: number): void => {
    for (let i = 0; i < seconds; i++) {
      grid.clock.advanceTo(grid.clock.now() + 1_000);
      const since = (grid.clock.now() - START) / 1_000;
      const counted = reading(IA, since, { externalIn: Math.round(100 * since) });
      bus.publish(subjects.statsNode('IA-1'), Buffer.from(JSON.stringify(counted)));
      bus.pump();
    }
  };
  const grids = (): GridStream[] =>
    told.flatMap(({ subject, message }) => (subject === subjects.statsGrid() ? [message] : []));
  const seat = (isLeading: boolean, epoch = grid.plane.state.epoch): Seat => ({
    isLeading,
    state: { ...grid.plane.state, epoch },
  });

  test('FG-336: the leader tells every second, on a subject for each thing; a standby tells nothing, and goes on where the leader stopped', () => {
    const [leading, following] = [seat(true), seat(false)];
    teller('MA-1', leading);
    teller('MB-1', following);
    pass(3);
    expect(grids()).toHaveLength(3);
    expect([...new Set(told.map(({ subject }) => subject))]).toEqual([
      'flowgrid.small.stats.grid',
      'flowgrid.small.stats.cluster.IA',
      'flowgrid.small.stats.cluster.AB',
      'flowgrid.small.stats.cluster.IC',
      'flowgrid.small.stats.type.1',
    ]);
    const last = grids().at(-1)!;
    expect(last.perSecond).toMatchObject({ nodes: 1, entered: 100 });
    leading.isLeading = false;
    following.isLeading = true;
    following.state = { ...following.state, epoch: following.state.epoch + 1 };
    pass(1);
    expect(grids()).toHaveLength(4);
    const next = grids().at(-1)!;
    expect(next).toMatchObject({ by: 'MB-1', epoch: last.epoch + 1, perSecond: { nodes: 1, entered: 100 } });
    expect(next.counts.entered).toBe(last.counts.entered + 100);
  });

  test('FG-337: of two that hold themselves for the leader, the older one falls silent as soon as it hears the other', () => {
    const old = seat(true, 4);
    const deposed = teller('MA-1', old);
    pass(2);
    teller('MB-1', seat(true, 5));
    pass(5);
    expect(grids().map(({ by }) => by)).toEqual(['MA-1', 'MA-1', 'MA-1', 'MB-1', 'MB-1', 'MB-1', 'MB-1', 'MB-1']);
    expect(deposed.counts).toEqual({ malformed: 0, told: 3, passed: 4 });
    // It leads again, under a newer epoch: now the other one has not noticed.
    old.state = { ...old.state, epoch: 6 };
    told.length = 0;
    pass(3);
    expect(grids().map(({ by }) => by)).toEqual(['MA-1', 'MB-1', 'MA-1', 'MA-1']);
  });

  test('FG-241: what is no reading is counted and changes nothing', () => {
    const it = teller('MA-1', seat(true));
    pass(1);
    const good = reading(nodeRef(FILTER, 1), 1);
    const { hops: _, ...withoutHops } = good;
    const wrong: unknown[] = [
      null,
      [],
      7,
      withoutHops,
      { ...good, received: -1 },
      { ...good, received: 1e300 },
      { ...good, node: 0 },
      { ...good, node: nodeRef(EGRESS, 1) + 32_768 },
      { ...good, dropped: { runt: 'many' } },
      { ...good, latencyBuckets: [0.5] },
      { ...good, types: [{}] },
      { ...good, hops: [null] },
      { ...good, hops: [{ to: 0, frames: 1, bytes: 1 }] },
      { ...good, hops: [{ to: good.node, frames: 1 }] },
    ];
    for (const each of wrong) bus.publish(subjects.statsNode('AB-1'), Buffer.from(JSON.stringify(each)));
    bus.publish(subjects.statsNode('AB-1'), Buffer.from('{'));
    bus.publish(subjects.statsGrid(), Buffer.from(NO_LEADER));
    told.length = 0;
    pass(1);
    expect(it.counts).toEqual({ malformed: wrong.length + 1, told: 2, passed: 0 });
    expect(grids()[0]).toMatchObject({ heard: 1, silent: 4 });
  });
});
