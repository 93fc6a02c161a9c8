import type { GridState } from '../../domain/grid-state';
import { run } from '../services/cache';
import { natsAvailable, startNats, type NatsServer } from '../services/nats';
import { describeWithServer } from '../services/suite';
import { startTemporal, temporalAvailable, type TemporalServer } from '../services/temporal';
import { ScaledGrid, spareOf, type ScaleProcess } from '../support/scaled-grid';
import { flowgrid } from '../support/up-process';

/** A machine that does other things too may take so long until a flow is on the new node; measured alone it is one or two seconds. */
const FIRST_FLOW_WITHIN_MS = 60_000;
const STEPS = ['reserve spare', 'install function', 'build links', 'check health', 'publish'];

/** How long an MNODE is let run between two looks: two commits of one step are hardly further apart. */
const SLICE_MS = 1;
/** An instant that is hardly there between two commits may be missed so often. */
const ATTEMPTS_MAX = 5;

/** An instant in a workflow, as the log shows it. */
interface Instant {
  readonly name: string;
  readonly shows: (state: GridState, done: readonly string[]) => boolean;
}

const after = (step: string): Instant => ({ name: `after ${step}`, shows: (_, done) => done.at(-1) === step });

/** Before, inside (the effect is there, the journal does not say so) and after each step that has an effect. */
const INSTANTS: readonly Instant[] = [
  { name: 'before the first step', shows: (state, done) => done.length === 0 && spareOf(state).reservedBy === '' },
  { name: 'inside reserve spare', shows: (state, done) => done.length === 0 && spareOf(state).reservedBy !== '' },
  after('reserve spare'),
  {
    name: 'inside install function',
    shows: (state, done) => done.at(-1) === 'reserve spare' && spareOf(state).status !== 'admitted',
  },
  after('install function'),
  after('build links'),
  {
    name: 'inside check health',
    shows: (state, done) => done.at(-1) === 'build links' && spareOf(state).status === 'active',
  },
  after('check health'),
  {
    name: 'inside publish',
    shows: (state, done) => done.at(-1) === 'check health' && (state.topology.live.at(-1)?.appliedAt ?? 0) > 0,
  },
  after('publish'),
];
/** All of them take minutes: a run of CI has one inside a step, for each engine. */
const CHOSEN = process.env['FLOWGRID_KILL_MATRIX'] === undefined ? [INSTANTS[3]!] : INSTANTS;

describeWithServer('scaling a grid of agents', natsAvailable, () => {
  let nats: NatsServer;
  let grid: ScaledGrid;

  beforeAll(async () => {
    nats = await startNats();
    grid = new ScaledGrid({ nats: nats.servers });
    await grid.startAll();
  }, 60_000);
  afterAll(async () => {
    await grid.end();
    await nats.stop();
  });

  test('FG-366: cancelled by the successor of a killed MNODE, a workflow leaves nothing behind', async () => {
    const before = spareOf(await grid.state());
    // Nobody hosts the spare yet: the workflow waits for its health.
    const scale = grid.scale(4);
    await scale.until(({ step }) => step === 'build links');
    await grid.mnodes[0]!.kill();
    await grid.startMnodes();
    const [workflow] = (await scale.until(({ workflows }) => workflows !== undefined)).workflows!;
    expect(await flowgrid('workflow', 'cancel', workflow!, ...grid.access)).toMatchObject({ code: 0 });
    expect(await scale.ended).toBe(4);
    expect(scale.told.at(-1)).toMatchObject({ status: 'cancelled' });
    const state = await grid.state();
    const { status, spare, reservedBy, weight } = before;
    expect(spareOf(state)).toMatchObject({ status, spare, reservedBy, weight });
    const members = state.topology.latest!.clusters.find(({ id }) => id === 2)!.members;
    expect(members.map(({ node }) => node)).toEqual([1, 2, 3]);
    const listed = await flowgrid('workflow', 'show', workflow!, ...grid.access);
    expect(listed.stdout).toContain('undo reserve spare');
    await grid.startPinned();
  }, 60_000);

  test('FG-372: a warm spare has its first flow soon after the command, each step is told, and no frame is lost', async () => {
    await showsFirstFlow(grid, 'embedded engine');
    await backToThree(grid);
    const refused = await flowgrid('scale', 'AB', '--to', '9', ...grid.access);
    expect(refused).toMatchObject({ code: 4, stderr: expect.stringContaining('AB has 1 spares left') });
  }, 60_000);

  test.each(CHOSEN)(
    'FG-366: the MNODE is killed $name: its successor ends the workflow',
    async (instant) => {
      await survives(grid, instant);
      await backToThree(grid);
    },
    60_000,
  );

  test('FG-372: of all that was sent meanwhile every frame came, once', () => grid.stopTraffic());
});

const bothAvailable = (): ReturnType<typeof natsAvailable> => {
  const [temporal, bus] = [temporalAvailable(), natsAvailable()];
  if (!temporal.ok) return temporal;
  return bus.ok ? { ok: true, version: `${temporal.version}, ${bus.version}` } : bus;
};

describeWithServer('scaling a grid of agents by Temporal', bothAvailable, () => {
  let nats: NatsServer;
  let temporal: TemporalServer;
  let grid: ScaledGrid;

  beforeAll(async () => {
    [nats, temporal] = await Promise.all([startNats(), startTemporal()]);
    const { address, namespace } = temporal;
    grid = new ScaledGrid({ nats: nats.servers }, ['--temporal', address, '--temporal-namespace', namespace]);
    await grid.startAll();
    await grid.startPinned();
  }, 60_000);
  afterAll(async () => {
    await grid.end();
    await Promise.all([nats.stop(), temporal.stop()]);
  });

  test('FG-370 FG-372: the same happens, and Temporal shows whose workflow it was', async () => {
    const scale = await showsFirstFlow(grid, 'Temporal');
    const { workflows } = scale.told.find((line) => line.workflows !== undefined)!;
    const { cli, address, namespace } = temporal;
    const at = ['--address', address, '--namespace', namespace, '--output', 'json'];
    const described = run(cli, ['workflow', 'describe', '--workflow-id', workflows![0]!, ...at]);
    expect(described).toMatch(/"scaleOut"/);
    expect(described).toMatch(/"flowgrid-agents"/);
    const found = run(cli, ['workflow', 'list', '--query', 'FlowgridGrid="agents" AND FlowgridCluster="AB"', ...at]);
    expect(found).toContain(workflows![0]!);
    await backToThree(grid);
  }, 60_000);

  test.each(CHOSEN)(
    'FG-366 FG-370: the MNODE with its worker is killed $name: the next one ends the workflow',
    async (instant) => {
      await survives(grid, instant);
      await backToThree(grid);
    },
    60_000,
  );

  test('FG-371: without the server workflows wait, all else goes on, an alert is raised; they go on when it is back', async () => {
    const [mnode] = grid.mnodes;
    await temporal.kill();
    const scale = grid.scale(4);
    await mnode!.until(({ what }) => /alert: grid: Temporal at .* is lost/.test(what));
    const settings = JSON.stringify({ cluster: 2, node: 1, weight: 2 });
    expect(await flowgrid('submit', 'ConfigureNode', settings, ...grid.access)).toMatchObject({ code: 0 });
    expect(spareOf(await grid.state()).reservedBy).toBe('');
    await temporal.restart();
    expect(await scale.ended).toBe(0);
    expect(scale.steps()).toEqual(['requested', ...STEPS]);
    await mnode!.until(({ what }) => what.includes('answers again'));
  }, 60_000);

  test('FG-372: of all that was sent meanwhile every frame came, once', () => grid.stopTraffic());
});

/** AB gets its spare while flows begin all the time; prints how long it took until one was on it. */
async function showsFirstFlow(grid: ScaledGrid, engine: string): Promise<ScaleProcess> {
  const scale = grid.scale(4);
  expect(await scale.ended).toBe(0);
  expect(scale.steps()).toEqual(['requested', ...STEPS]);
  const first = await grid.firstFlowOf('AB-4', scale.startedAt);
  const tookMs = first - scale.startedAt;
  process.stdout.write(`scale AB --to 4 (${engine}): first flow on AB-4 ${tookMs.toFixed(0)} ms after the command\n`);
  expect(tookMs).toBeLessThan(FIRST_FLOW_WITHIN_MS);
  return scale;
}

/** The MNODE is killed at an instant of a scale-out and started again: the command that waits sees it end well. */
async function survives(grid: ScaledGrid, { shows }: Instant): Promise<void> {
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
    const before = Object.keys((await grid.state()).workflows);
    const scale = grid.scale(4);
    const isNew = ([id]: readonly [string, unknown]): boolean => !before.includes(id);
    const newest = ({ workflows }: GridState) => Object.entries(workflows).find(isNew)?.[1];
    const isKilled = await grid.killMnodeWhen(
      (state) => {
        const workflow = newest(state);
        return workflow?.status === 'running' && shows(state, workflow.steps);
      },
      (state) => (newest(state)?.status ?? 'running') !== 'running',
      SLICE_MS,
    );
    if (isKilled) await grid.startMnodes();
    expect(await scale.ended).toBe(0);
    expect(scale.steps()).toEqual(['requested', ...STEPS]);
    const state = await grid.state();
    expect(newest(state)?.status).toBe('succeeded');
    expect(spareOf(state)).toMatchObject({ status: 'active' });
    if (isKilled) return;
    await backToThree(grid);
  }
  throw new Error(`the instant was missed ${ATTEMPTS_MAX} times`);
}

async function backToThree(grid: ScaledGrid): Promise<void> {
  expect(await grid.scale(3).ended).toBe(0);
  expect(spareOf(await grid.state())).toMatchObject({ status: 'admitted', spare: true, reservedBy: '' });
}
