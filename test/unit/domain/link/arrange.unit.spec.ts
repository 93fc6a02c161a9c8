import type { CommandBody } from '../../../../domain/commands';
import { decide } from '../../../../domain/decide';
import type { GridState } from '../../../../domain/grid-state';
import type { ArrangeLinks } from '../../../../domain/link/commands';
import { isRejection } from '../../../../domain/message';
import type { VirtualLink } from '../../../../domain/topology/topology';
import { NOW, and, decided } from '../given';
import { link, linkGrid } from './link-grid';

const arrange = (data: Partial<ArrangeLinks['data']>): CommandBody => ({
  type: 'ArrangeLinks',
  data: { create: [], change: [], delete: [], ...data },
});

/** Reason and message of the refusal; undefined if it is none. */
function refused(state: GridState, data: Partial<ArrangeLinks['data']>): string | undefined {
  const decision = decide(state, { id: 'x', by: 'operator:test', deadline: NOW, at: NOW, body: arrange(data) });
  return isRejection(decision) ? `${decision.reason}: ${decision.message}` : undefined;
}

const namesOf = ({ links }: GridState): string[] => Object.values(links.links).map(({ name }) => name);

/** Beside the way that the grid's path takes. */
const cable = link({ id: 5, kind: 'cable', members: [{ cluster: 1 }, { cluster: 3 }] });
const spy = link({
  id: 4,
  name: 'spy',
  kind: 'replicated',
  members: [{ cluster: 3 }],
  tap: { link: 5, direction: 'forward' },
});
const near = link();
const far = link({ id: 2, members: [{ cluster: 2 }, { cluster: 3 }] });
const joined = and(linkGrid(), arrange({ create: [near, far] }));

describe('arranging links', () => {
  it('FG-560: makes all of them in one commit, in whatever order they come', () => {
    const events = decided(linkGrid(), arrange({ create: [spy, cable] }));
    expect(events.map(({ type }) => type)).toEqual([
      'VirtualLinkCreated',
      'VirtualLinkCreated',
      'VlanAllocated',
      'VlanAllocated',
    ]);
    const state = and(linkGrid(), arrange({ create: [spy, cable] }));
    expect(namesOf(state)).toEqual(['spy', 'VN-5']);
    const gone = and(state, arrange({ delete: [5, 4] }));
    expect(gone.links).toMatchObject({ links: {}, vlans: {} });
  });

  it('FG-560: lets names, and directions that others listen to, change hands at once', () => {
    const state = and(linkGrid(), arrange({ create: [spy, cable] }));
    const other = { ...cable, id: 6 };
    const moved: VirtualLink = { ...spy, tap: { link: 6, direction: 'backward' } };
    const then = and(state, arrange({ create: [other], change: [moved], delete: [5] }));
    expect(then.links.links).toEqual({ 4: moved, 6: other });
    const named = [
      { ...near, name: 'VN-2' },
      { ...far, name: 'VN-1' },
    ];
    expect(namesOf(and(joined, arrange({ change: named })))).toEqual(['VN-2', 'VN-1']);
    const turned: VirtualLink[] = [
      { ...cable, direction: 'backward' },
      { ...spy, tap: { link: 5, direction: 'backward' } },
    ];
    const forward = and(state, arrange({ change: [{ ...cable, direction: 'forward' }] }));
    expect(and(forward, arrange({ change: turned })).links.links).toEqual({ 4: turned[1], 5: turned[0] });
    expect(refused(forward, { change: [turned[0]!] })).toBe(
      'in-use: link VN-5: spy listens to what goes forward on it',
    );
    expect(refused(forward, { delete: [5] })).toBe('in-use: link VN-5: spy listens to it');
  });

  it('FG-560: a link that takes the number of one that goes has VLAN IDs of its own', () => {
    const again = link({ id: 1, name: 'new' });
    expect(decided(joined, arrange({ create: [again], delete: [1] }))).toEqual([
      { type: 'VlanReleased', v: 1, data: { vlan: 2048 } },
      { type: 'VirtualLinkDeleted', v: 1, data: { link: 1 } },
      { type: 'VirtualLinkCreated', v: 1, data: again },
      { type: 'VlanAllocated', v: 1, data: { vlan: 2050, link: 1, cluster: 0, direction: 'both' } },
    ]);
  });

  it('FG-560: does nothing of it when one is refused, and tells which', () => {
    const taken = link({ id: 7, name: 'VN-2' });
    expect(refused(joined, { create: [link({ id: 6 }), taken] })).toBe('exists: link 2 is called VN-2 already');
    expect(refused(joined, { create: [link({ id: 1, name: 'new' })] })).toBe('exists: link 1 exists already, as VN-1');
    expect(refused(joined, { change: [link({ id: 9 })] })).toBe('not-found: there is no link 9');
    expect(refused(joined, { change: [near], delete: [1] })).toBe('not-found: there is no link 1');
  });

  it('FG-560: has nothing to do where all is so already', () => {
    expect(decided(joined, arrange({ create: [near], change: [far], delete: [77] }))).toEqual([]);
    expect(decided(joined, arrange({}))).toEqual([]);
  });

  it('FG-561: leaves no path without the links that carried it, unless others take their place at once', () => {
    const lost = 'in-use: path main: no link joins IA and AB then (give it another link first, or in the same step)';
    expect(refused(joined, { delete: [1] })).toBe(lost);
    expect(refused(joined, { change: [{ ...near, members: [{ cluster: 1 }] }] })).toBe(lost);
    expect(refused(joined, { change: [{ ...near, kind: 'cable', direction: 'forward' }] })).toContain(
      'no link takes frames from AB to IA then',
    );
    const instead = link({ id: 3 });
    expect(refused(joined, { create: [instead], delete: [1] })).toBeUndefined();
    // What was missing before is no reason.
    expect(refused(and(linkGrid(), arrange({ create: [near] })), { create: [instead], delete: [1] })).toBeUndefined();
  });
});
