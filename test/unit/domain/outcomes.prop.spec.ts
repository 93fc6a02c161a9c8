import fc from 'fast-check';
import { NO_OUTCOMES, recall, remember, type Outcomes } from '../../../domain/outcomes';

/** How long an outcome is remembered in these tests. */
const LIFETIME = 1000;

interface Remembering {
  readonly outcomes: Outcomes;
  /** When each command came, by the number in its id. */
  readonly times: readonly number[];
}

/** Remembers one command after each of the gaps. */
function remembering(gaps: readonly number[]): Remembering {
  let outcomes = NO_OUTCOMES;
  let at = 0;
  const times = gaps.map((gap, i) => {
    at += gap;
    outcomes = remember(outcomes, `c${i}`, i + 1, at + LIFETIME, at);
    return at;
  });
  return { outcomes, times };
}

const held = ({ sealed, open }: Outcomes): number => sealed.reduce((sum, run) => sum + run.length, open.length);

/** Stretches of commands that come evenly: dense, sparse, and with pauses in which everything is over. */
const gaps = fc
  .array(fc.record({ gap: fc.integer({ min: 0, max: 2 * LIFETIME }), count: fc.integer({ min: 1, max: 600 }) }), {
    minLength: 1,
    maxLength: 6,
  })
  .map((stretches) => stretches.flatMap(({ gap, count }) => Array<number>(count).fill(gap >> (count % 11))));

describe('remembered outcomes', () => {
  it('are all found again until their time is over', () => {
    fc.assert(
      fc.property(gaps, (each) => {
        const { outcomes, times } = remembering(each);
        const now = times.at(-1)!;
        const lost = times.filter((at, i) => at + LIFETIME >= now && recall(outcomes, `c${i}`) !== i + 1);
        expect(lost).toEqual([]);
        expect(recall(outcomes, 'other')).toBeUndefined();
      }),
      { numRuns: 50 },
    );
  });

  it('are forgotten afterwards: what stays too long is part of one run, or open', () => {
    fc.assert(
      fc.property(gaps, (each) => {
        const { outcomes, times } = remembering(each);
        const now = times.at(-1)!;
        const alive = times.filter((at) => at + LIFETIME >= now).length;
        const longest = outcomes.sealed[0]?.length ?? 0;
        expect(held(outcomes)).toBeLessThanOrEqual(alive + longest + 15);
      }),
      { numRuns: 50 },
    );
  });

  it('stand in runs of falling length, so that remembering costs the same however many there are', () => {
    const { outcomes } = remembering(Array<number>(3 * 4096 + 5 * 256 + 7 * 16 + 9).fill(0));
    const lengths = outcomes.sealed.map((run) => run.length);
    expect(lengths).toEqual([
      ...Array<number>(3).fill(4096),
      ...Array<number>(5).fill(256),
      ...Array<number>(7).fill(16),
    ]);
    expect(outcomes.open).toHaveLength(9);
    expect(recall(outcomes, 'c0')).toBe(1);
    expect(recall(outcomes, 'c12287')).toBe(12288);
  });

  it('leave the outcomes before untouched', () => {
    const before = remembering(Array<number>(255).fill(0)).outcomes;
    const text = JSON.stringify(before);
    const after = remember(before, 'more', 256, LIFETIME, 0);
    expect(JSON.stringify(before)).toBe(text);
    expect(after.sealed.map((run) => run.length)).toEqual([256]);
    expect(recall(before, 'more')).toBeUndefined();
    expect(recall(after, 'more')).toBe(256);
  });
});
