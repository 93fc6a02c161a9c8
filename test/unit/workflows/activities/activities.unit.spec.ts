import type { VirtualLink } from '../../../../domain/topology/topology';
import { createActivities } from '../../../../workflows/activities';
import { definitions } from '../../../../workflows/definitions';
import * as bundled from '../../../../workflows/temporal/workflows';
import { GridWorld } from '../grid-world';

const ID = 'w/1/step';
const rejected = expect.objectContaining({ code: 'rejected', canRetry: false });

function open(): { world: GridWorld; act: (name: string, input: object, cancelled?: AbortSignal) => Promise<unknown> } {
  const world = new GridWorld();
  const activities = createActivities(world);
  return {
    world,
    act: (name, input, cancelled) =>
      world.drive(activities[name]!({ cluster: 2, workflow: 'w/1', ...input }, ID, cancelled)),
  };
}

test('every definition is bundled for Temporal, under its name', () => {
  expect(Object.keys(bundled).sort()).toEqual(Object.keys(definitions).sort());
});

describe('spares', () => {
  test('reserving twice reserves one, and says which', async () => {
    const { world, act } = open();
    expect(await act('reserveSpare', { node: 0 })).toEqual({ node: 3 });
    expect(await act('reserveSpare', { node: 0 })).toEqual({ node: 3 });
    expect(world.node(3).reservedBy).toBe('w/1');
  });

  test('without a spare, reserving is refused for good', async () => {
    const { act } = open();
    await act('reserveSpare', { node: 0, workflow: 'other' });
    await expect(act('reserveSpare', { node: 0 })).rejects.toEqual(rejected);
    await expect(act('reserveSpare', { node: 3 })).rejects.toEqual(rejected);
  });

  test('what another workflow holds is not given back, nor is anything when nothing is held', async () => {
    const { world, act } = open();
    await act('reserveSpare', { node: 0, workflow: 'other' });
    await act('releaseSpare', { node: 3 });
    await act('withdrawNode', { node: 0, withinMs: 100 });
    expect(world.node(3).reservedBy).toBe('other');
  });

  test('withdrawing takes a node back from wherever it came to, again and again', async () => {
    const { world, act } = open();
    for (const steps of [[], ['installFunction'], ['installFunction', 'joinLinks']]) {
      await act('reserveSpare', { node: 0 });
      for (const step of steps) await act(step, { node: 3, weight: 10 });
      await act('withdrawNode', { node: 3, withinMs: 100 });
      expect(world.node(3)).toMatchObject({ status: 'admitted', spare: true, reservedBy: '' });
      expect(world.listed()).toEqual([1, 2]);
    }
  });

  test('a node that joins between being drained and being released is drained again', async () => {
    const { world, act } = open();
    world.mute.add(3);
    await act('reserveSpare', { node: 0 });
    await act('installFunction', { node: 3, weight: 10 });
    world.beforeCommand = (type) => {
      if (type === 'ReleaseSpare' && world.mute.delete(3)) world.react();
    };
    await act('withdrawNode', { node: 3, withinMs: 100 });
    expect(world.log).toEqual(['ReserveSpare', 'ConfigureNode', 'ReleaseSpare rejected', 'DrainNode', 'ReleaseSpare']);
    expect(world.node(3)).toMatchObject({ status: 'admitted', spare: true });
  });
});

describe('links', () => {
  test('joining and leaving twice changes a link once each', async () => {
    const { world, act } = open();
    await act('joinLinks', { node: 3 });
    await act('joinLinks', { node: 3 });
    expect(world.linked()).toEqual([1, 2, 3]);
    await act('leaveLinks', { node: 3 });
    await act('leaveLinks', { node: 3 });
    expect(world.linked()).toEqual([1, 2]);
    expect(world.log).toEqual(['ChangeVirtualLink', 'ChangeVirtualLink']);
  });

  test('FG-442: a node that is given back is in no link that names it', async () => {
    const { world, act } = open();
    await act('reserveSpare', { node: 0 });
    await act('installFunction', { node: 3, weight: 10 });
    await act('joinLinks', { node: 3 });
    await act('drainNode', { node: 3, withinMs: 100 });
    await act('releaseSpare', { node: 3 });
    await act('releaseSpare', { node: 3 });
    expect(world.node(3)).toMatchObject({ status: 'admitted', spare: true, reservedBy: '' });
    expect(world.linked()).toEqual([1, 2]);
  });

  test('FG-472: joining and leaving leave alone the ends that a link cannot do without', async () => {
    const { world, act } = open();
    const create = (id: number, parts: Partial<VirtualLink>): unknown =>
      world.must({
        type: 'CreateVirtualLink',
        data: { id, name: `L-${id}`, kind: 'cable', members: [], control: false, mtu: 9_000, ...parts },
      });
    const [one, two] = [1, 2].map((node) => ({ cluster: 2, node }));
    create(11, { members: [one!, two!] });
    create(12, { kind: 'star', members: [one!, two!] });
    const members = (id: number): unknown => world.state.links.links[id]?.members;
    await act('joinLinks', { node: 3 });
    expect([members(11), members(12)]).toEqual([
      [one, two],
      [one, two, { cluster: 2, node: 3 }],
    ]);
    for (const node of [1, 3, 2]) await act('leaveLinks', { node });
    expect([members(11), members(12)]).toEqual([
      [one, two],
      [one, two],
    ]);
  });
});

describe('health and membership', () => {
  test('a node that stays silent is not healthy in time', async () => {
    const { world, act } = open();
    world.mute.add(3);
    await act('reserveSpare', { node: 0 });
    await act('installFunction', { node: 3, weight: 10 });
    await expect(act('awaitHealthy', { node: 3, withinMs: 500 })).rejects.toMatchObject({ code: 'timeout' });
  });

  test('waiting for health stops when it is cancelled', async () => {
    const { act } = open();
    const stop = new AbortController();
    const waiting = act('awaitHealthy', { node: 3, withinMs: Infinity }, stop.signal).catch((error: unknown) => error);
    stop.abort();
    expect(await waiting).toMatchObject({ code: 'interrupted' });
  });

  test('only an active member can be scaled in', async () => {
    const { act } = open();
    expect(await act('checkMember', { node: 1 })).toEqual({ weight: 10 });
    await expect(act('checkMember', { node: 3 })).rejects.toEqual(rejected);
    await expect(act('checkMember', { node: 9 })).rejects.toEqual(rejected);
  });

  test('a drained node comes back with its weight, and what was never drained stays as it is', async () => {
    const { world, act } = open();
    await act('drainNode', { node: 2, withinMs: 100 });
    expect(world.listed()).toEqual([1]);
    await act('rejoinCluster', { node: 2, weight: 10 });
    expect(world.node(2)).toMatchObject({ status: 'active', spare: false, weight: 10 });
    const { seq } = world.state;
    await act('rejoinCluster', { node: 2, weight: 10 });
    await act('drainNode', { node: 3, withinMs: 100 });
    expect(world.state.seq).toBe(seq);
  });
});

test('publication answers with the version that all live nodes have installed', async () => {
  const { world, act } = open();
  await expect(act('publishTopology', { node: 3, listed: true, withinMs: 500 })).rejects.toMatchObject({
    code: 'timeout',
  });
  expect(await act('publishTopology', { node: 2, listed: true, withinMs: 500 })).toEqual({
    version: world.state.topology.version,
  });
});
