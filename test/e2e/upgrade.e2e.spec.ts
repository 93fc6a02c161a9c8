import { createSocket } from 'node:dgram';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { GridState } from '../../domain/grid-state';
import { natsAvailable, startNats, type NatsServer } from '../services/nats';
import { LOOPBACK } from '../services/site';
import { describeWithServer } from '../services/suite';
import { AgentGrid } from '../support/agent-grid';
import { functionSource } from '../support/bundles';
import { flowgrid } from '../support/up-process';

const AB = 2;

/** Names of what stands in the grid for a while only. */
function trials({ clusters, links, paths, policies }: GridState): string[] {
  const names = [
    ...Object.values(clusters).map(({ settings }) => settings.name),
    ...Object.values(links.links).map(({ name }) => name),
    ...Object.values(paths).map(({ name }) => name),
    ...Object.values(policies).map(({ replicateTo = '' }) => replicateTo),
  ];
  return names.filter((name) => name.includes('~'));
}

describeWithServer('FG-390: upgrades by canary in a grid of agents, under traffic', natsAvailable, () => {
  const dir = mkdtempSync(join(tmpdir(), 'flowgrid-upgrade-'));
  const nowhere = createSocket('udp4');
  let seeds = 0;
  let nats: NatsServer;
  let grid: AgentGrid;

  const access = (): string[] => ['--grid', 'agents', '--nats', nats.servers, '--json'];
  const publish = async (version: string, source: string): Promise<void> => {
    const folder = mkdtempSync(join(dir, 'package-'));
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'marker', version, main: 'index.js' }));
    writeFileSync(join(folder, 'index.js'), source);
    expect(await flowgrid('package', folder, '--publish', ...access())).toMatchObject({ code: 0 });
  };
  /** Under traffic one way (answers go where nobody takes them): how it ended. */
  const upgrade = async (version: string) => {
    const back = `127.0.0.1:${nowhere.address().port}`;
    let isOver = false;
    // Flows go on beginning until it has ended, however slow this machine is.
    const play = async (): Promise<void> => {
      while (!isOver) {
        const load = ['--flows', '80', '--for', '4', '--seed', String(++seeds)];
        await flowgrid('play', '--to', grid.west.into, '--back', back, ...load);
      }
    };
    const playing = play();
    const limits = ['--frames', '400', '--compare-within', '60000', '--drain-within', '500'];
    const ended = await flowgrid('upgrade', 'AB', '--to', `marker@${version}`, ...limits, ...access());
    isOver = true;
    await playing;
    return { code: ended.code, said: JSON.parse(ended.stdout) as object };
  };
  const state = async (): Promise<GridState> => (await grid.log()).state;

  beforeAll(async () => {
    await new Promise<void>((bound) => nowhere.bind(0, '127.0.0.1', bound));
    nats = await startNats();
    grid = new AgentGrid({ nats: nats.servers }, { at: () => LOOPBACK, agentArgs: ['--packages', join(dir, 'store')] });
    await grid.start();
    await grid.startSpare('spare', 3);
    await publish('1.0.0', functionSource(''));
    await publish('1.1.0', functionSource('if (frame.proto !== 1) frame.setDscp(46)'));
  }, 120_000);
  afterAll(async () => {
    nowhere.close();
    await grid.end();
    await nats.stop();
    rmSync(dir, { recursive: true });
  });

  test('a version that emits the same replaces the function on every node, and leaves nothing behind', async () => {
    const { code, said } = await upgrade('1.0.0');
    expect(said).toMatchObject({
      status: 'succeeded',
      result: { differing: 0, nodes: ['AB-1', 'AB-2', 'AB-3'] },
    });
    expect(code).toBe(0);
    const now = await state();
    expect(now.clusters[AB]!.settings.function).toEqual({ name: 'package', config: { package: 'marker@1.0.0' } });
    expect([1, 2, 3].map((node) => now.clusters[AB]!.nodes[node]!.incarnation)).toEqual([2, 2, 2]);
    expect(trials(now)).toEqual([]);
  }, 120_000);

  test('a version that emits something else is found out by its clones and never carries a flow', async () => {
    const { code, said } = await upgrade('1.1.0');
    expect(said).toMatchObject({ status: 'failed', error: expect.stringMatching(/frames differ, 0 may/) });
    expect(code).toBe(4);
    const now = await state();
    expect(now.clusters[AB]!.settings.function.config).toEqual({ package: 'marker@1.0.0' });
    expect([1, 2, 3].map((node) => now.clusters[AB]!.nodes[node]!.incarnation)).toEqual([2, 2, 2]);
    expect(trials(now)).toEqual([]);
  }, 120_000);
});
