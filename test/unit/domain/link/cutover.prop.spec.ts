import fc from 'fast-check';
import {
  cutOver,
  endFound,
  newCutover,
  otherEnd,
  restoreAt,
  type Cutover,
  type ResilientEnd,
} from '../../../../domain/link/cutover';

const START = 1_000;

/** What the watch finds, so long after what it found before. */
interface Step {
  readonly afterMs: number;
  readonly end: ResilientEnd;
  readonly isUp: boolean;
}

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    afterMs: fc.integer({ min: 0, max: 200 }),
    end: fc.constantFrom<ResilientEnd>('primary', 'standby'),
    isUp: fc.boolean(),
  }),
  { maxLength: 40 },
);

/** Every state that a link goes through, with the one before. */
function walk(each: readonly Step[], restoreMs: number | undefined) {
  const walked: { readonly before: Cutover; readonly after: Cutover; readonly at: number }[] = [];
  let state = newCutover(START);
  let at = START;
  for (const { afterMs, end, isUp } of each) {
    at += afterMs;
    const before = endFound(state, end, isUp, at);
    state = cutOver(before, restoreMs, at);
    walked.push({ before, after: state, at });
  }
  return walked;
}

describe('who is connected on a resilient link', () => {
  const restore = fc.option(fc.integer({ min: 0, max: 300 }), { nil: undefined });

  it('FG-509: whoever is up, if only one is; the other only for a reason', () => {
    fc.assert(
      fc.property(steps, restore, (each, restoreMs) => {
        for (const { before, after, at } of walk(each, restoreMs)) {
          if (after[otherEnd(after.connected)].isUp) expect(after[after.connected].isUp).toBe(true);
          if (after.connected === before.connected) {
            expect(after).toBe(before);
            continue;
          }
          const isFailed = !before[before.connected].isUp;
          const due = restoreAt(before, restoreMs);
          expect(isFailed || (after.connected === 'primary' && due !== undefined && due <= at)).toBe(true);
          expect(after.since).toBe(at);
        }
      }),
    );
  });

  it('FG-509: a primary that is up goes before the standby once it has been up for long enough, and else never', () => {
    fc.assert(
      fc.property(steps, restore, (each, restoreMs) => {
        for (const { after, at } of walk(each, restoreMs)) {
          const due = restoreAt(after, restoreMs);
          expect(due === undefined || due > at).toBe(true);
          if (due === undefined) continue;
          expect(cutOver(after, restoreMs, due).connected).toBe('primary');
          expect(cutOver(after, restoreMs, due - 1)).toBe(after);
          expect(cutOver(after, undefined, due)).toBe(after);
        }
      }),
    );
  });

  it('a repeat of what is known changes nothing', () => {
    const state = newCutover(START);
    expect(endFound(state, 'primary', true, START + 5)).toBe(state);
    const down = endFound(state, 'primary', false, START + 5);
    expect(endFound(down, 'primary', false, START + 9)).toBe(down);
  });
});
