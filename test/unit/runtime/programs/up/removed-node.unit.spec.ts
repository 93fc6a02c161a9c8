import { nodeRef, type NodeRef } from '../../../../../domain/base/ids';
import type { NodeStatistics } from '../../../../../domain/node/statistics';
import { CLIENT_NETWORK, PublishedGrid } from '../../../../support/published-grid';
import { numbered, udp } from '../../../dataplane/node/frames';

const STAGE = 2;
const LAST = nodeRef(STAGE, 3);
const FLOWS = 24;
/** Rounds in which flows end, the node drains, and its removal is published and carried out. */
const SETTLED = 120;

async function begin(grid: PublishedGrid, port: number): Promise<void> {
  for (let i = 0; i < FLOWS; i++) {
    const ends = { from: '10.0.0.1', to: '10.9.0.1', fromPort: port + i, toPort: 53 };
    await grid.send(CLIENT_NETWORK, udp({ ...ends, payload: numbered(1) }));
  }
}

async function rounds(grid: PublishedGrid, n: number): Promise<void> {
  for (let i = 0; i < n; i++) await grid.round();
}

async function counted(grid: PublishedGrid, ref: NodeRef): Promise<NodeStatistics> {
  return (await grid.host.statistics()).find(({ node }) => node === ref)!;
}

describe('a node that was removed', () => {
  test('FG-156: is hosted no more once it carries nothing; admitted again it is a new life that carries flows', async () => {
    const grid = await new PublishedGrid({
      stages: [{ nodes: 3, failure: 'backup', selector: 'hash' }],
      selection: 'centralized',
      udpIdleMs: 300,
      apart: nodeRef(STAGE, 1),
    }).up();
    await begin(grid, 3000);
    await grid.scale(STAGE, 2);
    await grid.round();
    // It carries flows still.
    expect(grid.fleet.get(LAST)?.alive).toBe(true);

    await rounds(grid, SETTLED);
    expect(grid.control.state.clusters[STAGE]!.nodes[3]!.status).toBe('removed');
    expect(grid.fleet.get(LAST)).toBeUndefined();
    const last = await counted(grid, LAST);
    expect(last.received).toBeGreaterThan(0);
    await rounds(grid, 10);
    const later = await counted(grid, LAST);
    expect({ ...later, at: last.at }).toEqual(last);

    await rounds(grid, SETTLED);
    await grid.command({ type: 'AdmitNode', data: { cluster: STAGE, node: 3, weight: 1, spare: false } });
    await grid.conductor.obey();
    await grid.fleet.hostMembers(grid.control.state);
    await rounds(grid, 10);
    expect(grid.fleet.get(LAST)).toMatchObject({ alive: true, incarnation: 2 });
    await begin(grid, 4000);
    expect((await counted(grid, LAST)).received).toBeGreaterThan(0);
    expect(grid.left.size).toBe(2 * FLOWS);
  });
});
