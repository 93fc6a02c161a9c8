import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as layout from '../../../../dataplane/frames/layout';
import { REASONS } from '../../../../dataplane/frames/reasons';
import * as numbers from '../../../../dataplane/headers/numbers';

const ROOT = join(__dirname, '../../../..');
const source = readFileSync(join(ROOT, 'dataplane/kernels/assembly/layout.ts'), 'utf8');
const assembly = new Map(
  [...source.matchAll(/^export const (\w+): u32 = (\w+);$/gm)].map(([, name, value]) => [name, Number(value)]),
);

describe('the kernels’ copy of the memory layout', () => {
  it('reads every constant of its own file', () => {
    expect(assembly.size).toBe(source.split('\n').filter((line) => line.startsWith('export const')).length);
  });

  it('has every constant of layout.ts and numbers.ts, with the same value', () => {
    const constants = Object.entries({ ...layout, ...numbers }).filter(([, value]) => typeof value === 'number');
    expect(constants.length).toBeGreaterThan(150);
    for (const [name, value] of constants) expect([name, assembly.get(name)]).toEqual([name, value]);
  });

  it('has no constant that they lack, and the reasons’ numbers', () => {
    const known: Record<string, unknown> = { ...layout, ...numbers };
    for (const [name, value] of assembly) {
      if (name.startsWith('REASON_')) {
        expect(REASONS[value]).toBe(name.slice('REASON_'.length).toLowerCase().replaceAll('_', '-'));
      } else {
        expect([name, known[name]]).toEqual([name, value]);
      }
    }
  });
});

describe('the places in the memory layout', () => {
  /** Fields of one structure, with their sizes, as [prefix, structure size, sizes of fields that are not 4 bytes]. */
  const fields = (prefix: string): [string, number][] =>
    Object.entries(layout)
      .filter((entry): entry is [string, number] => entry[0].startsWith(prefix) && typeof entry[1] === 'number')
      .sort((a, b) => a[1] - b[1]);

  it.each([
    ['C_', layout.CONN_SIZE],
    ['F_', layout.FLOW_SIZE],
    ['N_', layout.NODE_SIZE],
    ['K_', layout.KEY_SIZE],
    ['T_', layout.TABLE_HEADER],
  ])('%s fields are distinct and inside their %i bytes', (prefix, size) => {
    const places = fields(prefix).map(([, place]) => place);
    expect(new Set(places).size).toBe(places.length);
    expect(Math.max(...places)).toBeLessThan(size);
  });

  it('keeps the longest descriptor, the slot header and the longest frame apart', () => {
    expect(layout.S_DESCRIPTOR + layout.DESCRIPTOR_MAX).toBeLessThanOrEqual(layout.S_SCRATCH);
    expect(layout.SLOT_FRAME % 4).toBe(2);
    const longest = layout.SLOT_FRAME + layout.FRAME_MAX + layout.DESCRIPTOR_MAX + 2 + layout.SIGNED_FRAME_BYTES;
    expect(longest).toBeLessThanOrEqual(layout.SLOT_STRIDE);
    expect((layout.SLOT_STRIDE / 64) % 2).toBe(1);
    expect(layout.DESCRIPTOR_MAX).toBe(layout.D_FIXED + 2 * layout.PATH_COUNT_MAX);
  });
});
