import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FlowId } from '../../domain/base/ids';
import { flowName, keyText, livesAt, overAt, type FlowRecord, type Report } from '../../projections';
import type { Receipt } from '../../runtime/programs/up/receipts';
import { FIGURE_4 } from '../support/run-up';
import { flowgrid, UpSite } from '../support/up-process';

const CAPTURE = join(__dirname, '../../examples/captures/dns.pcap');

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'flowgrid-up-restart-'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** Several batches of flow events are in the log: the capture is under way. */
const hasFlows = (receipts: readonly Receipt[]): boolean =>
  receipts.some(({ receipt, chain, seq }) => receipt === 'acknowledged' && chain !== 'topology' && seq >= 5);

describe('a program that ends in good order', () => {
  test('FG-199: ends the flows that still live, with what they carried, so that the next one finds none lost', async () => {
    const site = newSite('orderly');
    const { code, stdout } = await site.run(CAPTURE);
    expect(code).toBe(0);
    const report = JSON.parse(stdout) as Report;
    expect(report.flows.active).toBeGreaterThan(0);
    // The report names the log's head as it is found afterwards.
    const { seq } = (await site.commits()).at(-1)!;
    const head = site.receipts().findLast((each) => each.receipt === 'acknowledged' && each.chain === 'topology');
    expect(head).toMatchObject({ seq, hash: report.log.head });
    expect(report.log.seq).toBe(seq);
    const records = [...(await site.story()).flows.records()];
    expect(records.filter((record) => overAt(record) === Infinity)).toEqual([]);
    // But for TCP flows that were closed already and lingered, whose end is their own.
    const ends = records.filter(({ ended }) => ended?.end === 'eof');
    expect(ends.length).toBeGreaterThan(report.flows.active / 2);
    for (const { ended } of ends) expect(ended!.packets[0]).toBeGreaterThan(0);
    await expectSound(site);
    expect((await site.run(CAPTURE)).code).toBe(0);
    const later = [...(await site.story()).flows.records()];
    expect(later.filter(({ ended }) => ended?.end === 'lost')).toEqual([]);
  }, 600_000);
});

describe('a program that takes up what a killed one left', () => {
  test('FG-211: flows alive at the crash ended with it, and the same IDs begin new lives in the same chains', async () => {
    const site = newSite('again');
    await site.kill(CAPTURE, { isDue: hasFlows });
    const before = await site.story();
    const open = [...before.flows.records()].filter((record) => overAt(record) === Infinity);
    expect(open.length).toBeGreaterThan(0);

    const { code, stdout } = await site.run(CAPTURE);
    expect(code).toBe(0);
    const report = JSON.parse(stdout) as Report;
    expect(Object.values(report.invariants).filter((verdict) => verdict.startsWith('broken'))).toEqual([]);

    const { flows } = await site.story();
    for (const { flow, started } of open) {
      const [first, ...later] = flows.find(flow);
      expect(first).toMatchObject({ started, ended: { end: 'lost' } });
      // The same connections under the same keys get the same IDs again.
      expect(later).toHaveLength(1);
      expect(later[0]!.started!.at).toBeGreaterThan(overAt(first!));
      expect(later[0]!.started!.key).toEqual(started!.key);
    }
    const chain = open[0]!.startedBy!;
    expect(flows.position(chain)).toBeGreaterThan(before.flows.position(chain));
    await expectSound(site);
    await expectTold(site, flows.find(open[0]!.flow));
  }, 600_000);

  test('FG-33: a node that was dead at the crash is a new incarnation, and flows reach it again', async () => {
    const site = newSite('dead');
    const isFailed = async (): Promise<boolean> =>
      (await site.commits()).some(({ events }) => events.some(({ type }) => type === 'NodeFailed'));
    // Suspected, failed, a topology without it: three commits after those that set the grid up.
    const setUp = (await setUpCommits()) + 3;
    const isPast = (receipts: readonly Receipt[]): boolean =>
      receipts.some(({ receipt, chain, seq }) => receipt === 'acknowledged' && chain === 'topology' && seq >= setUp);
    await site.kill(CAPTURE, { isDue: isPast }, '--kill', 'AB-2@0.2');
    expect(await isFailed()).toBe(true);

    const { code, stdout } = await site.run(CAPTURE);
    expect(code).toBe(0);
    const report = JSON.parse(stdout) as Report;
    // The failure is the earlier run's, and no part of this one's report.
    expect(report.failures).toEqual([]);
    const [node] = report.clusters.flatMap(({ nodes }) => nodes).filter(({ name }) => name === 'AB-2');
    expect(node).toMatchObject({ state: 'active' });
    const activated = (await site.commits()).flatMap(({ events }) =>
      events.flatMap((event) => (event.type === 'NodeActivated' ? [event.data] : [])),
    );
    expect(activated.at(-1)).toMatchObject({ node: 2, incarnation: 2 });
    await expectSound(site);
  }, 600_000);
});

function newSite(name: string): UpSite {
  const dir = join(root, name);
  mkdirSync(dir);
  return new UpSite(dir, FIGURE_4);
}

/** Commits that bringing figure 4 up takes. */
async function setUpCommits(): Promise<number> {
  const site = newSite('set-up');
  expect((await site.run(CAPTURE)).code).toBe(0);
  return (await site.commits()).filter(({ events }) => events.every(({ type }) => type !== 'FlowsAnchored')).length;
}

/** Verification and the check of the log find nothing, and nothing acknowledged is missing. */
async function expectSound(site: UpSite): Promise<void> {
  expect(await site.missing()).toEqual([]);
  expect(await flowgrid('audit', 'verify', '--json', '--data', site.data)).toMatchObject({ code: 0, stdout: '' });
  expect(await flowgrid('check', '--data', site.data)).toMatchObject({ code: 0 });
}

/** `trace` and `audit flow` tell the two lives apart. */
async function expectTold(site: UpSite, lives: readonly FlowRecord[]): Promise<void> {
  const [first, second] = lives as readonly [FlowRecord, FlowRecord];
  const now = await traced(site, first.flow);
  expect(now.key).toBe(keyText(second));
  expect(now.route[0]!.since).toBe(second.started!.at);
  const middle = Math.ceil(first.started!.at / 1_000);
  expect(livesAt(first, middle * 1_000 + 999)).toBe(true);
  const then = await traced(site, first.flow, '--at', new Date(middle).toISOString());
  expect(then.route[0]!.since).toBe(first.started!.at);
  const { stdout } = await flowgrid('audit', 'flow', flowName(first.flow), '--json', '--data', site.data);
  const told = JSON.parse(stdout) as { readonly lives: readonly { readonly story: readonly { what: string }[] }[] };
  expect(told.lives).toHaveLength(2);
  expect(told.lives[0]!.story.at(-1)!.what).toContain('(lost)');
}

interface Traced {
  readonly key: string;
  readonly route: readonly { readonly since: number }[];
}

async function traced(site: UpSite, flow: FlowId, ...at: readonly string[]): Promise<Traced> {
  const { code, stdout, stderr } = await flowgrid('trace', flowName(flow), ...at, '--json', '--data', site.data);
  expect({ code, stderr }).toMatchObject({ code: 0 });
  return JSON.parse(stdout) as Traced;
}
