import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isFlowgridError } from '../../../../../domain/base/errors';
import { checkOutputs } from '../../../../../runtime/programs/up/outputs';

let folder: string;
beforeAll(() => (folder = mkdtempSync(join(tmpdir(), 'flowgrid-outputs-'))));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function refusal(outputs: Partial<Parameters<typeof checkOutputs>[0]>): string {
  try {
    checkOutputs({ internalComments: false, ...outputs });
  } catch (error) {
    if (isFlowgridError(error, 'usage')) return error.message;
    throw error;
  }
  return '';
}

describe('files that `up` is asked to write', () => {
  test('FG-197: a new file, and one that is there, are fine, and nothing is created before the run', () => {
    const there = join(folder, 'there.json');
    writeFileSync(there, 'old');
    expect(refusal({ report: there, out: join(folder, 'new.pcapng') })).toBe('');
    expect(existsSync(join(folder, 'new.pcapng'))).toBe(false);
    expect(refusal({})).toBe('');
  });

  test('FG-197: what cannot be written is refused at the start, by option, file and reason', () => {
    const missing = join(folder, 'nowhere', 'r.json');
    expect(refusal({ report: missing })).toBe(
      `--report ${missing}: cannot be written: there is no folder ${join(folder, 'nowhere')}`,
    );
    expect(refusal({ out: folder })).toBe(`--out ${folder}: cannot be written: it is a folder`);
    const file = join(folder, 'file');
    writeFileSync(file, '');
    expect(refusal({ internalOut: join(file, 'x') })).toContain(`there is no folder ${file}`);
    const both = join(folder, 'both');
    expect(refusal({ out: both, internalOut: both })).toContain('--out writes there');
  });

  test('comments without the file that they would stand in are refused', () => {
    expect(refusal({ internalComments: true })).toContain('--internal-out');
    expect(refusal({ internalComments: true, internalOut: join(folder, 'internal.pcapng') })).toBe('');
  });
});
