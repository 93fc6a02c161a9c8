import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Report } from '../../projections';
import { compareThroughGrid } from '../support/through-grid';
import { BIN, flowgrid, said, writeCapture } from '../support/up-process';
import { numbered, udp } from '../unit/dataplane/node/frames';

const CLIENT = '10.0.0.1';
const SERVER = '10.9.0.1';
const FLOW = ['udp', `${CLIENT}:5000`, `${SERVER}:53`] as const;
/** One flow, both ways, for as long as a test may need to change what it goes through. */
const FRAMES = 1500;
const EVERY_MS = 20;

/** IA → AB → AC → IC, where frames may go past AC. */
const GRID = `
grid: live
networks: { EN-1: { cluster: IA }, EN-4: { cluster: IC } }
clusters:
  IA: { id: 1, role: inode }
  IC: { id: 2, role: inode }
  AB: { id: 3, nodes: 2, failure: backup }
  AC: { id: 4, nodes: 2, failure: backup }
  AD: { id: 6, nodes: 2, failure: redirect }
  MA: { id: 5, role: mnode }
links:
  VN-1: { kind: switch, members: [IA, AB] }
  VN-2: { kind: switch, members: [AB, AC, IC] }
  VN-3: { kind: switch, members: [IA, IC, AB, AC, AD, MA], control: true }
  VN-4: { kind: switch, members: [IA, AD, IC] }
paths:
  there: { from: [EN-1], through: [AB, AC], to: EN-4 }
  back: { from: [EN-4], through: [AC, AB], to: EN-1 }
  trial: { from: [EN-1], through: [AD], to: EN-4 }
policies:
  - { type: all, paths: [there, back] }
capture: { initiator: EN-1, responder: EN-4 }
`;

interface Traced {
  readonly flow: string;
  readonly wireId: number;
  readonly route: readonly { readonly cluster: string; readonly why: string }[];
}

/** A grid that runs in a program of its own, under traffic. */
class LiveGrid {
  readonly dir = mkdtempSync(join(tmpdir(), 'flowgrid-live-'));
  readonly data = join(this.dir, 'data');
  readonly out = join(this.dir, 'out.pcapng');
  private readonly report = join(this.dir, 'report.json');
  readonly capture: string;
  private readonly up: ChildProcess;
  private readonly fed: Promise<void>;

  constructor(more: readonly string[] = []) {
    const grid = join(this.dir, 'grid.yaml');
    writeFileSync(grid, GRID);
    const frames = Array.from({ length: FRAMES }, (_, i) =>
      i % 2 === 0
        ? udp({ from: CLIENT, to: SERVER, fromPort: 5000, toPort: 53, payload: numbered(i) })
        : udp({ from: SERVER, to: CLIENT, fromPort: 53, toPort: 5000, payload: numbered(i) }),
    );
    this.capture = writeCapture(join(this.dir, 'live.pcap'), frames, EVERY_MS);
    const files = ['--data', this.data, '--out', this.out, '--report', this.report];
    this.up = spawn(BIN, ['up', grid, '--capture', this.capture, ...files, ...more], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.fed = said(this.up, 'The grid stays up');
  }

  run(...args: readonly string[]): ReturnType<typeof flowgrid> {
    return flowgrid(...args, '--data', this.data);
  }

  /** Asks for another flow's trace until the log knows it. */
  async known(flow: string): Promise<string> {
    for (;;) {
      const { code, stdout } = await this.run('trace', flow);
      if (code === 0) return stdout;
      if (this.up.exitCode !== null) throw new Error('the grid has ended');
    }
  }

  /** Asks for the flow's trace until it is as wanted. */
  async traced(isWanted: (traced: Traced) => boolean): Promise<Traced> {
    for (;;) {
      const { code, stdout } = await this.run('trace', ...FLOW, '--json');
      const traced = code === 0 ? (JSON.parse(stdout) as Traced | readonly Traced[]) : [];
      if ('flow' in traced && isWanted(traced)) return traced;
      if (this.up.exitCode !== null) throw new Error('the grid has ended');
    }
  }

  /** Waits until all frames are in, and ends the grid in good order. */
  async finish(): Promise<Report> {
    await this.fed;
    const closed = once(this.up, 'close');
    this.up.kill('SIGINT');
    await closed;
    return JSON.parse(readFileSync(this.report, 'utf8')) as Report;
  }

  async clean(): Promise<void> {
    if (this.up.exitCode === null && this.up.signalCode === null) {
      const closed = once(this.up, 'close');
      this.up.kill('SIGKILL');
      await closed;
    }
    rmSync(this.dir, { recursive: true, force: true });
  }
}

const clustersOf = ({ route }: Traced): string => route.map(({ cluster }) => cluster).join(' ');

describe('a flow that lives is changed by the command line', () => {
  let live: LiveGrid;
  afterEach(() => live.clean());

  test.each([[[]], [['--workers', '2']]])(
    'FG-340, FG-341: a cluster is taken out of its way and put back, and no frame is lost (up %p)',
    async (more) => {
      live = new LiveGrid(more);
      const began = await live.traced(() => true);
      expect(clustersOf(began)).toBe('IA AB AC IC');

      const out = await live.run('mode', 'AC', 'bypass', '--existing', '--by', 'operator:eva');
      expect(out).toMatchObject({ code: 0, stderr: '' });
      expect(out.stdout).toMatch(/^AC in mode bypass for new flows and those that live: commit \d+\n$/);
      const past = await live.traced((traced) => clustersOf(traced) === 'IA AB IC');
      expect(past.wireId).not.toBe(began.wireId);

      expect((await live.run('mode', 'AC', 'through', '--existing')).code).toBe(0);
      const back = await live.traced((traced) => clustersOf(traced) === 'IA AB AC IC');
      expect(back.route[2]!.why).toContain("its cluster's mode was switched");

      const report = await live.finish();
      const { missing, extra } = compareThroughGrid(live.capture, live.out);
      expect([missing, extra]).toEqual([[], []]);
      expect(Object.values(report.invariants).filter((verdict) => verdict.startsWith('broken'))).toEqual([]);
      const story = await live.run('audit', 'flow', began.flow);
      expect(story.stdout).toContain('goes past AC-');
      expect(story.stdout).toContain('shall hold for flows that live');
      expect((await live.run('check')).code).toBe(0);
    },
    300_000,
  );

  test('FG-345, FG-346: it is replicated along another path, until asked to stop, and what cannot be is refused', async () => {
    live = new LiveGrid();
    const { flow } = await live.traced(() => true);
    const clone = `0x${((Number(flow) ^ 0x80_0000) >>> 0).toString(16).padStart(8, '0')}`;

    const refused = await live.run('replicate', flow, '--to', 'nowhere');
    expect(refused.code).toBe(5);
    expect(refused.stderr).toContain('there is no path nowhere; paths of this grid: there, back, trial');
    const unknown = await live.run('replicate', '0x0badf00d', '--to', 'trial');
    expect(unknown.code).toBe(5);
    expect(unknown.stderr).toContain('the log knows no flow 0x0badf00d');

    const asked = await live.run('replicate', flow, '--to', 'trial', '--json', '--by', 'operator:eva');
    expect(asked).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(asked.stdout)).toMatchObject({ status: 'accepted' });
    const story = await live.known(clone);
    expect(story).toContain(`Clone of flow ${flow}`);
    expect(story).toMatch(/AD-[12]/);
    expect((await live.run('replicate', clone, '--to', 'trial')).code).toBe(2);

    const stopped = await live.run('replicate', flow, '--stop');
    expect(stopped).toMatchObject({ code: 0, stderr: '' });
    expect(stopped.stdout).toMatch(/ replicated no more: commit \d+\n$/);

    const report = await live.finish();
    const { missing, extra } = compareThroughGrid(live.capture, live.out);
    expect([missing, extra]).toEqual([[], []]);
    expect(Object.values(report.invariants).filter((verdict) => verdict.startsWith('broken'))).toEqual([]);
    expect(report.frames.replica).toBeGreaterThan(0);
    expect(report.frames.replica).toBeLessThan(FRAMES);
    const told = await live.run('audit', 'flow', flow);
    expect(told.stdout).toContain(`was replicated as ${clone}`);
    expect(told.stdout).toContain('shall be replicated to path trial');
    expect((await live.run('audit', 'flow', clone)).stdout).toContain('ended (eof)');
    const ended = await live.run('replicate', flow, '--to', 'trial');
    expect(ended.code).toBe(5);
    expect(ended.stderr).toContain('has ended, at');
    expect((await live.run('check')).code).toBe(0);
  }, 300_000);
});
