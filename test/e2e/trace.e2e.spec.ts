import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { WouldStory } from '../../interface/cli/would-text';
import { cloneOf } from '../../dataplane/select/replica';
import { FIGURE_4, figureFourVariant } from '../support/run-up';
import { flowgrid, writeCapture } from '../support/up-process';
import { SYN, tcp } from '../unit/dataplane/node/frames';

/** The program runs several times, on a machine that may be busy. */
jest.setTimeout(180_000);

/** Ports of the connections that a capture shows begin. */
const FIRST = [41_000, 41_001, 41_002];
const SECOND = [42_000, 42_001, 42_002, 42_003];
const THIRD = [43_000, 43_001, 43_002, 43_003];

/** A capture of connections that begin, a millisecond apart. */
function capture(path: string, ports: readonly number[]): string {
  const end = { from: '10.0.0.1', to: '10.0.0.2', toPort: 80, flags: SYN, payload: new Uint8Array(0) };
  const frames = ports.map((fromPort) => tcp({ ...end, fromPort }));
  return writeCapture(path, frames, 1);
}

interface Traced {
  readonly flow: string;
  readonly key?: string;
  readonly path: string;
  readonly clone?: { readonly original: string; readonly found: readonly string[] };
  readonly route: readonly { readonly node: string; readonly backup: string | null }[];
}

describe('trace of what has not happened', () => {
  let dir: string;
  beforeAll(() => (dir = mkdtempSync(join(tmpdir(), 'flowgrid-trace-'))));
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  const data = (): string => join(dir, 'data');
  async function up(grid: string, name: string, ports: readonly number[], ...more: readonly string[]): Promise<void> {
    const file = capture(join(dir, name), ports);
    const args = ['up', grid, '--capture', file, '--speed', 'max', '--once', '--json', '--data', data(), ...more];
    expect(await flowgrid(...args)).toMatchObject({ code: 0 });
  }
  async function traced<Told>(port: number, ...more: readonly string[]): Promise<Told> {
    const { code, stdout } = await flowgrid(
      ...['trace', 'tcp', `10.0.0.1:${port}`, '10.0.0.2:80', '--json', '--data', data(), ...more],
    );
    expect(code).toBe(0);
    return JSON.parse(stdout) as Told;
  }
  /** What trace says that would happen to each connection at EN-1. */
  async function supposed(ports: readonly number[], ...more: readonly string[]): Promise<Traced[]> {
    const stories = await Promise.all(ports.map((port) => traced<WouldStory>(port, ...more)));
    return stories.map(({ entrances }) => {
      const { flow, path, route } = entrances.find(({ network }) => network === 'EN-1')!;
      return { flow: flow!, path, route: route.map(({ node, backup }) => ({ node: node!, backup })) };
    });
  }
  async function happened(ports: readonly number[]): Promise<Traced[]> {
    const stories = await Promise.all(ports.map((port) => traced<Traced>(port)));
    return stories.map(({ flow, path, route }) => ({
      flow,
      path,
      route: route.map(({ node, backup }) => ({ node, backup })),
    }));
  }

  it('FG-226, FG-227: what would happen is what happens, in the grid as it is and as a changed file makes it', async () => {
    await up(FIGURE_4, 'first.pcap', FIRST, '--scale', 'AB=4@0.5');
    const foretold = await supposed(SECOND);
    await up(FIGURE_4, 'second.pcap', SECOND);
    expect(await happened(SECOND)).toEqual(foretold);

    const changed = join(dir, 'changed.yaml');
    const text = readFileSync(figureFourVariant(dir, 'all', 'pass'), 'utf8');
    writeFileSync(changed, text.replace(/(AC: .*)nodes: 3/, '$1nodes: 4'));
    const now = await supposed(THIRD);
    const changing = await supposed(THIRD, '--grid', changed);
    expect(changing).not.toEqual(now);
    await up(changed, 'third.pcap', THIRD);
    expect(await happened(THIRD)).toEqual(changing);
  });

  it('FG-231: a clone’s route, its original, and what the recorder found of it', async () => {
    const clones = join(dir, 'clones');
    const file = capture(join(dir, 'web.pcap'), FIRST);
    const grid = join(__dirname, '../../examples/replication.yaml');
    const args = ['up', grid, '--capture', file, '--speed', 'max', '--once', '--json', '--data', clones];
    expect(await flowgrid(...args)).toMatchObject({ code: 0 });
    const told = async (...subject: readonly string[]): Promise<Traced> => {
      const { code, stdout } = await flowgrid('trace', ...subject, '--json', '--data', clones);
      expect(code).toBe(0);
      return JSON.parse(stdout) as Traced;
    };
    const original = await told('tcp', `10.0.0.1:${FIRST[0]!}`, '10.0.0.2:80');
    const clone = await told(`0x${cloneOf(Number(original.flow)).toString(16).padStart(8, '0')}`);
    expect(clone).toMatchObject({ path: 'trial', key: original.key, clone: { original: original.flow } });
    const nodes = (traced: Traced): string[] => traced.route.map(({ node }) => node);
    expect(nodes(clone)[1]).toMatch(/^AD-/);
    // All other nodes are its original's.
    expect(nodes(clone).toSpliced(1, 1)).toEqual(nodes(original).toSpliced(1, 1));
    expect(clone.clone!.found).toEqual([expect.stringContaining('forward, 1 frames of 1 and 1): 0 differ')]);
  });

  it('FG-226: trace --grid says what is wrong with the file', async () => {
    const wrong = join(dir, 'wrong.yaml');
    writeFileSync(wrong, 'grid: [');
    const { code, stderr } = await flowgrid(
      'trace',
      'tcp',
      '10.0.0.1:1',
      '10.0.0.2:2',
      '--grid',
      wrong,
      '--data',
      data(),
    );
    expect(code).toBe(2);
    expect(stderr).toContain('wrong.yaml:1:');
  });
});
