import { createPrng } from '../../../../domain/base/prng';
import { nodeRef } from '../../../../domain/base/ids';
import { freeWireIds, nextWireId, QUARANTINE_MS, WIRE_ID_MAX } from '../../../../domain/topology/wire-ids';
import { NO_TOPOLOGY, type LiveTopology, type TopologyState } from '../../../../domain/topology/state';
import { EGRESS, FILTER, INGRESS, SmallGrid } from './small-grid';

const live = (version: number, wireId: number): LiveTopology => ({
  version,
  wireId,
  seq: version,
  publishedAt: 0,
  appliedAt: 1,
  heldUntil: 0,
  repinTo: 0,
});

/** Publishes another topology: an ANODE's weight changes. */
async function republish(grid: SmallGrid, weight: number): Promise<void> {
  await grid.submit({ type: 'ConfigureNode', data: { cluster: FILTER, node: 1, weight } });
  await grid.plane.settle();
}

describe('wire IDs', () => {
  it('are given in turn, so that each rests as long as possible', () => {
    const state: TopologyState = { ...NO_TOPOLOGY, live: [live(1, 1), live(3, 3)] };
    expect(nextWireId(state, 0)).toBe(2);
    expect(nextWireId({ ...state, quarantine: [{ wireId: 2, freeAt: 50 }] }, 49)).toBe(4);
    expect(nextWireId({ ...state, quarantine: [{ wireId: 2, freeAt: 50 }] }, 50)).toBe(2);
  });

  it('run out at 255', () => {
    const all = Array.from({ length: WIRE_ID_MAX }, (_, i) => live(i + 1, i + 1));
    expect(nextWireId({ ...NO_TOPOLOGY, live: all }, 0)).toBe(0);
    expect(freeWireIds({ ...NO_TOPOLOGY, live: all }, 0)).toBe(0);
  });

  it.each([11, 12])(
    'over 600 publications are exhausted, re-used and re-pinned, and never name two topologies that live (seed %i)',
    async (seed) => {
      const prng = createPrng(seed);
      const grid = await new SmallGrid().up();
      // Flows by wire ID: some end soon, one lives throughout and is re-pinned when it is asked to.
      const pinned = grid.nodes.stampedWire;
      grid.nodes.carried.add(pinned);
      const bearers = new Map<number, number>([[pinned, 1]]);
      let reused = 0;
      for (let publication = 2; publication <= 600; publication++) {
        const before = new Set([...grid.nodes.carried, grid.nodes.stampedWire]);
        await republish(grid, 1 + (publication % 100));
        const newest = grid.nodes.topologies.at(-1)!.topology;
        expect(newest.version).toBe(publication);
        // Safety: no flow carries the ID that the new topology was given.
        expect(before.has(newest.wireId)).toBe(false);
        if (bearers.has(newest.wireId)) reused++;
        bearers.set(newest.wireId, publication);
        if (prng.below(3) === 0) grid.nodes.carried.add(newest.wireId);
        // The first one never ends by itself.
        for (const wire of [...grid.nodes.carried].slice(1)) if (prng.below(20) === 0) grid.nodes.carried.delete(wire);
        grid.nodes.report();
        await grid.plane.settle();
        grid.clock.advanceTo(grid.clock.now() + 9);
        await grid.helloRound();
      }
      expect(reused).toBeGreaterThan(300);
      const { topology } = grid.plane.state;
      const wires = topology.live.map(({ wireId }) => wireId);
      expect(new Set(wires).size).toBe(wires.length);
    },
  );

  it('are re-pinned when scarce, and publication waits and alerts when none is free', async () => {
    const grid = await new SmallGrid().up();
    // Every topology keeps a flow, and nobody obeys a re-pin.
    const moves: number[] = [];
    grid.nodes.repin = ({ version }) => void moves.push(version);
    for (let publication = 2; publication <= 256; publication++) {
      grid.nodes.carried.add(grid.nodes.stampedWire);
      await republish(grid, 1 + (publication % 100));
    }
    expect(grid.plane.state.topology.version).toBe(255);
    expect(moves[0]).toBe(1);
    expect(moves).toHaveLength(32);
    expect(grid.alerts.map(({ text }) => text)).toEqual(['no topology ID is free: publication waits']);
    // Two flows end: their topology is retired, rests, and only then is its ID given again.
    grid.nodes.carried.delete(grid.nodes.topologies[0]!.topology.wireId);
    grid.nodes.report();
    await grid.plane.settle();
    expect(grid.nodes.retiredVersions).toEqual([1]);
    await grid.pass(QUARANTINE_MS - 10);
    expect(grid.plane.state.topology.version).toBe(255);
    await grid.pass(20);
    expect(grid.plane.state.topology.version).toBe(256);
    expect(grid.plane.state.topology.latest!.wireId).toBe(1);
  });

  it('are kept for flows that began after their FNODE last said what it carries', async () => {
    const grid = await new SmallGrid().up();
    grid.nodes.report();
    // Two topologies are stamped, one after the other, and flows begin, before the next report.
    grid.nodes.applied = (_version, wireId) => {
      grid.nodes.carried.add(grid.nodes.stampedWire);
      grid.nodes.stampedWire = wireId;
    };
    await republish(grid, 2);
    await republish(grid, 3);
    await republish(grid, 4);
    expect(grid.nodes.retiredVersions).toEqual([]);
    grid.nodes.carried.delete(2);
    grid.nodes.report();
    await grid.plane.settle();
    expect(grid.nodes.retiredVersions).toEqual([2]);
  });

  it('that rest count as coming: no more flows are asked to move than IDs are missing', async () => {
    const grid = await new SmallGrid().up();
    for (let publication = 2; publication <= 240; publication++) {
      grid.nodes.carried.add(grid.nodes.stampedWire);
      await republish(grid, 1 + (publication % 100));
    }
    // Every move is obeyed at once, and its ID rests: one ID was missing for each publication beyond 223.
    expect(grid.nodes.moves).toHaveLength(240 - 223);
    expect(grid.nodes.retiredVersions).toHaveLength(240 - 223);
  });

  it('are not freed before the flows of a dead FNODE can have ended', async () => {
    const grid = await new SmallGrid().up();
    await republish(grid, 2);
    grid.nodes.carried.add(grid.nodes.stampedWire);
    grid.nodes.report();
    await republish(grid, 3);
    grid.nodes.lives.delete(nodeRef(INGRESS, 1));
    await grid.pass(100);
    expect(grid.statusOf(INGRESS, 1)).toBe('failed');
    grid.nodes.carried.clear();
    grid.nodes.report();
    await grid.plane.settle();
    expect(grid.nodes.retiredVersions).not.toContain(2);
    const heldUntil = grid.plane.state.topology.live.find(({ version }) => version === 2)!.heldUntil;
    grid.plane.excuseSilence(grid.clock.now(), heldUntil);
    grid.clock.advanceTo(heldUntil);
    await grid.helloRound();
    expect(grid.nodes.retiredVersions).toContain(2);
    expect(grid.statusOf(EGRESS, 1)).toBe('active');
  });
});
