import { RendezvousTable } from '../../../../domain/cluster/rendezvous';
import {
  continueMembers,
  createSelectorMembers,
  select,
  selectFeedback,
  selectLeastFlows,
  selectRoundRobin,
  selectWeightedRoundRobin,
} from '../../../../domain/cluster/selectors';

const draw = (times: number, choose: (turn: number) => number): number[] =>
  Array.from({ length: times }, (_, i) => choose(i));
const tally = (choices: readonly number[]): Record<number, number> => {
  const counts: Record<number, number> = {};
  for (const node of choices) counts[node] = (counts[node] ?? 0) + 1;
  return counts;
};

describe('selectors', () => {
  it('round-robin takes each eligible member in turn', () => {
    const members = createSelectorMembers([2, 5, 9]);
    expect(draw(4, () => selectRoundRobin(members))).toEqual([2, 5, 9, 2]);
    members.eligible[1] = 0;
    expect(draw(3, () => selectRoundRobin(members))).toEqual([9, 2, 9]);
  });

  it('weighted round-robin interleaves members in proportion to their weights', () => {
    const members = createSelectorMembers([1, 2, 3], [5, 1, 1]);
    const choices = draw(14, () => selectWeightedRoundRobin(members));
    expect(tally(choices)).toEqual({ 1: 10, 2: 2, 3: 2 });
    expect(choices.slice(0, 7)).toEqual([1, 1, 2, 1, 3, 1, 1]);
  });

  it('least flows compares in proportion to weight and gives ties to the lower node ID', () => {
    const members = createSelectorMembers([1, 2, 3], [1, 4, 1]);
    members.flows.set([3, 8, 2]);
    expect(selectLeastFlows(members)).toBe(2);
    members.flows.set([2, 8, 2]);
    expect(selectLeastFlows(members)).toBe(1);
  });

  it('feedback prefers the faster and freer of two draws', () => {
    const members = createSelectorMembers([1, 2, 3, 4]);
    members.latencyUs.set([900, 100, 100, 400]);
    members.utilisation.set([100, 100, 950, 100]);
    // From best to worst: 2, 4, 1, 3. The best wins half of all pairs, the second a third, the third a sixth.
    const counts = tally(draw(6000, (flow) => selectFeedback(members, flow)));
    expect(Math.abs(counts[2]! - 3000)).toBeLessThan(200);
    expect(Math.abs(counts[4]! - 2000)).toBeLessThan(200);
    expect(Math.abs(counts[1]! - 1000)).toBeLessThan(200);
    expect(counts[3]).toBeUndefined();
  });

  it('feedback with one eligible member takes it', () => {
    const members = createSelectorMembers([1, 2]);
    members.eligible[0] = 0;
    expect(draw(8, (flow) => selectFeedback(members, flow))).toEqual(Array(8).fill(2));
  });

  it('FG-75: turns, credits and counts go on by node when members join and leave', () => {
    const before = createSelectorMembers([1, 3, 5, 7]);
    expect([1, 2].map(() => selectRoundRobin(before))).toEqual([1, 3]);
    before.flows.set([4, 5, 6, 7]);
    before.credit[3] = 9;
    const after = continueMembers(before, createSelectorMembers([1, 2, 4, 5, 7]));
    expect([1, 2, 3, 4].map(() => selectRoundRobin(after))).toEqual([4, 5, 7, 1]);
    expect([...after.flows]).toEqual([4, 0, 0, 6, 7]);
    expect([...after.credit]).toEqual([0, 0, 0, 0, 9]);
    const fresh = continueMembers(createSelectorMembers([2]), createSelectorMembers([1, 2]));
    expect(selectRoundRobin(fresh)).toBe(1);
  });

  it('every algorithm answers 0 when nobody is eligible', () => {
    const members = createSelectorMembers([1, 2]);
    members.eligible.fill(0);
    const table = RendezvousTable.build(1, [{ node: 1, incarnation: 1 }], 1);
    const nobody = new Uint8Array(128);
    for (const kind of ['hash', 'round-robin', 'weighted-round-robin', 'least-flows', 'feedback'] as const) {
      expect(select(kind, members, table, 17, 17, nobody)).toBe(0);
    }
  });
});
