import fc from 'fast-check';
import { checkSubject, compilePattern } from '../../../../adapters/bus/matching';

const usage = expect.objectContaining({ name: 'FlowgridError', code: 'usage' });
const token = fc.constantFrom('a', 'b', 'cc');
const subject = fc.array(token, { minLength: 1, maxLength: 5 });
const pattern = fc
  .tuple(fc.array(fc.oneof(token, fc.constant('*')), { maxLength: 4 }), fc.boolean())
  .map(([tokens, open]) => (open || tokens.length === 0 ? [...tokens, '>'] : tokens));

/** The meaning of a pattern, token by token, written as the rule reads. */
function means([first, ...rest]: readonly string[], [name, ...names]: readonly string[]): boolean {
  if (first === undefined) return name === undefined;
  if (name === undefined) return false;
  if (first === '>') return true;
  return (first === '*' || first === name) && means(rest, names);
}

test('a compiled pattern decides as the rule reads', () => {
  fc.assert(
    fc.property(pattern, subject, (tokens, name) => {
      expect(compilePattern(tokens.join('.'))(name.join('.'))).toBe(means(tokens, name));
    }),
    { numRuns: 2000 },
  );
});

test.each(['', '.', 'a.', '.a', 'a..b', 'a b', 'a\t', '>.a', 'a.>.b', '>.>'])('pattern %j is refused', (bad) => {
  expect(() => compilePattern(bad)).toThrow(usage);
});

test.each(['', 'a..b', 'a.*', 'a.>', 'a\n'])('subject %j is refused', (bad) => {
  expect(() => checkSubject(bad)).toThrow(usage);
});

test('a wildcard inside a longer token is an ordinary character', () => {
  expect(compilePattern('a*')('a*')).toBe(true);
  expect(compilePattern('a*')('ab')).toBe(false);
});
