import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeRef, type NodeRef } from '../../domain/base/ids';
import { applyChanges } from '../../domain/topology/changes';
import type { Topology } from '../../domain/topology/topology';
import type { Report } from '../../projections';
import { readStory, withLog, type ToldStory } from '../../runtime/programs/log-reading';
import { compareThroughGrid } from '../support/through-grid';
import { emptyCapture, flowgrid, said, BIN } from '../support/up-process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';

const EXAMPLES = join(__dirname, '../../examples');
const FIGURE = join(EXAMPLES, 'figure-2c.yaml');
const CAPTURE = join(EXAMPLES, 'captures/mixed.pcap');
/** Of grid time; the capture goes on for longer after the primary's return. */
const RESTORE_MS = 2_000;
const AB = 3;
const [AB1, AB2] = [nodeRef(AB, 1), nodeRef(AB, 2)];

let dir: string;
beforeAll(() => (dir = mkdtempSync(join(tmpdir(), 'flowgrid-cutover-'))));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** The figure with a way back, and other words of it besides. */
function figure(name: string, change: (text: string) => string = (text) => text): string {
  const text = readFileSync(FIGURE, 'utf8').replaceAll(
    'kind: resilient',
    `kind: resilient\n    restoreMs: ${RESTORE_MS}`,
  );
  const path = join(dir, `${name}.yaml`);
  writeFileSync(path, change(text));
  return path;
}

interface Ran {
  readonly report: Report;
  readonly story: ToldStory;
  readonly missing: number;
  readonly extra: number;
  readonly data: string;
  readonly said: string;
}

/** The primary dies when a third of the capture is through, and comes back at two thirds. */
async function run(name: string, grid: string): Promise<Ran> {
  const [data, out, report] = ['data', 'pcapng', 'json'].map((end) => join(dir, `${name}.${end}`)) as [
    string,
    string,
    string,
  ];
  const args = ['--kill', 'AB-1@0.3', '--revive', 'AB-1@0.6', '--once', '--speed', 'max'];
  const ended = await flowgrid(
    'up',
    grid,
    '--capture',
    CAPTURE,
    '--data',
    data,
    '--out',
    out,
    '--report',
    report,
    ...args,
  );
  expect(ended.code).toBe(0);
  const { missing, extra } = compareThroughGrid(CAPTURE, out);
  const story = await withLog(data, (log) => readStory(log));
  const told = JSON.parse(readFileSync(report, 'utf8')) as Report;
  return { report: told, story, missing: missing.length, extra: extra.length, data, said: ended.stdout + ended.stderr };
}

/** Flows that began under topologies with one end connected, by that end and the node of AB that they were given. */
function flowsByEnd({ commits, flows }: ToldStory): Map<string, number> {
  const connected = new Map<number, string>();
  const counts = new Map<string, number>();
  let latest: Topology | null = null;
  for (const { seq, events } of commits) {
    for (const { type, data } of events) {
      if (type !== 'TopologyPublished') continue;
      latest = applyChanges(latest, data.changes, data.version, data.wireId);
      const ends = new Set(
        latest.links.filter(({ kind }) => kind === 'resilient').map((link) => link.connected ?? 'primary'),
      );
      // Both links have the same ends, so that what becomes of one becomes of the other.
      expect(ends.size).toBe(1);
      connected.set(seq, [...ends][0]! + (connected.size === 0 ? ', at first' : ''));
    }
  }
  const nameOf = (ref: NodeRef | undefined): string => (ref === AB1 ? 'AB-1' : ref === AB2 ? 'AB-2' : 'nobody');
  for (const { started, route, completions } of flows.records()) {
    if (started === undefined) continue;
    const given = [...route, ...completions.flatMap((each) => each.route)].find((ref) => ref === AB1 || ref === AB2);
    const key = `${connected.get(started.topologySeq)}: ${nameOf(given)}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}

function cutovers({ cutovers: all = [] }: Report): string[] {
  return all.map(({ link, node, because }) => `${link} ${node} ${because}`);
}

const EXPECTED = ['near AB-2 failed', 'far AB-2 failed', 'near AB-1 restored', 'far AB-1 restored'];

describe('figure 2C, a resilient link on either side', () => {
  const forms: readonly (readonly [string, (text: string) => string])[] = [
    ['redirect, centralized', (text) => text],
    ['redirect, distributed', (text) => text.replace('grid: figure-2c', 'grid: figure-2c\nselection: distributed')],
    [
      'backup',
      (text) =>
        text
          .replace('failure: redirect', 'failure: backup')
          .replace('links:', 'links:\n  siblings: { kind: switch, members: [AB] }'),
    ],
  ];

  test.each(forms)(
    'FG-519: %s: the primary carries all flows until it dies, then the standby, and what begins after its return the primary again',
    async (name, change) => {
      const ran = await run(name, figure(name, change));
      const { report, story } = ran;
      const flows = flowsByEnd(story);
      // Between a death and the topology that tells of it, INODEs choose by what they know.
      flows.delete('primary, at first: AB-2');
      expect([...flows.keys()].sort()).toEqual(['primary, at first: AB-1', 'primary: AB-1', 'standby: AB-2']);
      for (const [key, count] of flows) expect([key, count > 5]).toEqual([key, true]);
      expect(cutovers(report)).toEqual(EXPECTED);
      expect(Object.values(report.invariants).filter((verdict) => verdict !== 'held')).toEqual([]);
      const [failure] = report.failures;
      expect(report.failures.map(({ node }) => node)).toEqual(['AB-1']);
      expect([ran.extra, ran.missing]).toEqual([0, failure!.framesLost]);
      if (name === 'backup') expect(ran.missing).toBe(0);
      expect(ran.said).toContain('link near has its standby connected (the primary failed)');
      expect(ran.said).toContain('Link near: AB-2 (standby) was connected, because the primary failed');
      const restored = report.cutovers!.find(({ because }) => because === 'restored')!;
      const active = story.commits.find(
        ({ at, events }) => at > report.cutovers![0]!.at && events.some(({ type }) => type === 'NodeActivated'),
      )!;
      expect(restored.at - active.at).toBe(RESTORE_MS);

      const link = JSON.parse((await flowgrid('link', 'show', 'near', '--data', ran.data, '--json')).stdout) as unknown;
      expect(link).toMatchObject({
        connected: { end: 'primary', node: 'AB-1', because: 'restored', since: restored.at },
      });
      const then = await flowgrid('link', 'show', 'near', '--data', ran.data, '--at', String(restored.at / 1_000 - 1));
      expect(then.stdout).toContain('because the primary failed');
      expect(await flowgrid('check', '--data', ran.data)).toMatchObject({ code: 0 });
      // What production code selects again says the same of each flow.
      const some = [...story.flows.records()].filter((_, n) => n % 40 === 0);
      for (const { flow } of some) {
        const traced = await flowgrid('trace', `0x${flow.toString(16).padStart(8, '0')}`, '--data', ran.data, '--json');
        const { computed } = JSON.parse(traced.stdout.split('\n')[0]!) as { computed: { agrees: boolean }[] };
        expect({ flow, computed: computed.filter(({ agrees }) => !agrees) }).toEqual({ flow, computed: [] });
      }
    },
    600_000,
  );

  test('FG-516: an operator connects the standby of a grid that runs, and the primary again', async () => {
    const data = join(dir, 'by-hand');
    const args = ['up', figure('by-hand'), '--capture', emptyCapture(dir), '--data', data];
    const up = spawn(BIN, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    const closed = once(up, 'close');
    try {
      await said(up, 'The grid stays up');
      const link = (...more: readonly string[]) => flowgrid('link', ...more, '--data', data);
      expect((await link('list')).stdout).toContain('AB-1 (primary, connected)');
      const moved = await link('connect', 'near', 'standby', '--by', 'operator:eva');
      expect(moved).toMatchObject({
        code: 0,
        stdout: expect.stringMatching(/^near on its standby: commit \d+\n$/) as string,
      });
      expect((await link('show', 'near')).stdout).toContain('AB-2 (standby), since ');
      expect((await link('show', 'near')).stdout).toContain('because an operator wanted it');
      expect((await link('show', 'far')).stdout).toContain('Connected: AB-1 (primary), from the beginning');
      const plan = JSON.parse((await link('plan', '--json')).stdout) as { primaryBack: { link: string }[] };
      expect(plan.primaryBack.map((each) => each.link)).toEqual(['near']);
      expect((await link('connect', 'near', 'standby')).stdout).toBe('near on its standby: the grid was so already\n');
      expect((await link('connect', 'near', 'primary')).code).toBe(0);
      const lost = await link('connect', 'naer', 'primary');
      expect(lost).toMatchObject({ code: 5, stderr: expect.stringContaining('there is no link naer') as string });
      expect((await flowgrid('log', 'dump', '--data', data)).stdout).toContain('operator:eva');
    } finally {
      up.kill('SIGINT');
      await closed;
    }
  }, 120_000);
});
