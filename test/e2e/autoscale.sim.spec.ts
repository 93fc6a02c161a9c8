import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AutoscaleDecision } from '../../domain/autoscale/events';
import type { TopologyEvent } from '../../domain/events';
import type { Commit } from '../../domain/log/commit';
import type { Report } from '../../projections';
import { PHASES, SECONDS, START, writeRisingLoad } from '../support/rising-load';
import { flowgrid, UpSite } from '../support/up-process';

const root = join(__dirname, '../..');
const EXAMPLE = join(root, 'examples/autoscale.yaml');
const SEED = Number(process.env['FLOWGRID_SEED'] ?? 1);
const CLUSTER = 3;
/** A bound against hanging, not a budget: machines are shared. */
jest.setTimeout(900_000);

/** Live flows of which a node is full, in the grid of the rising load. Those that linger after their last frame count. */
const FULL = 180;
/** The band lies inside the promised one by what the load moves in a window and a cool-down. */
const AUTOSCALE = `autoscale: { min: 2, max: 40, target: { activeFlows: ${FULL} }, above: 76, below: 53,
      windowMs: 1000, cooldown: { outMs: 1000, inMs: 1000 } }`;

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'flowgrid-autoscale-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

interface Decided {
  /** Seconds since the first frame. */
  readonly at: number;
  readonly decision: AutoscaleDecision;
}

function decisionsOf(commits: readonly Commit<TopologyEvent>[], start: number): Decided[] {
  return commits.flatMap(({ at, events }) =>
    events.flatMap((event) =>
      event.type === 'AutoscaleDecided' ? [{ at: (at - start) / 1000, decision: event.data }] : [],
    ),
  );
}

function expectNothingBroken(report: Report): void {
  expect(Object.entries(report.invariants).filter(([, verdict]) => verdict !== 'held')).toEqual([]);
  expect(report.frames.dropped).toEqual({});
  expect(report.frames.out).toBe(report.frames.in);
}

/** By second: live flows, and nodes of the cluster that get new ones. */
async function loadBySecond(site: UpSite): Promise<{ readonly flows: number; readonly nodes: number }[]> {
  const { commits, flows } = await site.story();
  const records = [...flows.records()];
  return Array.from({ length: SECONDS }, (_, second) => {
    const at = START + second * 1e6;
    let nodes = 0;
    for (const { events } of commits.filter((commit) => commit.at * 1000 <= at)) {
      for (const event of events) {
        if (event.type === 'NodeActivated' && event.data.cluster === CLUSTER) nodes++;
        if (event.type === 'NodeDraining' && event.data.cluster === CLUSTER) nodes--;
      }
    }
    const live = records.filter(({ started, ended }) => started!.at <= at && (ended?.at ?? Infinity) > at);
    return { flows: live.length, nodes };
  });
}

describe(`an autoscaled cluster of the real program (seed ${SEED})`, () => {
  it('FG-358: follows flows of 5 s mean whose number rises and falls fourfold, and breaks none', async () => {
    const grid = join(dir, 'rising.yaml');
    const text = readFileSync(EXAMPLE, 'utf8')
      .replace(/autoscale:\n[\s\S]*?cooldown: .*\n/, `${AUTOSCALE}\n`)
      .replace('nodes: 1\n    spares: 4', 'nodes: 10\n    spares: 30')
      .replace('timing:\n', 'timing:\n  helloMs: 100\n')
      .replace('  file: captures/mixed.pcap\n', '');
    expect(text).toContain(AUTOSCALE);
    writeFileSync(grid, text);
    const capture = join(dir, 'rising.pcap');
    const flows = writeRisingLoad(capture, SEED);
    const site = new UpSite(dir, grid);
    const { code, stdout, stderr } = await site.run(capture);
    expect({ code, stderr: stderr.slice(-500) }).toMatchObject({ code: 0 });
    const report = JSON.parse(stdout) as Report;
    expectNothingBroken(report);
    expect(report.flows.started).toBe(flows);

    const { commits, flows: told } = await site.story();
    expect([...told.records()].filter(({ ended }) => ended?.end !== 'fin')).toEqual([]);

    // As the audit log tells it: up with the load, and down with it.
    const { foot, rise } = PHASES;
    const decided = decisionsOf(commits, START / 1000).filter(({ at }) => at >= foot && at < SECONDS);
    const verdicts = decided.map(({ decision: { verdict } }) => verdict);
    expect(verdicts.filter((verdict, i) => i > 0 && verdict !== verdicts[i - 1])).toHaveLength(1);
    expect(verdicts[0]).toBe('out');
    expect(verdicts.at(-1)).toBe('in');
    const turned = decided[verdicts.indexOf('in')]!.at;
    expect(turned).toBeGreaterThan(foot + rise);
    for (const { decision } of decided) {
      const { measured, demand } = decision;
      const flowsThen = measured.reduce((sum, { activeFlows }) => sum + activeFlows, 0);
      expect(Math.abs(demand - (1000 * flowsThen) / FULL)).toBeLessThan(1);
      expect(decision.expected).toBeLessThan(decision.verdict === 'out' ? decision.load : 760);
    }

    // As flows and members tell it, once flows are as many as they come to be.
    const bySecond = (await loadBySecond(site)).slice(foot, SECONDS);
    const means = bySecond.slice(2).map((_, i) => {
      const three = bySecond.slice(i, i + 3);
      return three.reduce((sum, { flows: live, nodes }) => sum + live / (nodes * FULL), 0) / three.length;
    });
    expect(Math.max(...means)).toBeLessThanOrEqual(0.8);
    expect(Math.min(...means)).toBeGreaterThanOrEqual(0.5);
    const nodes = bySecond.map((each) => each.nodes);
    expect(Math.max(...nodes)).toBeGreaterThan(3 * nodes[0]!);
    expect(nodes.at(-1)!).toBeLessThan(Math.max(...nodes) / 3);
  });

  it('FG-356 FG-358: examples/autoscale.yaml: nodes join and leave under real traffic, and the log tells why', async () => {
    const data = join(dir, 'example');
    const up = await flowgrid('up', EXAMPLE, '--once', '--speed', 'max', '--json', '--data', data);
    expect({ code: up.code, stderr: up.stderr.slice(-500) }).toMatchObject({ code: 0 });
    expectNothingBroken(JSON.parse(up.stdout) as Report);
    const dump = await flowgrid('log', 'dump', '--json', '--data', data);
    const commits = dump.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Commit<TopologyEvent>);
    const changes = decisionsOf(commits, 0).filter(({ decision }) => decision.verdict !== 'stay');
    expect(changes.map(({ decision: { verdict, from, to } }) => [verdict, from, to])).toEqual([
      ['out', 1, 4],
      ['in', 4, 3],
    ]);
    const types = commits.flatMap(({ events }) => events.map(({ type }) => type));
    expect(types.filter((type) => type === 'ProvisioningSucceeded')).toHaveLength(4);
    expect(types.filter((type) => type === 'NodeDrained')).toHaveLength(1);
    const state = await flowgrid('audit', 'state', '--data', data);
    expect(state.stdout).toContain('autoscaled: 1 to 4 nodes, at 50 to 80 % of active flows 20 a node over 2 s');
    expect(state.stdout).toMatch(/AB-4 +admitted +incarnation 1, weight 1, spare/);
  });
});
