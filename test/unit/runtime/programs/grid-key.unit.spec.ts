import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readGridKey, readOrCreateGridKey, SECRET_BYTES } from '../../../../runtime/programs/grid-key';

describe('the grid key', () => {
  let dir: string;
  beforeEach(() => (dir = mkdtempSync(join(tmpdir(), 'flowgrid-key-'))));
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  it('is made on first use, mode 600, and found again', () => {
    const path = join(dir, 'data', 'grid.key');
    const made = readOrCreateGridKey(path);
    expect(made.length).toBe(SECRET_BYTES);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(Array.from(readOrCreateGridKey(path))).toEqual(Array.from(made));
  });

  it('differs from grid to grid', () => {
    expect(Array.from(readOrCreateGridKey(join(dir, 'a')))).not.toEqual(
      Array.from(readOrCreateGridKey(join(dir, 'b'))),
    );
  });

  it('refuses what is no key, naming the file', () => {
    const path = join(dir, 'grid.key');
    writeFileSync(path, 'abc\n', { mode: 0o600 });
    expect(() => readOrCreateGridKey(path)).toThrow(`${path}:1:1: not a grid key`);
  });

  it('refuses a key that others may read', () => {
    const path = join(dir, 'grid.key');
    readOrCreateGridKey(path);
    chmodSync(path, 0o644);
    expect(() => readGridKey(path)).toThrow('others than its owner');
  });

  it('says where it looked when there is none', () => {
    expect(() => readGridKey(join(dir, 'none'))).toThrow(`${join(dir, 'none')}: no grid key there`);
  });
});
