import { Accusations, ACCUSED_MS, OPINION_MS, RETRY_MS, type Accused } from '../../../actors/accusations';
import { nodeRef } from '../../../domain/base/ids';
import { initialState, type GridState } from '../../../domain/grid-state';
import type { NodeState } from '../../../domain/node/state';

const CLUSTER = 2;
const AGENTS = ['a', 'b', 'c', 'd'];

/** One node at each agent, by its name's place in the alphabet. */
function life(agent: string, incarnation = 1): Accused {
  return { ref: nodeRef(CLUSTER, 1 + AGENTS.indexOf(agent)), incarnation };
}

function gridOf(statuses: Readonly<Record<string, NodeState['status']>> = {}): GridState {
  const nodes = AGENTS.map((agent, i) => ({
    node: 1 + i,
    status: statuses[agent] ?? 'active',
    incarnation: 1,
    placement: { agent, life: 1, incarnation: 1 },
  }));
  const cluster = { settings: { id: CLUSTER }, nodes: Object.fromEntries(nodes.map((node) => [node.node, node])) };
  return { ...initialState(), clusters: { [CLUSTER]: cluster } } as unknown as GridState;
}

/** Opinions told at 0, looked at when everybody was heard again. */
function verdicts(
  opinions: Readonly<Record<string, readonly string[]>>,
  seenAt = (_agent: string) => ACCUSED_MS,
  state = gridOf(),
): string[] {
  const accusations = new Accusations();
  for (const [agent, dead] of Object.entries(opinions)) {
    accusations.told(agent, { dead: dead.map((each) => life(each)), mute: [] }, 0);
  }
  const heard = {
    of: (ref: number) => ({ incarnation: 1, seenAt: seenAt(AGENTS.find((agent) => life(agent).ref === ref)!) }),
  };
  const judgement = accusations.judge(state, heard, ACCUSED_MS);
  return AGENTS.filter((agent) => judgement.isDead(life(agent), seenAt(agent)));
}

describe('accusations of agents', () => {
  test('FG-319: a life that others hold dead and that goes on saying hello is to end', () => {
    expect(verdicts({ b: ['a'], c: ['a'], d: ['a'] })).toEqual(['a']);
  });

  test('FG-319: one that accuses everybody and that everybody accuses is to blame', () => {
    expect(verdicts({ a: ['b', 'c', 'd'], b: ['a'], c: ['a'], d: ['a'] })).toEqual(['a']);
  });

  test('FG-402: one that accuses everybody is to blame though nobody accuses it', () => {
    expect(verdicts({ a: ['b', 'c', 'd'] })).toEqual(['a']);
    expect(verdicts({ d: ['a', 'b', 'c'] })).toEqual(['d']);
  });

  test('FG-402: of two that accuse each other one is to blame, the same whoever told first', () => {
    expect(verdicts({ b: ['c'], c: ['b'] })).toEqual(['c']);
    expect(verdicts({ c: ['b'], b: ['c'] })).toEqual(['c']);
  });

  test('FG-402: the last of several agents is not to blame when the others have really died', () => {
    expect(verdicts({ a: ['b', 'c', 'd'] }, (agent) => (agent === 'a' ? ACCUSED_MS : 0))).toEqual([]);
  });

  test('FG-402: one whose lives are over accuses nobody, though what it said is still fresh', () => {
    const opinions = { a: ['b'], b: ['a'], c: ['a'], d: ['a'] };
    expect(verdicts(opinions)).toEqual(['a']);
    expect(verdicts(opinions, () => ACCUSED_MS, gridOf({ a: 'failed' }))).toEqual([]);
  });

  test('FG-402: what an agent said does not outlive it', () => {
    const accusations = new Accusations();
    accusations.told('a', { dead: [life('b')], mute: [] }, 0);
    const now = OPINION_MS + 1;
    const heard = { of: () => ({ incarnation: 1, seenAt: now }) };
    expect(accusations.judge(gridOf(), heard, now).isDead(life('b'), now)).toBe(false);
  });
});

describe('agents that do not hear each other', () => {
  const told = (by: string, ...mute: string[]): Accusations => {
    const accusations = new Accusations();
    accusations.told(by, { dead: [], mute: mute.map((agent) => life(agent)) }, 0);
    return accusations;
  };

  test('FG-403: an agent whose dead node another does not hear is cut off, and one that does not hear a live node of another', () => {
    expect(told('b', 'a').isCutOff(gridOf({ a: 'failed' }), 'a', 0)).toBe(true);
    expect(told('a', 'b').isCutOff(gridOf({ a: 'failed' }), 'a', 0)).toBe(true);
  });

  test('FG-403: nodes that are dead, or lives that are over, keep nobody waiting', () => {
    expect(told('a', 'b').isCutOff(gridOf({ a: 'failed', b: 'failed' }), 'a', 0)).toBe(false);
    const accusations = new Accusations();
    accusations.told('b', { dead: [], mute: [life('a', 2)] }, 0);
    expect(accusations.isCutOff(gridOf({ a: 'failed' }), 'a', 0)).toBe(false);
  });

  test('FG-403: it ends when they hear each other, when nobody says so any more, and for one try after a minute', () => {
    const state = gridOf({ a: 'failed' });
    const accusations = told('b', 'a');
    expect(accusations.isCutOff(state, 'a', OPINION_MS + 1)).toBe(false);
    accusations.told('b', { dead: [], mute: [life('a')] }, RETRY_MS - 1);
    expect(accusations.isCutOff(state, 'a', RETRY_MS - 1)).toBe(true);
    expect(accusations.isCutOff(state, 'a', RETRY_MS)).toBe(false);
    accusations.told('b', { dead: [], mute: [] }, RETRY_MS);
    accusations.told('b', { dead: [], mute: [life('a')] }, RETRY_MS + 1);
    expect(accusations.isCutOff(state, 'a', RETRY_MS + 1)).toBe(true);
    accusations.told('b', { dead: [], mute: [] }, RETRY_MS + 2);
    expect(accusations.isCutOff(state, 'a', RETRY_MS + 2)).toBe(false);
  });
});
