import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FlowgridError } from '../../../../domain/base/errors';
import type { Io } from '../../../../interface/cli';
import { validate } from '../../../../runtime/programs/validate';

const FIGURE = join(__dirname, '../../../../examples/figure-4.yaml');

async function run(grid: string, json: boolean) {
  const out: string[] = [];
  const ignored = (): void => undefined;
  const io: Io = {
    out: (line) => out.push(line),
    err: ignored,
    paint: ignored,
    isTerminal: false,
    columns: () => 80,
    interrupted: new AbortController().signal,
  };
  return { code: await validate({ grid, json, data: '.flowgrid' }, io), out };
}

describe('validate', () => {
  it('says that a file is valid, exit 0', async () => {
    expect(await run(FIGURE, false)).toEqual({ code: 0, out: [`${FIGURE}: valid`] });
    const { code, out } = await run(FIGURE, true);
    expect([code, JSON.parse(out[0]!)]).toEqual([0, { grid: FIGURE, valid: true, problems: [] }]);
  });

  it('lists every problem with place and remedy, exit 4', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'flowgrid-validate-'));
    const file = join(dir, 'grid.yaml');
    const lines = readFileSync(FIGURE, 'utf8').split('\n');
    const at = lines.push('colour: green');
    writeFileSync(file, lines.join('\n'));
    const text = await run(file, false);
    expect(text.code).toBe(4);
    expect(text.out).toContainEqual(expect.stringMatching(new RegExp(`grid\\.yaml:${at}:1: .*colour.*\\(.+\\)$`)));
    const { code, out } = await run(file, true);
    const shown = JSON.parse(out[0]!) as { valid: boolean; problems: object[] };
    expect([code, shown.valid, shown.problems.length]).toEqual([4, false, text.out.length]);
    expect(shown.problems[0]).toMatchObject({ line: at, column: 1 });
    rmSync(dir, { recursive: true, force: true });
  });

  it('shows a problem that names no place, and leaves other errors to the command line', async () => {
    const io = { out: (line: string) => void lines.push(line) } as Io;
    const lines: string[] = [];
    const failing = (error: FlowgridError) =>
      validate({ grid: 'g.yaml', json: true, data: '.flowgrid' }, io, () => {
        throw error;
      });
    expect(await failing(new FlowgridError('invalid-grid', 'no YAML at all', { remedy: 'mend it' }))).toBe(4);
    expect(JSON.parse(lines[0]!)).toMatchObject({ problems: [{ line: 0, what: 'no YAML at all', remedy: 'mend it' }] });
    const missing = new FlowgridError('not-found', 'no g.yaml');
    await expect(failing(missing)).rejects.toBe(missing);
    await expect(run('/nowhere/grid.yaml', false)).rejects.toMatchObject({ code: 'not-found' });
  });
});
