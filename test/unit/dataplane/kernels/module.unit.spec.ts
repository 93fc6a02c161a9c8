import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Arena } from '../../../../dataplane/frames/arena';
import { loadKernels } from '../../../../dataplane/kernels/kernels';

const bytes = new Uint8Array(readFileSync(join(__dirname, '../../../../dist/dataplane/kernels/kernels.wasm')));

/** The sections of a WebAssembly module: number → content. */
function sections(module: Uint8Array): Map<number, Uint8Array> {
  const found = new Map<number, Uint8Array>();
  for (let at = 8; at < module.length;) {
    const id = module[at++];
    let size = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = module[at++];
      size |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    found.set(id, module.subarray(at, at + size));
    at += size;
  }
  return found;
}

describe('the compiled kernels', () => {
  const IMPORT = 2;
  const DATA = 11;

  it('import one shared memory and nothing else', () => {
    const imports = sections(bytes).get(IMPORT)!;
    expect(imports[0]).toBe(1);
    const text = Buffer.from(imports).toString('latin1');
    expect(text).toContain('env');
    expect(text).toContain('memory');
    // Kind 2 = memory; limits flag 3 = shared with a maximum.
    expect([...imports.subarray(12, 14)]).toEqual([2, 3]);
  });

  it('bring no data of their own that could lie over the arena', () => {
    expect(sections(bytes).has(DATA)).toBe(false);
  });

  it('serve arenas of any size', () => {
    for (const slots of [1, 1000]) {
      const arena = Arena.create({ slots, bytes: 0 });
      expect(loadKernels(arena).kind).toBe('wasm');
      expect(loadKernels(arena, 'ts').kind).toBe('ts');
    }
  });
});
