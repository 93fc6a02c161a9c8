import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Report } from '../../projections';
import { runUp, stopRunner } from '../support/run-up';
import { compareThroughGrid } from '../support/through-grid';

const CAPTURE = join(__dirname, '../../examples/captures/ssh.pcap');

/** IA → AB → AC → IC, with what AC is to be. */
const gridWith = (ac: string): string => `
grid: modes
networks: { EN-1: { cluster: IA }, EN-4: { cluster: IC } }
clusters:
  IA: { id: 1, role: inode }
  IC: { id: 2, role: inode }
  AB: { id: 3, nodes: 2, failure: backup }
  AC: { id: 4, ${ac} }
  MA: { id: 5, role: mnode }
links:
  VN-1: { kind: switch, members: [IA, AB] }
  VN-2: { kind: switch, members: [AB, AC, IC] }
  VN-3: { kind: switch, members: [IA, IC, AB, AC, MA], control: true }
paths:
  there: { from: [EN-1], through: [AB, AC], to: EN-4 }
  back: { from: [EN-4], through: [AC, AB], to: EN-1 }
policies:
  - { type: all, paths: [there, back] }
capture: { initiator: EN-1, responder: EN-4 }
`;

jest.setTimeout(600_000);

interface Outcome {
  readonly report: Report;
  readonly missing: number;
  readonly extra: number;
  /** Frames that AC's nodes received. */
  readonly atAc: number;
}

async function run(ac: string, args: readonly string[] = []): Promise<Outcome> {
  const dir = mkdtempSync(join(tmpdir(), 'flowgrid-modes-'));
  const grid = join(dir, 'grid.yaml');
  writeFileSync(grid, gridWith(ac));
  const up = await runUp(grid, CAPTURE, args);
  try {
    const { missing, extra } = compareThroughGrid(CAPTURE, up.out);
    expect(Object.values(up.report.invariants).filter((verdict) => verdict.startsWith('broken'))).toEqual([]);
    expect(up.code).toBe(0);
    const atAc = up.report.clusters
      .find(({ name }) => name === 'AC')!
      .nodes.reduce((sum, node) => sum + node.frames, 0);
    return { report: up.report, missing: missing.length, extra: extra.length, atAc };
  } finally {
    up.clean();
    rmSync(dir, { recursive: true, force: true });
  }
}

afterAll(stopRunner);

describe('FG-80: modes of a cluster, from the grid file to the report', () => {
  it.each([
    ['one thread', []],
    ['distributed selection, two workers', ['--selection', 'distributed', '--workers', '2']],
  ])('copy: AC sees every frame, and what it drops leaves all the same (%s)', async (_what, args) => {
    const deny = '{ name: packet-filter, config: { default: deny } }';
    const { report, missing, extra, atAc } = await run(`nodes: 2, mode: copy, function: ${deny}`, args);
    expect([missing, extra]).toEqual([0, 0]);
    expect(atAc).toBe(report.frames.in);
    expect(report.frames.replica).toBe(report.frames.in);
    expect(report.frames.out).toBe(report.frames.in);
  });

  it('through: the same filter stops everything', async () => {
    const deny = '{ name: packet-filter, config: { default: deny } }';
    const { report } = await run(`nodes: 2, failure: redirect, function: ${deny}`);
    expect(report.frames.out).toBe(0);
  });

  it('bypass: AC sees nothing, everything leaves', async () => {
    const { report, missing, atAc } = await run('nodes: 2, mode: bypass');
    expect([missing, atAc, report.frames.replica]).toEqual([0, 0, 0]);
  });

  it('drop: nothing leaves, and the report says why', async () => {
    const { report, atAc } = await run('nodes: 2, mode: drop');
    expect([report.frames.out, atAc]).toEqual([0, 0]);
    expect(report.frames.dropped).toEqual({ 'cluster-drop': report.frames.in });
  });
});

describe('FG-81: when no member of a cluster is left', () => {
  it('bypass: what enters after that was noticed leaves; drop: it does not, counted as no-member', async () => {
    const kill = ['--kill', 'AC-1@0.3'];
    const bypass = await run('nodes: 1, failure: redirect, whenEmpty: bypass', kill);
    const drop = await run('nodes: 1, failure: redirect, whenEmpty: drop', kill);
    expect(bypass.report.frames.dropped['no-member'] ?? 0).toBe(0);
    expect(bypass.missing).toBe(bypass.report.frames.dropped['node-dead'] ?? 0);
    expect(drop.report.frames.dropped['no-member']).toBeGreaterThan(0);
    expect(drop.report.frames.out).toBeLessThan(bypass.report.frames.out);
    const { in: entered, out, dropped } = drop.report.frames;
    expect(out + (dropped['no-member'] ?? 0) + (dropped['node-dead'] ?? 0)).toBe(entered);
  });
});
