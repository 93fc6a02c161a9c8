import { nodeRef } from '../../../../domain/base/ids';
import { unlinkedSteps, lackOf } from '../../../../domain/path/steps';
import { linkBetween } from '../../../../domain/topology/links';
import type { LinkMember, VirtualLink } from '../../../../domain/topology/topology';
import { link } from './link-grid';

/** A and B are clusters 1 and 2; C is node 1 of cluster 3. */
const [A, B, C]: LinkMember[] = [{ cluster: 1 }, { cluster: 2 }, { cluster: 3, node: 1 }];

/** Pairs of a node of each of three clusters, and of two of cluster 2, between which a link takes flows. */
function pairsOn(each: VirtualLink, control = false): string {
  const nodes = { a: nodeRef(1, 1), b: nodeRef(2, 1), d: nodeRef(2, 2), c: nodeRef(3, 1), x: nodeRef(3, 2) };
  const names = Object.keys(nodes) as (keyof typeof nodes)[];
  return names
    .flatMap((from) => names.map((to) => [from, to] as const))
    .filter(
      ([from, to]) => from !== to && linkBetween({ links: [each] }, nodes[from], nodes[to], control) !== undefined,
    )
    .map((pair) => pair.join(''))
    .join(' ');
}

describe('FG-462: flows go on a link where its kind takes them', () => {
  it.each<[string, Partial<VirtualLink>, string]>([
    ['a switch', { members: [A!, B!] }, 'ab ad ba bd da db'],
    ['a hub', { kind: 'hub', members: [A!, C!] }, 'ac ca'],
    ['a cable', { kind: 'cable', members: [A!, B!] }, 'ab ad ba da'],
    ['a cable, forward', { kind: 'cable', members: [A!, B!], direction: 'forward' }, 'ab ad'],
    ['a star', { kind: 'star', members: [A!, B!, C!] }, 'ab ad ac ba da ca'],
    ['a star, backward', { kind: 'star', members: [A!, B!, C!], direction: 'backward' }, 'ba da ca'],
    ['a resilient link', { kind: 'resilient', members: [A!, B!, C!] }, 'ab ad ac ba da ca'],
    ['a clustered link', { kind: 'clustered', members: [A!, B!] }, 'ab ad'],
    ['an external link', { kind: 'external', members: [{ network: 1 }, A!, B!] }, ''],
    ['a tap', { kind: 'replicated', members: [A!, B!], tap: { link: 2, direction: 'forward' } }, ''],
  ])('%s', (_, parts, pairs) => {
    expect(pairsOn(link(parts))).toBe(pairs);
    expect(pairsOn(link({ ...parts, control: true }))).toBe('');
  });

  it('hellos and control frames also go against the direction of flows, not where nobody is joined', () => {
    expect(pairsOn(link({ kind: 'clustered', members: [A!, B!] }), true)).toBe('ab ad ba da');
    expect(pairsOn(link({ kind: 'star', members: [A!, B!, C!], control: true }), true)).toBe('ab ad ac ba da ca');
  });
});

describe('FG-463: every step of a path has links there and back', () => {
  const path = { id: 1, name: 'p', from: [1], to: 2, clusters: [1, 2, 3] };
  const lacksOf = (...links: VirtualLink[]): string[] =>
    unlinkedSteps(path, () => undefined, links).map((step) => lackOf(step, (id) => 'ABC'[id - 1]!));
  const cable = (id: number, members: LinkMember[], more: Partial<VirtualLink> = {}): VirtualLink =>
    link({ id, kind: 'cable', members, ...more });
  const bc = cable(2, [B!, C!]);

  it.each<[string, VirtualLink[], string[]]>([
    ['one link for both ways', [cable(1, [A!, B!])], []],
    [
      'a link for each way',
      [cable(1, [A!, B!], { direction: 'forward' }), cable(3, [B!, A!], { direction: 'forward' })],
      [],
    ],
    ['none', [], ['no link joins A and B']],
    ['one that is not for flows', [cable(1, [A!, B!], { control: true })], ['no link joins A and B']],
    ['none back', [cable(1, [A!, B!], { direction: 'forward' })], ['no link takes frames from B to A']],
    ['none there', [cable(1, [A!, B!], { direction: 'backward' })], ['no link takes frames from A to B']],
    ['none between leaves', [link({ kind: 'star', members: [C!, A!, B!] })], ['no link joins A and B']],
  ])('%s', (_, links, lacks) => {
    expect(lacksOf(bc, ...links)).toEqual(lacks);
  });
});
