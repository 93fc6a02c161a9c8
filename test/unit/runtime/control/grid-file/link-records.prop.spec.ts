import fc from 'fast-check';
import type { GridState } from '../../../../../domain/grid-state';
import type { VirtualLink } from '../../../../../domain/topology/topology';
import { linkRecords } from '../../../../../projections';
import { linkRecordsText, readLinkRecords } from '../../../../../runtime/control/grid-file';
import { linksAnswer } from '../../../../../runtime/control/link-desk';
import '../../../../support/search';
import { NOW, and } from '../../../domain/given';
import { link, linkGrid, refused } from '../../../domain/link/link-grid';

const member = fc.oneof(
  fc.record({ cluster: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ cluster: fc.integer({ min: 1, max: 3 }), node: fc.integer({ min: 1, max: 3 }) }),
);
const side = fc.constantFrom('root', 'leaf', 'primary', 'standby', undefined);
const way = fc.constantFrom('both', 'forward', 'backward', undefined);

/** Mostly nonsense; what the grid takes of it is what is tried. */
const drafts = fc.array(
  fc.record({
    kind: fc.constantFrom('cable', 'switch', 'hub', 'star', 'resilient', 'clustered', 'replicated', 'external'),
    members: fc.array(fc.tuple(member, side, fc.boolean()), { minLength: 2, maxLength: 3 }),
    network: fc.constantFrom(1, 2, 3),
    direction: way,
    hub: fc.boolean(),
    control: fc.boolean(),
    narrow: fc.boolean(),
    mtu: fc.integer({ min: 1600, max: 16_000 }),
    vlans: fc.option(fc.uniqueArray(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 3 })),
    name: fc.constantFrom('', ' wide', '-1', ': {', '"', "'", '#', 'é'),
  }),
  { minLength: 5, maxLength: 30 },
);
type Drafts = typeof drafts extends fc.Arbitrary<infer Value> ? Value : never;

/** No path asks for links. */
function pathless(): GridState {
  return and(linkGrid(), { type: 'DeletePolicy', data: { policy: 1 } }, { type: 'DeleteFlowPath', data: { path: 1 } });
}

/** A grid with those of the links that it takes. */
function gridOf(all: Drafts): GridState {
  return all.reduce((state, draft, place) => {
    const data = linkOf(draft, place + 1);
    return refused(state, data) === undefined ? and(state, { type: 'CreateVirtualLink', data }) : state;
  }, pathless());
}

function linkOf(
  { kind, members, network, direction, hub, control, narrow, mtu, vlans, name }: Drafts[number],
  id: number,
): VirtualLink {
  const isExternal = kind === 'external';
  const inside = members.map(([place, stated, promiscuous]) => ({
    ...place,
    ...(stated !== undefined && id % 4 === 0 && { side: stated }),
    ...(promiscuous && kind === 'hub' && { promiscuous: true }),
  }));
  const joined = isExternal ? [{ network }, { cluster: network === 1 ? 1 : 3 }] : inside;
  const hasWay = kind === 'cable' || kind === 'star' || kind === 'resilient';
  return link({
    ...{ id, kind, control, mtu, name: `L${id}${name}`, members: joined },
    ...(narrow && { narrow }),
    ...(hub && kind === 'star' && { hub }),
    ...(hub && kind === 'resilient' && { restoreMs: 2 * mtu }),
    ...(direction !== undefined && hasWay && { direction }),
    ...(kind === 'replicated' && {
      tap: { link: Math.max(1, id - 1), direction: id % 3 === 0 ? 'backward' : 'forward' },
    }),
    ...(vlans !== null && isExternal && network === 3 && { vlans: [...vlans].sort((a, b) => a - b) }),
  });
}

const linksOf = ({ links }: GridState): VirtualLink[] => Object.values(links.links);

/** What `link export` prints, as YAML or as JSON. */
function exported(state: GridState, asJson: boolean): string {
  const records = linkRecords(state, linksOf(state));
  return asJson ? JSON.stringify({ links: records }) : linkRecordsText(records);
}

function applied(
  state: GridState,
  text: string,
  prune: boolean,
): { readonly after: GridState; readonly steps: number } {
  const { step, problems } = readLinkRecords(text, linksAnswer(state, NOW), prune);
  expect(problems).toEqual([]);
  const steps = step.create.length + step.change.length + step.delete.length;
  return { after: and(state, { type: 'ArrangeLinks', data: step }), steps };
}

describe('records of links', () => {
  it('FG-562: what is exported changes nothing where it came from, and makes the same links elsewhere', () => {
    let tried = 0;
    const kinds = new Set<string>();
    fc.assert(
      fc.property(drafts, fc.boolean(), (all, asJson) => {
        const state = gridOf(all);
        const text = exported(state, asJson);
        expect(applied(state, text, true).steps).toBe(0);
        expect(linksOf(applied(pathless(), text, false).after)).toEqual(linksOf(state));
        for (const { kind } of linksOf(state)) kinds.add(kind);
        tried += linksOf(state).length;
      }),
      { numRuns: 100 },
    );
    expect(tried).toBeGreaterThan(300);
    expect(kinds.size).toBe(8);
  });

  it('FG-562: records of one grid, pruned, make any other grid the same, and again they change nothing', () => {
    const narrowed = (all: Drafts): Drafts => all.map((draft) => ({ ...draft, name: '' }));
    fc.assert(
      fc.property(drafts, drafts, fc.boolean(), (one, other, asJson) => {
        const [from, to] = [gridOf(narrowed(one)), gridOf(narrowed(other))];
        const text = exported(to, asJson);
        const { after } = applied(from, text, true);
        expect(linksOf(after)).toEqual(expect.arrayContaining(linksOf(to)));
        expect(linksOf(after)).toHaveLength(linksOf(to).length);
        expect(applied(after, text, true).steps).toBe(0);
      }),
      { numRuns: 60 },
    );
  });

  it('FG-563: what is wrong is told with its place, and what is there already with where it is', () => {
    const state = and(linkGrid(), { type: 'CreateVirtualLink', data: link() });
    const read = (text: string, prune = false) =>
      readLinkRecords(text, linksAnswer(state, NOW), prune).problems.map(
        ({ line, column, what }) => `${line}:${column}: ${what}`,
      );
    expect(read('links:\n  a: { members: [IA, XX] }\n')).toEqual(['2:22: link a: nothing is called XX']);
    expect(read('links:\n  VN-1: { id: 7, members: [IA] }\n')).toEqual([
      '2:15: link VN-1 is number 1 of the grid, not 7',
    ]);
    expect(read('links:\n  a: { id: 1, members: [IA] }\n')).toEqual(['2:12: link a has ID 1, which VN-1 has already']);
    expect(read('links:\n  a: { id: 1, members: [IA] }\n', true)).toEqual([]);
    expect(read('links:\n  a: { kind: replicated, members: [IA], tap: VN-1 }\n')[0]).toContain(
      '2:3: link a: it cannot listen to VN-1',
    );
    const gone = 'links:\n  a: { kind: replicated, members: [IA], tap: VN-1 }\n';
    expect(read(gone, true)).toEqual(['2:46: there is no link VN-1']);
    expect(read('links:\n  a: { kind: external, members: [EN-3, IC], vlans: [2050] }\n')[0]).toContain(
      '2:53: link a: VLAN 2050 is of the block 2048–4094',
    );
    const all = and(state, {
      type: 'CreateVirtualLink',
      data: link({ id: 2, kind: 'external', members: [{ network: 1 }, { cluster: 1 }] }),
    });
    const taken = readLinkRecords(
      'links: { b: { kind: external, members: [EN-1, IA] } }',
      linksAnswer(all, NOW),
      false,
    );
    expect(taken.problems[0]!.what).toContain('link VN-2 joins it already, in the grid');
    expect(read('{}')).toEqual(['1:1: no link records']);
  });

  it('FG-563: a new link takes no number that a link has, or that flows still go by', () => {
    const state = and(linkGrid(), { type: 'CreateVirtualLink', data: link() });
    const answer = { ...linksAnswer(state, NOW), resting: [2] };
    const { step } = readLinkRecords('links: { a: { members: [IA] } }', answer, true);
    expect(step).toMatchObject({ create: [{ id: 3, name: 'a' }], delete: [1] });
  });
});
