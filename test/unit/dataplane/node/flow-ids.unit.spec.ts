import { FlowIds } from '../../../../dataplane/node/flow-ids';

describe('IDs that shall suit', () => {
  test('FG-323: the first free one that suits is given, and no other flow gets it', () => {
    const ids = new FlowIds(3, 42, 1000);
    const isSuiting = (id: number): boolean => id % 7 === 2;
    const given = Array.from({ length: 50 }, () => ids.allocateSuiting(99, 0, isSuiting));
    expect(given.every(isSuiting)).toBe(true);
    expect(new Set(given).size).toBe(50);
    expect(given.every((id) => id >>> 24 === 3)).toBe(true);
    expect(ids.inUse).toBe(50);
  });

  test('FG-323: where none does for long, any is given', () => {
    let asked = 0;
    const id = new FlowIds(3, 42, 1000).allocateSuiting(99, 0, () => {
      asked++;
      return false;
    });
    expect(id).not.toBe(0);
    expect(asked).toBe(4096);
  });
});
