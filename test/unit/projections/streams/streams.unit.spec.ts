import { nodeRef } from '../../../../domain/base/ids';
import { StatisticsStreams, type ClusterStream } from '../../../../projections';
import { EGRESS, FILTER, INGRESS, SmallGrid, START } from '../../runtime/control/small-grid';
import { atMs, reading, told } from './readings';

const IA = nodeRef(INGRESS, 1);
const AB1 = nodeRef(FILTER, 1);
const AB2 = nodeRef(FILTER, 2);
const AB3 = nodeRef(FILTER, 3);
const IC = nodeRef(EGRESS, 1);
const ALL = [IA, AB1, AB2, AB3, IC];

const NOBODY = {
  nodes: 0,
  frames: 0,
  linkBits: 0,
  flowBits: 0,
  entered: 0,
  left: 0,
  newFlows: 0,
  endedFlows: 0,
  dropped: 0,
};

describe('statistics as streams', () => {
  let grid: SmallGrid;

  beforeAll(async () => {
    grid = await new SmallGrid().up();
  });

  const cluster = (streams: StatisticsStreams, name: string, seconds: number): ClusterStream =>
    told(streams, grid, seconds).clusters.find((each) => each.cluster === name)!;

  test('FG-332: sums, rates and states of the grid and of each cluster are those of the nodes', () => {
    const streams = new StatisticsStreams(START);
    for (const node of ALL) streams.observe(reading(node, 1), atMs(1));
    const latencyBuckets = [0, 0, 0, 98, 0, 0, 2];
    const type = { flowType: 1, live: 3, started: 5, ended: 2, packets: 100, bytes: 8_000 };
    streams.observe(
      reading(IA, 3, {
        externalIn: 100,
        flowsStarted: 5,
        flowsEnded: 2,
        flowsPrimary: 3,
        types: [type],
        utilisation: 500,
      }),
      atMs(3),
    );
    streams.observe(
      reading(AB1, 3, {
        received: 100,
        bytesReceived: 9_000,
        bytesSent: 8_000,
        flowsPrimary: 3,
        congested: true,
        dropped: { runt: 4 },
      }),
      atMs(3),
    );
    streams.observe(reading(AB2, 3, { received: 100, bytesReceived: 9_000, flowsBackup: 3 }), atMs(3));
    streams.observe(reading(AB3, 3), atMs(3));
    streams.observe(
      reading(IC, 3, { received: 96, bytesReceived: 8_640, bytesSent: 5_000, externalOut: 96, latencyBuckets }),
      atMs(3),
    );
    const { grid: whole, types } = told(streams, grid, 3.5);
    expect(whole).toMatchObject({
      grid: 'small',
      by: 'MA-1',
      at: atMs(3.5),
      since: START,
      epoch: grid.plane.state.epoch,
      topology: { version: grid.plane.state.topology.version, stamped: grid.plane.state.topology.version, live: 1 },
      nodes: { active: 5, admitted: 1 },
      heard: 5,
      silent: 0,
      oldestMs: 500,
      flows: 6,
      backups: 3,
      congested: 1,
      utilisation: { most: 500, mean: 100 },
      latencyUs: { p50: 15, p90: 15, p99: 127 },
      perSecond: {
        nodes: 5,
        frames: 198,
        linkBits: (8 * 13_000) / 2,
        flowBits: (8 * 8_000) / 2,
        entered: 50,
        left: 48,
        newFlows: 2.5,
        endedFlows: 1,
        dropped: 2,
      },
      counts: {
        entered: 100,
        left: 96,
        frames: 396,
        bytes: 26_640,
        flowsStarted: 5,
        flowsEnded: 2,
        dropped: { runt: 4 },
      },
    });
    expect(cluster(streams, 'AB', 3.5)).toMatchObject({
      role: 'anode',
      flows: 3,
      backups: 3,
      latencyUs: null,
      perSecond: { nodes: 3, frames: 100 },
      counts: { frames: 200, dropped: { runt: 4 } },
    });
    expect(types).toEqual([
      expect.objectContaining({
        flowType: 1,
        name: 'all',
        flows: 3,
        started: 5,
        ended: 2,
        packets: 100,
        bytes: 8_000,
        perSecond: { newFlows: 2.5, packets: 50, bits: 32_000 },
      }),
    ]);
  });

  test('FG-333: what goes between two nodes counts for the link between them, each way by itself', async () => {
    const linked = await new SmallGrid().up();
    await linked.submit({
      type: 'CreateVirtualLink',
      data: {
        id: 1,
        name: 'VN-1',
        kind: 'switch',
        members: [{ cluster: INGRESS }, { cluster: FILTER }],
        control: false,
        mtu: 9000,
      },
    });
    await linked.helloRound();
    const streams = new StatisticsStreams(START);
    streams.observe(reading(IA, 1), atMs(1));
    streams.observe(
      reading(IA, 2, {
        hops: [
          { to: AB1, frames: 6, bytes: 600 },
          { to: AB2, frames: 4, bytes: 400 },
          { to: IC, frames: 1, bytes: 50 },
        ],
      }),
      atMs(2),
    );
    streams.observe(reading(AB1, 2, { hops: [{ to: IA, frames: 3, bytes: 300 }] }), atMs(2));
    const { links } = told(streams, linked, 2);
    expect(links).toEqual([
      expect.objectContaining({
        link: 'VN-1',
        kind: 'switch',
        frames: 13,
        bytes: 1_300,
        perSecond: { frames: 10, bits: 8_000 },
        directions: [
          { from: 'IA', to: 'AB', frames: 10, bytes: 1_000, perSecond: { frames: 10, bits: 8_000 } },
          { from: 'AB', to: 'IA', frames: 3, bytes: 300, perSecond: { frames: 0, bits: 0 } },
        ],
      }),
    ]);
  });

  test('FG-334: a node that falls silent is named, with the age of its figures; its states and rates are not told on, its counts stay', () => {
    const streams = new StatisticsStreams(START);
    for (const at of [1, 2]) {
      for (const node of [AB1, AB2])
        streams.observe(reading(node, at, { received: 10 * at, flowsPrimary: 4 }), atMs(at));
    }
    streams.observe(reading(AB1, 3, { received: 30, flowsPrimary: 4 }), atMs(3));
    expect(cluster(streams, 'AB', 3)).toMatchObject({
      flows: 8,
      perSecond: { nodes: 2, frames: 20 },
      counts: { frames: 50 },
    });
    streams.observe(reading(AB1, 6, { received: 60, flowsPrimary: 4 }), atMs(6));
    expect(cluster(streams, 'AB', 6)).toMatchObject({
      flows: 4,
      perSecond: { nodes: 1, frames: 10 },
      counts: { frames: 80 },
      nodes: [
        { node: 'AB-1', status: 'active', incarnation: 1, ageMs: 0, silent: false },
        { node: 'AB-2', status: 'active', incarnation: 1, ageMs: 4_000, silent: true },
        { node: 'AB-3', status: 'active', incarnation: 1, ageMs: null, silent: true },
        { node: 'AB-4', status: 'admitted', incarnation: 0, ageMs: null, silent: false },
      ],
    });
    const whole = told(streams, grid, 6).grid;
    expect(whole).toMatchObject({ heard: 1, silent: 4, silentNodes: ['IA-1', 'AB-2', 'AB-3', 'IC-1'], oldestMs: 0 });
    expect(told(streams, grid, 20).grid).toMatchObject({
      heard: 0,
      silent: 5,
      oldestMs: null,
      utilisation: null,
      perSecond: NOBODY,
    });
  });

  test('FG-335: a new life counts from zero: sums go on from the last one, and no rate is told until it was read twice', () => {
    const streams = new StatisticsStreams(START);
    const life = (incarnation: number, at: number, received: number): void =>
      streams.observe(
        reading(AB1, at, { incarnation, received, hops: [{ to: IC, frames: received, bytes: received }] }),
        atMs(at),
      );
    life(1, 1, 1_000);
    life(1, 2, 1_500);
    life(2, 3, 10);
    expect(cluster(streams, 'AB', 3)).toMatchObject({ perSecond: NOBODY, counts: { frames: 1_510 } });
    life(1, 2.5, 1_700);
    life(2, 4, 30);
    life(2, 3, 10);
    // The old life goes on somewhere, by a clock that is ahead.
    life(1, 9, 1_900);
    expect(cluster(streams, 'AB', 4)).toMatchObject({ perSecond: { nodes: 1, frames: 20 }, counts: { frames: 1_530 } });
  });

  test('FG-335: figures of a life that the log holds over say nothing of the one that it knows', async () => {
    const failing = await new SmallGrid().up();
    const streams = new StatisticsStreams(START);
    const read = (at: number): void =>
      streams.observe(reading(AB3, at, { received: 100 * at, flowsPrimary: 2 }), atMs(at));
    read(1);
    read(2);
    failing.nodes.lives.delete(AB3);
    await failing.pass(200);
    expect(failing.statusOf(FILTER, 3)).toBe('failed');
    const ab = told(streams, failing, 2).clusters.find((each) => each.cluster === 'AB')!;
    expect(ab).toMatchObject({ flows: 0, perSecond: NOBODY, counts: { frames: 200 } });
    expect(ab.nodes[2]).toEqual({ node: 'AB-3', status: 'failed', incarnation: 1, ageMs: 0, silent: false });
    expect(told(streams, failing, 2).grid.nodes).toEqual({ active: 4, failed: 1, admitted: 1 });
  });

  test('before there is a grid nothing is told', () => {
    const streams = new StatisticsStreams(START);
    expect(streams.streams(new SmallGrid().plane.state, { name: 'MA-1', now: START })).toBeUndefined();
  });
});
