import { decodeCommit } from '../../../../adapters/codec/records';
import { stateHash } from '../../../../adapters/codec/hash';
import { nodeRef } from '../../../../domain/base/ids';
import type { TopologyEvent } from '../../../../domain/events';
import { canonicalState, evolveCommit, initialState } from '../../../../domain/grid-state';
import type { Commit } from '../../../../domain/log/commit';
import { createPrng } from '../../../../domain/base/prng';
import { createControlPlane } from '../../../../runtime/control/control-plane';
import { createMemoryLog, createMemoryStore } from '../../../../adapters/log/memory';
import { EGRESS, FILTER, INGRESS, SmallGrid } from './small-grid';

async function commitsOf(grid: SmallGrid): Promise<Commit<TopologyEvent>[]> {
  return (await grid.log.read(1, 1_000_000)).map(({ bytes }) => decodeCommit(bytes) as Commit<TopologyEvent>);
}

async function eventTypes(grid: SmallGrid): Promise<string[]> {
  return (await commitsOf(grid)).flatMap(({ events }) => events.map(({ type }) => type));
}

describe('the control plane', () => {
  it('takes over, admits, activates and publishes one topology of all members', async () => {
    const grid = await new SmallGrid().up();
    expect(grid.statusOf(FILTER, 3)).toBe('active');
    expect(grid.statusOf(FILTER, 4)).toBe('admitted');
    expect(grid.nodes.topologies).toHaveLength(1);
    expect(grid.nodes.applied_).toEqual([1]);
    const { topology, seq, hash } = grid.nodes.topologies[0]!;
    expect(topology.clusters.map(({ members }) => members.length)).toEqual([1, 3, 1]);
    expect(topology.clusters[0]!.members[0]!.fnode).toBe(1);
    expect(topology.clusters[2]!.members[0]!.fnode).toBe(2);
    expect((await grid.log.read(seq, 1))[0]!.hash).toBe(hash);
    expect((await eventTypes(grid))[0]).toBe('LeaderElected');
  });

  it('is quiet while nothing happens', async () => {
    const grid = await new SmallGrid().up();
    const { seq } = grid.plane.head;
    await grid.pass(500);
    expect(grid.plane.head.seq).toBe(seq);
  });

  it('names causes: a reaction carries the commit it reacts to and the command that began it', async () => {
    const grid = await new SmallGrid().up();
    const commits = await commitsOf(grid);
    const published = commits.find(({ events }) => events[0]!.type === 'TopologyPublished')!;
    expect(published.commandId).toBe(`actor/grid/${published.cause}/0`);
    expect(published.by).toBe('actor:grid');
    expect(published.corr).toBe(commits[published.cause - 1]!.corr);
  });

  it('suspects a silent node, then fails it, then publishes without it, at the times that the hello timing says', async () => {
    const grid = await new SmallGrid().up();
    await grid.pass(100);
    const silentSince = grid.clock.now();
    grid.nodes.lives.delete(nodeRef(FILTER, 2));
    await grid.pass(200);
    const at = new Map((await commitsOf(grid)).map(({ events, at: time }) => [events[0]!.type, time]));
    expect(at.get('NodeSuspected')! - silentSince).toBe(30);
    expect(at.get('NodeFailed')! - silentSince).toBe(60);
    const newest = grid.nodes.topologies.at(-1)!;
    expect(newest.topology.clusters[1]!.members.map(({ node }) => node)).toEqual([1, 3]);
    expect(newest.dead).toEqual(['2/2@1']);
    expect(grid.nodes.applied_.at(-1)).toBe(newest.topology.version);
  });

  it('lets a suspected node off when it speaks again', async () => {
    const grid = await new SmallGrid().up();
    grid.nodes.lives.delete(nodeRef(FILTER, 2));
    await grid.pass(40);
    expect(grid.statusOf(FILTER, 2)).toBe('suspected');
    grid.nodes.lives.set(nodeRef(FILTER, 2), 1);
    await grid.pass(100);
    expect(grid.statusOf(FILTER, 2)).toBe('active');
    expect(grid.nodes.topologies).toHaveLength(1);
  });

  it('takes a failed node back as a new incarnation, only after it has caught up', async () => {
    const grid = await new SmallGrid().up();
    grid.nodes.lives.delete(nodeRef(FILTER, 2));
    await grid.pass(100);
    grid.plane.hello(nodeRef(FILTER, 2), 2);
    await grid.plane.settle();
    expect(grid.statusOf(FILTER, 2)).toBe('recovering');
    grid.nodes.lives.set(nodeRef(FILTER, 2), 2);
    grid.plane.acknowledgeTopology(nodeRef(FILTER, 2), grid.plane.state.topology.version);
    await grid.plane.settle();
    expect(grid.statusOf(FILTER, 2)).toBe('active');
    const member = grid.nodes.topologies.at(-1)!.topology.clusters[1]!.members[1];
    expect(member).toMatchObject({ node: 2, incarnation: 2 });
  });

  it('fails the old life of a node that restarts faster than it can be missed, and holds its FNODE number', async () => {
    const grid = await new SmallGrid().up();
    grid.nodes.lives.set(nodeRef(INGRESS, 1), 2);
    await grid.helloRound();
    grid.plane.acknowledgeTopology(nodeRef(INGRESS, 1), grid.plane.state.topology.version);
    await grid.helloRound();
    const node = grid.plane.state.clusters[INGRESS]!.nodes[1]!;
    expect(node).toMatchObject({ status: 'active', incarnation: 2, fnode: 3 });
    expect(grid.plane.state.topology.heldFnodes.map(({ fnode }) => fnode)).toEqual([1]);
  });

  it('drains a node: no new flows, then out once it reports no flow as primary or backup', async () => {
    const grid = await new SmallGrid().up();
    await grid.submit({ type: 'DrainNode', data: { cluster: FILTER, node: 1, withinMs: 0, thenRemove: true } });
    await grid.plane.settle();
    expect(grid.nodes.topologies.at(-1)!.topology.clusters[1]!.members[0]!.state).toBe('draining');
    grid.clock.advanceTo(grid.clock.now() + 5);
    grid.plane.reportFlows(nodeRef(FILTER, 1), 0, 2);
    await grid.plane.settle();
    expect(grid.statusOf(FILTER, 1)).toBe('draining');
    grid.plane.reportFlows(nodeRef(FILTER, 1), 0, 0);
    await grid.plane.settle();
    expect(grid.statusOf(FILTER, 1)).toBe('removed');
    expect(grid.nodes.topologies.at(-1)!.topology.clusters[1]!.members.map(({ node }) => node)).toEqual([2, 3]);
  });

  it('ends draining by force at its deadline', async () => {
    const grid = await new SmallGrid().up();
    await grid.submit({ type: 'DrainNode', data: { cluster: FILTER, node: 1, withinMs: 200, thenRemove: false } });
    await grid.pass(190);
    expect(grid.statusOf(FILTER, 1)).toBe('draining');
    await grid.pass(20);
    expect(grid.statusOf(FILTER, 1)).toBe('drained');
  });

  it('joins a spare that is admitted as a member and says hello', async () => {
    const grid = await new SmallGrid().up();
    await grid.submit({ type: 'AdmitNode', data: { cluster: FILTER, node: 4, weight: 1, spare: false } });
    grid.nodes.lives.set(nodeRef(FILTER, 4), 1);
    await grid.helloRound();
    expect(grid.nodes.topologies.at(-1)!.topology.clusters[1]!.members).toHaveLength(4);
  });

  it('records a node that nobody admitted, once', async () => {
    const grid = await new SmallGrid().up();
    for (let i = 0; i < 3; i++) grid.plane.hello(nodeRef(FILTER, 77), 1);
    await grid.plane.settle();
    expect(grid.statusOf(FILTER, 77)).toBe('discovered');
    grid.plane.hello(nodeRef(99, 1), 1);
    await grid.plane.settle();
    expect((await eventTypes(grid)).filter((type) => type === 'NodeDiscovered')).toHaveLength(1);
  });

  it('tells when a publication is not acknowledged in time', async () => {
    const grid = await new SmallGrid().up();
    grid.nodes.published = () => undefined;
    await grid.submit({ type: 'AdmitNode', data: { cluster: FILTER, node: 4, weight: 1, spare: false } });
    grid.nodes.lives.set(nodeRef(FILTER, 4), 1);
    await grid.pass(1_200);
    expect(grid.alerts.map(({ text }) => text)).toEqual(['topology 2 is not yet installed by all live nodes']);
    expect(grid.plane.state.topology.live.at(-1)!.appliedAt).toBe(0);
  });

  it('gives a repeated command id its first outcome, and refuses expired commands', async () => {
    const grid = await new SmallGrid().up();
    const body = { type: 'DrainNode', data: { cluster: FILTER, node: 1, withinMs: 0, thenRemove: false } } as const;
    const first = await grid.submit(body, 'same');
    await grid.plane.settle();
    expect(await grid.submit(body, 'same')).toEqual(first);
    const late = await grid.plane.submit({ id: 'late', by: 'operator:test', deadline: grid.clock.now() - 1, body });
    expect(late).toMatchObject({ status: 'rejected', rejection: { reason: 'expired' } });
  });

  it('replay equals live, hash for hash, at every commit, machines included', async () => {
    const live: string[] = [];
    const grid = await new SmallGrid(3, undefined, 1_000, (state) => live.push(stateHash(canonicalState(state)))).up();
    grid.nodes.lives.delete(nodeRef(FILTER, 2));
    await grid.pass(100);
    await grid.submit({ type: 'DrainNode', data: { cluster: FILTER, node: 1, withinMs: 50, thenRemove: true } });
    await grid.pass(20);
    const replayed: string[] = [];
    (await commitsOf(grid)).reduce((before, commit) => {
      const after = evolveCommit(before, commit);
      replayed.push(stateHash(canonicalState(after)));
      return after;
    }, initialState());
    expect(replayed).toEqual(live);
    expect(live.at(-1)).toBe(grid.plane.stateHash());
    const machines = [...grid.plane.actorStates()].filter(([actor]) => !actor.startsWith('cluster'));
    await grid.plane.stop();
    const heir = grid.makePlane('MA-1');
    await heir.start();
    expect([...heir.actorStates()].filter(([actor]) => !actor.startsWith('cluster'))).toEqual(machines);
  });

  it('of two that both believe to lead, the log accepts one at a time, and nothing is lost or done twice', async () => {
    const store = createMemoryStore();
    const grid = await new SmallGrid(3, store).up();
    const first = grid.plane;
    const rival = createControlPlane({
      log: createMemoryLog({ store }),
      clock: grid.clock,
      timers: grid.clock,
      name: 'MB-1',
    });
    await rival.start();
    const body = (weight: number) => ({ type: 'ConfigureNode', data: { cluster: FILTER, node: 1, weight } }) as const;
    const deadline = grid.clock.now() + 1_000;
    const outcomes = await Promise.all([
      first.submit({ id: 'a', by: 'operator:test', deadline, body: body(2) }),
      rival.submit({ id: 'b', by: 'operator:test', deadline, body: body(3) }),
      first.submit({ id: 'a', by: 'operator:test', deadline, body: body(2) }),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(['accepted', 'accepted', 'accepted']);
    await first.settle();
    await rival.settle();
    const ids = (await commitsOf(grid)).map(({ commandId }) => commandId);
    expect(ids.filter((id) => id === 'a')).toHaveLength(1);
    expect(ids.filter((id) => id === 'b')).toHaveLength(1);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('starts from a snapshot to the same state', async () => {
    const store = createMemoryStore();
    const grid = await new SmallGrid(3, store, 5).up();
    await grid.plane.stop();
    const hash = grid.plane.stateHash();
    expect(store.snapshots.size).toBeGreaterThan(0);
    let folded = initialState();
    for (const commit of await commitsOf(grid)) folded = evolveCommit(folded, commit);
    expect(stateHash(canonicalState(folded))).toBe(hash);
    const heir = grid.makePlane('MB-1');
    await heir.start();
    await heir.settle();
    const full = (await commitsOf(grid)).reduce(evolveCommit, initialState());
    expect(heir.stateHash()).toBe(stateHash(canonicalState(full)));
    expect(heir.state.epoch).toBe(2);
  });

  it('FG-210: reads for a start what came after the newest snapshot, however long its history is', async () => {
    const every = 20;
    const grid = await new SmallGrid(3, createMemoryStore(), every).up();
    let isHistoryLong = false;
    while (!isHistoryLong) {
      grid.nodes.lives.delete(nodeRef(FILTER, 2));
      await grid.pass(40);
      grid.nodes.lives.set(nodeRef(FILTER, 2), 1);
      await grid.pass(40);
      isHistoryLong = grid.plane.state.seq > 10 * every;
    }
    await grid.plane.stop();
    let read = 0;
    const readAll = grid.log.read.bind(grid.log);
    grid.log.read = async (...range) => {
      const commits = await readAll(...range);
      read += commits.length;
      return commits;
    };
    const heir = grid.makePlane('MB-1');
    await heir.load();
    expect(heir.stateHash()).toBe(grid.plane.stateHash());
    // The commit of the snapshot and those behind it.
    expect(read).toBeLessThanOrEqual(1 + every);
    await heir.start();
    expect(heir.state.epoch).toBe(2);
    // And one for each live topology, which nodes are told again.
    expect(read).toBeLessThanOrEqual(1 + every + heir.state.topology.live.length);
  });

  it('carries on a suspicion that its predecessor began', async () => {
    const grid = await new SmallGrid().up();
    grid.nodes.lives.delete(nodeRef(FILTER, 2));
    await grid.pass(40);
    expect(grid.statusOf(FILTER, 2)).toBe('suspected');
    await grid.plane.stop();
    await grid.makePlane('MB-1').start();
    await grid.pass(60);
    expect(grid.statusOf(FILTER, 2)).toBe('failed');
    const failures = (await commitsOf(grid)).filter(({ events }) => events[0]!.type === 'NodeFailed');
    expect(failures).toHaveLength(1);
    expect(failures[0]!.commandId).toBe(`actor/node/2/2/${failures[0]!.cause}/0`);
  });

  it('makes the same log from the same inputs', async () => {
    const heads = await Promise.all(
      [1, 2].map(async () => {
        const grid = await new SmallGrid().up();
        grid.nodes.lives.delete(nodeRef(FILTER, 3));
        await grid.pass(150);
        return grid.plane.head;
      }),
    );
    expect(heads[0]).toEqual(heads[1]);
  });

  it.each([1, 2, 3, 4, 5, 6])(
    'loses and repeats nothing when appends fail with unknown outcome (seed %i)',
    async (seed) => {
      const grid = new SmallGrid();
      await grid.plane.start();
      grid.log.faults = { prng: createPrng(seed), rate: 0.4 };
      await grid.up();
      grid.nodes.lives.delete(nodeRef(FILTER, 1));
      await grid.pass(200);
      const commits = await commitsOf(grid);
      const ids = commits.map(({ commandId }) => commandId);
      expect(new Set(ids).size).toBe(ids.length);
      expect(grid.statusOf(FILTER, 1)).toBe('failed');
      expect(grid.nodes.topologies.at(-1)!.topology.clusters[1]!.members.map(({ node }) => node)).toEqual([2, 3]);
      expect(grid.plane.state.epoch).toBeGreaterThan(1);
      expect(stateHash(canonicalState(commits.reduce(evolveCommit, initialState())))).toBe(grid.plane.stateHash());
    },
  );

  it('waits for a condition in grid time', async () => {
    const grid = await new SmallGrid().up();
    const lost = grid.plane.until(
      ({ clusters }) => clusters[FILTER]!.nodes[2]!.status === 'failed' || undefined,
      1_000,
    );
    const never = grid.plane.until(({ clusters }) => clusters[EGRESS]!.nodes[9], 50);
    const isTimeout = expect(never).rejects.toMatchObject({ code: 'timeout' });
    grid.nodes.lives.delete(nodeRef(FILTER, 2));
    await grid.pass(100);
    expect(await lost).toBe(true);
    await isTimeout;
  });

  it('excuses silence over a gap in which nobody was expected to speak', async () => {
    const grid = await new SmallGrid().up();
    const now = grid.clock.now();
    grid.plane.excuseSilence(now, now + 60_000);
    grid.clock.advanceTo(now + 60_000);
    await grid.helloRound();
    expect(grid.statusOf(FILTER, 2)).toBe('active');
  });

  it('refuses commands once stopped', async () => {
    const grid = await new SmallGrid().up();
    await grid.plane.stop();
    const body = { type: 'RemoveNode', data: { cluster: FILTER, node: 1 } } as const;
    await expect(grid.submit(body)).rejects.toMatchObject({ code: 'closed' });
  });
});
