import { mkdtempSync, readdirSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PackageStore } from '../../../../runtime/agent/package-store';
import { bundleOf, functionSource } from '../../../support/bundles';

const { text, digest } = bundleOf('1.0.0', functionSource(''));
let directory: string;

beforeEach(() => void (directory = mkdtempSync(join(tmpdir(), 'flowgrid-packages-'))));
afterEach(() => rmSync(directory, { recursive: true }));

describe('FG-385: packages on an agent’s disk', () => {
  it('are there whole, also for the next process', () => {
    new PackageStore(join(directory, 'new')).install(digest, Buffer.from(text));
    const next = new PackageStore(join(directory, 'new'));
    expect(next.has(digest)).toBe(true);
    expect(Buffer.from(next.bytes(digest)).toString()).toBe(text);
    next.remove(digest);
    expect(next.has(digest)).toBe(false);
  });

  it('are not installed with other bytes', () => {
    const store = new PackageStore(directory);
    expect(() => store.install(digest, Buffer.from(`${text} `))).toThrow(/SHA-256/);
    expect(readdirSync(directory)).toEqual([]);
  });

  it('that were damaged are not there', () => {
    const store = new PackageStore(directory);
    store.install(digest, Buffer.from(text));
    truncateSync(join(directory, `${digest.sha256}.json`), 20);
    expect(store.has(digest)).toBe(false);
  });
});
