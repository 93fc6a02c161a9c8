import { NO_OUTCOMES, recall, remember, type Outcomes } from '../../../domain/outcomes';

const many = (count: number): Outcomes => {
  let outcomes = NO_OUTCOMES;
  for (let i = 1; i <= count; i++) outcomes = remember(outcomes, `c${i}`, i, 100 + i, i);
  return outcomes;
};

describe('remembered outcomes', () => {
  it('are found again, on open and on sealed pages', () => {
    const outcomes = many(90);
    for (const i of [1, 45, 90]) expect(recall(outcomes, `c${i}`)).toBe(i);
    expect(recall(many(500), 'c450')).toBe(450);
    expect(recall(outcomes, 'other')).toBeUndefined();
  });

  it('are forgotten when their time is over, and never before', () => {
    let outcomes = many(300);
    outcomes = remember(outcomes, 'late', 301, 1_000, 229);
    // c129 is remembered until 229: its page must still be there.
    expect(recall(outcomes, 'c129')).toBe(129);
    outcomes = remember(outcomes, 'later', 302, 2_000, 900);
    expect(recall(outcomes, 'c1')).toBeUndefined();
    expect(recall(outcomes, 'late')).toBe(301);
  });
});
