import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(__dirname, '../../..');

/** Numbers of the rules that docs/spec.md lists, in its order. */
function listed(): string[] {
  const text = readFileSync(join(root, 'docs/spec.md'), 'utf8');
  return Array.from(text.matchAll(/^\| (FG-\d+) \|/gm), ([, rule]) => rule!);
}

/** Rules that tests name in their titles, by file. */
function* named(): Iterable<{ readonly file: string; readonly rule: string }> {
  for (const file of readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.ts')) continue;
    const text = readFileSync(join(root, 'test', file), 'utf8');
    for (const [rule] of text.matchAll(/\bFG-\d+\b/g)) yield { file, rule };
  }
}

describe('rules of docs/spec.md', () => {
  test('have a number of their own', () => {
    const rules = listed();
    expect(rules.length).toBeGreaterThan(200);
    expect(rules.filter((rule, i) => rules.indexOf(rule) !== i)).toEqual([]);
  });

  test('are the only ones that tests speak of', () => {
    const known = new Set(listed());
    expect([...named()].filter(({ rule }) => !known.has(rule))).toEqual([]);
  });
});
