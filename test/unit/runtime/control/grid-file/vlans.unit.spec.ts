import { createMemoryLog } from '../../../../../adapters/log/memory';
import { SimClock } from '../../../../../adapters/sim/sim-clock';
import { createControlPlane } from '../../../../../runtime/control/control-plane';
import { applyDesired, inspectGridFile, loadGridFile, planCommands } from '../../../../../runtime/control/grid-file';
import { committed } from '../../../domain/given';

const HEAD = `grid: g
networks: { A: { cluster: X }, T: { cluster: Y, tagged: true } }
clusters: { X: { role: inode }, Y: { role: inode } }
paths: { p: { from: A, to: T } }
policies: [{ type: all, paths: p }]
`;
const LINKS = `links:
  L: { id: 1, members: [X, Y] }
  E: { id: 2, kind: external, members: [T, Y], vlans: [100, 101] }
`;

const problemsOf = (more: string): string[] =>
  inspectGridFile(HEAD + more).problems.map(({ line, column, what }) => `${line}:${column} ${what}`);

describe('VLAN IDs in a grid file', () => {
  it('FG-481: a block is read, with what is left out by default, and each mistake in it has its place', () => {
    const read = (vlans: string): unknown => loadGridFile(`${HEAD}${LINKS}${vlans}`, 'grid.yaml').settings.vlans;
    expect(read('')).toBeUndefined();
    expect(read('vlans: {}\n')).toEqual({ first: 2_048, last: 4_094, frameLifetimeMs: 30_000 });
    expect(read('vlans: { first: 200, last: 300, frameLifetimeMs: 5 }\n')).toEqual({
      first: 200,
      last: 300,
      frameLifetimeMs: 5,
    });
    expect(problemsOf(`vlans: { first: 0, last: 4095, x: 1, frameLifetimeMs: 0 }\n${LINKS}`)).toEqual([
      '6:17 vlans: first must be an integer from 1 to 4094',
      '6:26 vlans: last must be an integer from 1 to 4094',
      '6:32 vlans has no "x"',
      '6:55 vlans: frameLifetimeMs must be an integer from 1 to 86400000',
    ]);
    expect(problemsOf(`vlans: { first: 3000, last: 2999 }\n${LINKS}`)).toEqual([
      '6:29 vlans: last is 2999, less than first, 3000',
    ]);
  });

  it('FG-481: an ID that the grid reserves, or another link has, is told with both places', () => {
    const more = (link: string): string => `${LINKS}  F: { kind: external, members: [T, Y]${link} }\n`;
    expect(problemsOf(more(', vlans: [99, 2048]'))).toEqual([
      '9:53 link F: VLAN 2048 is of the block 2048–4094, which the grid reserves, by default',
    ]);
    expect(problemsOf(`${more(', vlans: 50')}vlans:\n  first: 10\n  last: 60\n`)).toEqual([
      '9:48 link F: VLAN 50 is of the block 10–60, which the grid reserves, at 11:3',
    ]);
    expect(problemsOf(more(', vlans: [99, 101]'))).toEqual([
      "9:53 link F: VLAN 101 of network T is link E's already, at 8:61",
    ]);
    expect(problemsOf(more(''))).toEqual([
      '9:3 link F: link E has VLANs of network T already, and it would take all, at 8:3',
    ]);
    expect(
      problemsOf(`${LINKS}  F: { kind: external, members: [A, X] }\n  G: { kind: external, members: [A, X] }\n`),
    ).toEqual(['10:3 link G: network A is untagged, and link F joins it already, at 9:3']);
  });

  it('FG-484: reading the file gives links that were recorded without VLAN IDs theirs, once', async () => {
    const clock = new SimClock(1_000);
    const plane = createControlPlane({ log: createMemoryLog(), clock, timers: clock, name: 'MA-1' });
    await plane.start();
    const desired = loadGridFile(HEAD + LINKS, 'grid.yaml');
    await applyDesired(plane, desired, { by: 'operator:test', clock });
    await plane.settle();
    expect(Object.values(plane.state.links.vlans)).toEqual([{ vlan: 2_048, link: 1, cluster: 0, direction: 'both' }]);
    expect(planCommands(plane.state, desired)).toEqual([]);
    // As an earlier version left it.
    const older = committed(plane.state, [{ type: 'VlanReleased', v: 1, data: { vlan: 2_048 } }]);
    expect(planCommands(older, desired)).toEqual([{ type: 'ChangeVirtualLink', data: desired.links[0] }]);
    // An external link's IDs depend on its network, which the file has changed.
    const untagged = HEAD.replace(', tagged: true', '') + LINKS.replace(', vlans: [100, 101]', '');
    await applyDesired(plane, loadGridFile(untagged, 'grid.yaml'), { by: 'operator:test', clock });
    expect(Object.values(plane.state.links.vlans).map(({ link }) => link)).toEqual([1, 2]);
    await applyDesired(plane, desired, { by: 'operator:test', clock });
    expect(Object.values(plane.state.links.vlans).map(({ link }) => link)).toEqual([1]);
    await plane.stop();
  });
});
