import { cutoverReactions, cutoverWakes } from '../../../../actors/cutover';
import type { CommandBody } from '../../../../domain/commands';
import type { VirtualLink } from '../../../../domain/topology/topology';
import { evolveCommit, initialState, type GridState } from '../../../../domain/grid-state';
import { muteEnds } from '../../../../domain/link/ends';
import type { VirtualLinkCutOver } from '../../../../domain/link/events';
import { contentOf, isTopologyStale } from '../../../../domain/topology/content';
import { and, committed, decided, givenSmallGrid, NOW } from '../given';
import { link } from './link-grid';
import { active, connect, drain, failed, recovered, resilient, resilientGrid } from './cutover-specifications';

const CUT_OVER: CommandBody = { type: 'CutOverLink', data: { link: 1 } };

/** The state after commands at a time, and after what the link's reaction asks for then. */
function reacted(state: GridState, at: number, ...bodies: readonly CommandBody[]): GridState {
  const before = bodies.reduce((now, body) => committed(now, decided(now, body, at), at), state);
  return [...cutoverReactions(before, at)].reduce(
    (now, { body }) => committed(now, decided(now, body, at), at),
    before,
  );
}

function stands(state: GridState): string {
  const { connected, because = 'new', since } = state.links.cutovers[1]!;
  return `${connected} ${because} +${since - NOW}`;
}

describe('who is connected on a resilient link, by the log', () => {
  it('FG-515: an end is connected that takes new flows, if one does, and the event says why', () => {
    const grid = resilientGrid();
    expect(stands(grid)).toBe('primary new +0');
    const cut = reacted(grid, NOW + 10, failed(1));
    expect(stands(cut)).toBe('standby failed +10');
    const back = reacted(cut, NOW + 20, recovered(1, 2), active(1, 2));
    expect(stands(back)).toBe('standby failed +10');
    expect(stands(reacted(back, NOW + 30, drain(2)))).toBe('primary drained +30');
    const both = reacted(cut, NOW + 40, failed(2));
    expect(stands(both)).toBe('standby failed +10');
    expect(stands(reacted(both, NOW + 50, recovered(1, 2), active(1, 2)))).toBe('primary failed +50');
  });

  it('FG-515: a node that is only suspected stays connected', () => {
    const suspected: CommandBody = {
      type: 'SuspectNode',
      data: { cluster: 2, node: 1, incarnation: 1, lastSeen: NOW },
    };
    expect(stands(reacted(resilientGrid(), NOW + 10, suspected))).toBe('primary new +0');
  });

  it('FG-515: a primary that comes after its standby has its place at once, whatever the link says of coming back', () => {
    const grid = givenSmallGrid({ type: 'CreateVirtualLink', data: resilient });
    const alone = reacted(grid, NOW + 10, active(2));
    expect(stands(alone)).toBe('standby absent +10');
    expect(stands(reacted(alone, NOW + 20, active(1)))).toBe('primary restored +20');
  });

  it('FG-515: a primary that is back is connected again after restoreMs, for which the leader wakes', () => {
    const cut = reacted(resilientGrid(100), NOW + 10, failed(1));
    const back = reacted(cut, NOW + 20, recovered(1, 2), active(1, 2));
    expect(cutoverWakes(back)).toEqual([NOW + 120]);
    expect([...cutoverReactions(back, NOW + 119)]).toEqual([]);
    expect(decided(back, CUT_OVER, NOW + 119)).toEqual([]);
    expect(stands(reacted(back, NOW + 120))).toBe('primary restored +120');
    // It dies again before its time has come.
    const again = reacted(reacted(back, NOW + 50, failed(1, 2)), NOW + 60, recovered(1, 3), active(1, 3));
    expect(cutoverWakes(again)).toEqual([NOW + 160]);
  });

  it('FG-515: what an operator connected stays, until it fails', () => {
    const moved = and(resilientGrid(100), connect('standby'));
    expect(stands(moved)).toBe('standby operator +0');
    expect(cutoverWakes(moved)).toEqual([]);
    expect(stands(reacted(moved, NOW + 500, failed(2)))).toBe('primary failed +500');
  });

  it('FG-515: a link whose ends are others begins anew, one that changes otherwise stays as it stands', () => {
    const cut = reacted(resilientGrid(), NOW + 10, failed(1));
    const narrowed = and(cut, { type: 'ChangeVirtualLink', data: { ...resilient, mtu: 8_000 } });
    expect(stands(narrowed)).toBe('standby failed +10');
    const members = [resilient.members[0]!, { cluster: 2, node: 2 }, { cluster: 2, node: 3 }];
    const others = and(cut, { type: 'ChangeVirtualLink', data: { ...resilient, members } });
    expect(stands(others)).toBe('primary new +0');
    const plain = and(cut, { type: 'ChangeVirtualLink', data: { ...resilient, kind: 'star', members } });
    expect(plain.links.cutovers).toEqual({});
    expect(and(cut, { type: 'DeleteVirtualLink', data: { link: 1 } }).links.cutovers).toEqual({});
  });

  it('FG-515: topologies tell of the end that is connected, and a cutover makes the newest one stale', () => {
    const grid = and(resilientGrid(), { type: 'PublishTopology', data: {} });
    expect(contentOf(grid)!.links[0]!.connected).toBeUndefined();
    const moved = and(grid, connect('standby'));
    expect(isTopologyStale(moved)).toBe(true);
    const published = and(moved, { type: 'PublishTopology', data: {} });
    expect(published.topology.latest!.links[0]!.connected).toBe('standby');
    expect(isTopologyStale(published)).toBe(false);
    // Nobody reads it out of the link itself, which its operator owns.
    expect(published.links.links[1]).toEqual(resilient);
  });

  it('FG-611: an end is mute while it is not connected where hellos have no other way both ways between it and its root', () => {
    const [root, ...ends] = resilient.members;
    const beside = (...others: VirtualLink[]): string[] => muteEnds(resilient, [resilient, ...others]);
    const other = (id: number, parts: Partial<VirtualLink>): VirtualLink => link({ id, ...parts });
    expect(beside()).toEqual(['primary', 'standby']);
    expect(beside(other(2, { control: true }))).toEqual([]);
    expect(beside(other(2, { members: [root!, ends[1]!] }))).toEqual(['primary']);
    const forward = other(2, { kind: 'cable', direction: 'forward' });
    expect(beside(forward)).toEqual(['primary', 'standby']);
    expect(beside(forward, other(3, { kind: 'star', direction: 'backward' }))).toEqual([]);
    // Another resilient link has the same end closed, or may have.
    expect(beside(other(2, { ...resilient, id: 2 }))).toEqual(['primary', 'standby']);
    expect(muteEnds(other(2, {}), [])).toEqual([]);
  });

  it('a cutover of a link that is gone changes nothing', () => {
    const event: VirtualLinkCutOver = {
      type: 'VirtualLinkCutOver',
      v: 1,
      data: { link: 9, connected: 'standby', because: 'failed' },
    };
    const before = initialState();
    const commit = { seq: 1, prev: '', epoch: 0, commandId: 'c', at: 1, by: '', cause: 0, corr: '', events: [event] };
    expect(evolveCommit(before, commit).links).toBe(before.links);
  });
});
