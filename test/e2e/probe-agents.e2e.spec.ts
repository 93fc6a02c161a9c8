import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { HopLatency } from '../../projections';
import { natsAvailable, startNats, type NatsServer } from '../services/nats';
import { describeWithServer } from '../services/suite';
import { AgentGrid } from '../support/agent-grid';
import { readCaptureFile } from '../support/capture-file';
import { writeConversations } from '../support/conversations';
import { BIN, flowgrid, said } from '../support/up-process';

type Hop = Omit<HopLatency, 'hop'> & { readonly hop: string };

describeWithServer('probes of a grid of agents', natsAvailable, () => {
  let nats: NatsServer;
  let grid: AgentGrid;

  beforeAll(async () => {
    nats = await startNats();
    grid = new AgentGrid({ nats: nats.servers });
    await grid.start();
  }, 120_000);
  afterAll(async () => {
    await grid.end();
    await nats.stop();
  });

  it('FG-530: one collector captures on nodes of several agents, joins what they saw, and asks for a token', async () => {
    const access = ['--grid', 'agents', '--nats', nats.servers, '--key', join(grid.dir, 'grid.key')];
    const file = join(grid.dir, 'probed.pcapng');
    const args = ['probe', 'IA-1', 'AB', '--raw', '--filter', 'not control', '--write', file, '--json', ...access];
    const probe = spawn(BIN, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    probe.stdout.on('data', (chunk) => (stdout += String(chunk)));
    await said(probe, 'capturing at');
    const capture = join(grid.dir, 'played.pcapng');
    writeConversations(
      capture,
      Array.from({ length: 12 }, (_, i) => i),
    );
    const played = await flowgrid('play', capture, '--to', grid.west.into, '--back', grid.east.into, '--json');
    expect(played).toMatchObject({ code: 0 });
    probe.kill('SIGINT');
    expect(await once(probe, 'close')).toEqual([0, null]);
    const summary = JSON.parse(stdout) as { frames: number; points: { captured: number; dropped: number }[] };
    expect(summary.frames).toBe(summary.points.reduce((sum, { captured }) => sum + captured, 0));
    expect(summary.points.every(({ dropped }) => dropped === 0)).toBe(true);
    expect(readCaptureFile(file).frames).toHaveLength(summary.frames);
    const joined = await flowgrid('probe', 'join', file, '--json');
    expect(joined).toMatchObject({ code: 0 });
    const { hops } = JSON.parse(joined.stdout) as { hops: Hop[] };
    const between = hops.filter(({ hop }) => /^IA-1 > AB-\d$/.test(hop));
    expect(between.length).toBeGreaterThan(1);
    // What IA-1 sent arrived at AB, on other agents, every frame of it, and later than it was sent.
    for (const { frames, unmatched, min } of between) {
      expect({ unmatched, isLater: min >= 0 }).toEqual({ unmatched: 0, isLater: true });
      expect(frames).toBeGreaterThan(10);
    }
    // FG-536: what came from the network to IA-1 is told from there on.
    const ingress = hops.find(({ hop }) => hop === 'IA-1')!;
    expect(ingress.frames).toBeGreaterThan(20);
    expect(ingress.min).toBeGreaterThanOrEqual(0);
    const stranger = await flowgrid('probe', 'AB', '--token', 'a.b', ...access);
    expect(stranger).toMatchObject({ code: 4, stdout: '' });
    const absent = await flowgrid('probe', 'AX', ...access);
    expect(absent).toMatchObject({ code: 5, stdout: '' });
    const history = await flowgrid('audit', 'history', '--data', grid.data);
    expect(history.stdout).toContain('probe AB-2@');
  }, 240_000);
});
