import { run } from '../services/cache';
import { natsAvailable, startNats, type NatsServer } from '../services/nats';
import { describeWithServer } from '../services/suite';
import { startTemporal, temporalAvailable, type TemporalServer } from '../services/temporal';
import { AB, UpgradedGrid } from '../support/upgraded-grid';
import { flowgrid } from '../support/up-process';

/** Generous: a machine that does other things too takes minutes for what takes seconds alone. */
const ONE_TEST_MS = 400_000;
const START_MS = 300_000;

describeWithServer('FG-390: upgrades by canary in a grid of agents, under traffic', natsAvailable, () => {
  let nats: NatsServer;
  let grid: UpgradedGrid;

  beforeAll(async () => {
    nats = await startNats();
    grid = new UpgradedGrid({ nats: nats.servers });
    await grid.startAll();
  }, START_MS);
  afterAll(async () => {
    await grid.end();
    await nats.stop();
  });

  test(
    'a version that emits the same replaces the function on every node, and leaves nothing behind',
    async () => {
      const { code, said } = await grid.upgrade('same', '1.0.0');
      expect(said).toMatchObject({
        status: 'succeeded',
        result: { cluster: 'AB', differing: 0, nodes: ['AB-1', 'AB-2', 'AB-3'] },
      });
      expect(code).toBe(0);
      expect(await grid.outline()).toEqual(outline('1.0.0', 2));
    },
    ONE_TEST_MS,
  );

  test(
    'a version that emits something else is found out by its clones and never carries a flow',
    async () => {
      const { code, said } = await grid.upgrade('marks', '1.1.0');
      expect(said).toMatchObject({ status: 'failed', error: expect.stringMatching(/frames differ, 0 may/) });
      expect(code).toBe(4);
      expect(await grid.outline()).toEqual(outline('1.0.0', 2));
    },
    ONE_TEST_MS,
  );
});

const bothAvailable = (): ReturnType<typeof natsAvailable> => {
  const [temporal, bus] = [temporalAvailable(), natsAvailable()];
  if (!temporal.ok) return temporal;
  return bus.ok ? { ok: true, version: `${temporal.version}, ${bus.version}` } : bus;
};

describeWithServer('upgrades, copies and replacements by Temporal', bothAvailable, () => {
  let nats: NatsServer;
  let temporal: TemporalServer;
  let grid: UpgradedGrid;

  beforeAll(async () => {
    [nats, temporal] = await Promise.all([startNats(), startTemporal()]);
    const { address, namespace } = temporal;
    grid = new UpgradedGrid({ nats: nats.servers }, ['--temporal', address, '--temporal-namespace', namespace]);
    await grid.startAll();
  }, START_MS);
  afterAll(async () => {
    await grid.end();
    await Promise.all([nats.stop(), temporal.stop()]);
  });

  /** What Temporal's own command line says. */
  const told = (...words: readonly string[]): string => {
    const { cli, address, namespace } = temporal;
    return run(cli, ['workflow', ...words, '--address', address, '--namespace', namespace, '--output', 'json']);
  };
  const about = (cluster: string): string =>
    told('list', '--query', `FlowgridGrid="agents" AND FlowgridCluster="${cluster}"`);

  test(
    'FG-390 FG-436: a version that emits something else is found out, and the log tells how it was put back',
    async () => {
      const before = await grid.outline();
      const { code, said } = await grid.upgrade('marks', '1.1.0');
      expect(said).toMatchObject({ status: 'failed', error: expect.stringMatching(/frames differ, 0 may/) });
      expect(code).toBe(4);
      expect(await grid.outline()).toEqual(before);
      const { stdout } = await flowgrid('workflow', 'show', 'marks', ...grid.access.slice(0, -1));
      expect(stdout).toMatch(
        /compare failed: .*frames differ[^]*undo replicate flows[^]*undo build canary[^]*failed: /,
      );
    },
    ONE_TEST_MS,
  );

  test(
    'FG-436 FG-437: waiting to be approved it is told of in both places; its worker killed while nodes get it, it ends well',
    async () => {
      const upgrade = grid.upgrade('approved', '1.0.0', '--approve-within', '600000');
      const view = await grid.at('approved', 'approve');
      expect(view).toMatchObject({ name: 'upgradeFunction', status: 'running', cluster: 'AB' });
      expect(view.progress).toEqual({ step: 'approve', done: 4, of: 11 });
      expect(about('AB')).toContain('"approved"');
      const described = told('describe', '--workflow-id', 'approved');
      for (const text of ['agents: upgradeFunction AB', '"cluster": "AB"']) expect(described).toContain(text);
      const shown = told('show', '--workflow-id', 'approved');
      for (const step of ['plan', 'build canary', 'compare']) expect(shown).toContain(`"activityId": "${step}"`);
      expect(await flowgrid('workflow', 'signal', 'approved', 'approve', ...grid.access)).toMatchObject({ code: 0 });
      const isKilled = await grid.killDuring('approved', (_, done) => done.at(-1) === 'upgrade AB-1');
      expect(await upgrade).toMatchObject({ code: 0, said: { status: 'succeeded' } });
      expect(isKilled).toBe(true);
      // The next leader has read the grid file, which says otherwise.
      expect(await grid.outline()).toEqual(outline('1.0.0', 2));
      grid.write('1.0.0');
    },
    ONE_TEST_MS,
  );

  test(
    'FG-436 FG-437: a copy whose worker is killed while it is built is there until the signal, and then gone',
    async () => {
      const before = await grid.outline();
      const clone = grid.run('copy', ['clone', 'AB', 'AC', '--for', '600000']);
      const isBegun = await grid.killDuring('copy', ({ clusters }, done) => {
        const copies = Object.values(clusters).filter(({ settings }) => settings.name.endsWith('~test'));
        return done.at(-1) === 'plan' && copies.length > 0;
      });
      expect(isBegun).toBe(true);
      const view = await grid.at('copy', 'stay');
      expect(view).toMatchObject({ status: 'running', cluster: 'AB, AC' });
      for (const cluster of ['AB', 'AC']) expect(about(cluster)).toContain('"copy"');
      expect(await flowgrid('workflow', 'signal', 'copy', 'end', ...grid.access)).toMatchObject({ code: 0 });
      expect(await clone).toMatchObject({
        code: 0,
        said: { status: 'succeeded', result: { clusters: ['AB~test', 'AC~test'], signalled: true } },
      });
      expect(await grid.outline()).toEqual(before);
    },
    ONE_TEST_MS,
  );

  test(
    'FG-436: a copy that is cancelled is gone',
    async () => {
      const before = await grid.outline();
      const clone = grid.run('cancelled', ['clone', 'AB', '--for', '600000']);
      await grid.at('cancelled', 'stay');
      expect(await flowgrid('workflow', 'cancel', 'cancelled', ...grid.access)).toMatchObject({ code: 0 });
      expect(await clone).toMatchObject({ code: 4, said: { status: 'cancelled' } });
      expect(await grid.outline()).toEqual(before);
      expect(await grid.shown('cancelled')).toMatchObject({
        history: expect.arrayContaining([
          expect.objectContaining({ kind: 'cancel' }),
          expect.objectContaining({ kind: 'step', step: 'undo build copy' }),
          expect.objectContaining({ kind: 'ended', status: 'cancelled' }),
        ]),
      });
    },
    ONE_TEST_MS,
  );

  test(
    'FG-436 FG-437: a replacement whose worker is killed between the two nodes ends with the one in the place of the other',
    async () => {
      const replace = grid.run('place', ['replace', 'AB-2']);
      const isBegun = await grid.killDuring('place', (_, done) => done.at(-1) === 'publish successor');
      expect(await replace).toMatchObject({
        code: 0,
        said: { status: 'succeeded', result: { cluster: AB, node: 2, by: 4 } },
      });
      expect(isBegun).toBe(true);
      const after = await grid.outline();
      expect(after.function).toEqual(outline('1.0.0', 2).function);
      expect(after.members.map(([node, , status]) => [node, status])).toEqual([
        [1, 'active'],
        [3, 'active'],
        [4, 'active'],
      ]);
      expect(told('describe', '--workflow-id', 'place')).toContain('AB-2');
    },
    ONE_TEST_MS,
  );
});

/** AB with a version of the package on all of its nodes, in a life of theirs, and nothing of a trial. */
function outline(version: string, life: number) {
  return {
    function: { name: 'package', config: { package: `marker@${version}` } },
    members: [1, 2, 3].map((node) => [node, life, 'active']),
    trials: [],
  };
}
