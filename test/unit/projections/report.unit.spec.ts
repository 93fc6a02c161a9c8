import {
  buildReport,
  failuresOf,
  FlowsProjection,
  NOW,
  percentile,
  reportText,
  stateAt,
  StatisticsProjection,
  withNotices,
} from '../../../projections';
import { createChecker } from '../../../projections/verdicts';
import { chains, commits, INGRESS, micros, OTHER_FLOW } from './told';
import { AB1, AB2, AB3, AC1, FLOW, IA1, IC1, noFigures, payloadOf } from './verdicts/world';

function flows(): FlowsProjection {
  const projection = new FlowsProjection();
  for (const [chain, events] of chains()) projection.applyBatch(chain, 1, events);
  return projection;
}

describe('failures', () => {
  const kill = { node: AB2, atFrame: 10_000, at: micros(2_005) };

  it('count, by the log, the flows on the node and what became of them', () => {
    expect(failuresOf(commits(), flows().records(), [kill])).toEqual([
      { ...kill, detectedMs: 35, flowsOnNode: 1, takenOver: 1, rerouted: 0, discarded: 0 },
    ]);
  });

  it('count from the last sign of life where nobody tells of a kill', () => {
    expect(failuresOf(commits(), flows().records())).toMatchObject([{ node: AB2, atFrame: -1, detectedMs: 40 }]);
  });

  it('tell when the first neighbour noticed, and how many did, each failure by its own notices', () => {
    const other = { node: AC1, atFrame: 15_000, at: micros(2_990) };
    const found = withNotices(failuresOf(commits(), flows().records(), [kill, other]), [
      { node: AB2, by: AC1, at: micros(2_045) },
      { node: AB2, by: IA1, at: micros(2_035) },
      { node: AB2, by: IA1, at: micros(2_036) },
      { node: AB2, by: AC1, at: micros(2_000) },
    ]);
    expect(found.map(({ noticedMs, noticedBy }) => [noticedMs, noticedBy])).toEqual([
      [30, 2],
      [undefined, undefined],
    ]);
  });

  it('list a kill that nobody has noticed, and tell rerouted from given up', () => {
    const told = flows();
    const base = {
      topologySeq: 4,
      at: micros(3_000),
      effectiveAt: micros(3_000),
      reason: 'failed',
      from: AC1,
    } as const;
    told.apply(INGRESS, { type: 'FlowRerouted', flow: FLOW, ...base, to: AC1 + 1 });
    told.apply(INGRESS, { type: 'FlowRerouted', flow: OTHER_FLOW, ...base, to: 0 });
    const found = failuresOf(commits(), told.records(), [kill, { node: AC1, atFrame: 15_000, at: micros(2_990) }]);
    expect(found[1]).toEqual({
      node: AC1,
      atFrame: 15_000,
      at: micros(2_990),
      detectedMs: -1,
      flowsOnNode: 1,
      takenOver: 0,
      rerouted: 1,
      discarded: 1,
    });
  });
});

describe('statistics', () => {
  it('sum the newest figures of every incarnation, per node, cluster and grid', () => {
    const statistics = new StatisticsProjection();
    statistics.observe({ ...noFigures(AB1), at: 2, received: 10, bytesReceived: 900, dropped: { duplicate: 2 } });
    statistics.observe({ ...noFigures(AB1), at: 1, received: 7 });
    statistics.observe({ ...noFigures(AB1), at: 9, incarnation: 2, received: 5, dropped: { duplicate: 1, fenced: 1 } });
    statistics.observe({ ...noFigures(AB3), at: 1, received: 1, flowsBackup: 4 });
    statistics.observe({ ...noFigures(IA1), at: 1, externalIn: 20 });
    expect(statistics.node(AB1)).toMatchObject({ frames: 15, bytes: 900, dropped: { duplicate: 3, fenced: 1 } });
    expect(statistics.cluster(2)).toMatchObject({ frames: 16, backups: 4 });
    expect(statistics.grid()).toMatchObject({ frames: 36, entered: 20 });
    const resumed = StatisticsProjection.restore(JSON.parse(JSON.stringify(statistics.checkpoint())))!;
    expect(resumed.grid()).toEqual(statistics.grid());
    expect(StatisticsProjection.restore({ ...statistics.checkpoint(), version: 0 })).toBeUndefined();
  });

  it('count links by taps and flows by their ends', () => {
    const statistics = new StatisticsProjection();
    const tap = { at: 0, network: 0, link: 2, from: AB1, to: AC1, frameNo: 0, bytes: payloadOf(0) } as const;
    statistics.observeTap({ kind: 'sent', ...tap });
    statistics.observeTap({ kind: 'sent', ...tap });
    statistics.observeTap({ kind: 'lost', ...tap });
    statistics.observeTap({ kind: 'left', ...tap, network: 1, link: 0 });
    for (const [, events] of chains()) events.forEach((event) => statistics.observeFlowEvent(event));
    expect(statistics.link(2)).toEqual({ frames: 2, bytes: 120, lost: 1 });
    expect(statistics.link(3)).toEqual({ frames: 0, bytes: 0, lost: 0 });
    expect(statistics.flow(FLOW)).toEqual({ packets: [10, 9], bytes: [1_000, 900] });
  });

  it.each([
    [[], 0.5, 0],
    [[4], 0.99, 1],
    [[0, 0, 50, 49, 1], 0.5, 7],
    [[0, 0, 50, 49, 1], 0.99, 15],
    [[0, 0, 50, 49, 1], 1, 31],
  ])('bound percentiles of %j: share %d is under %d µs', (buckets, share, bound) =>
    expect(percentile(buckets, share)).toBe(bound),
  );
});

describe('the report', () => {
  function report() {
    const statistics = new StatisticsProjection();
    statistics.observe({
      ...noFigures(AB3),
      received: 12,
      bytesReceived: 1_200,
      suppressed: 3,
      latencyBuckets: [0, 0, 9, 1],
    });
    statistics.observe({ ...noFigures(IC1), dropped: { runt: 1, duplicate: 2 }, consumed: 1 });
    const records = [...flows().records()];
    const checker = createChecker();
    checker.observe({ kind: 'entered', at: 0, network: 1, link: 0, from: 0, to: IA1, frameNo: 0, bytes: payloadOf(0) });
    return buildReport({
      source: 'mixed.pcap',
      seed: 7,
      elapsedMs: 1_234,
      state: stateAt(commits(), NOW),
      flows: records,
      floods: [],
      statistics,
      failures: failuresOf(commits(), records, [{ node: AB2, atFrame: 10_000, at: micros(2_005) }]),
      verdicts: checker.verdicts(),
      figures: checker.figures(),
      topologies: { published: 2, retired: 0 },
      kernels: 'wasm',
      log: { seq: 7, bytes: 4_096, head: 'ab'.repeat(32) },
    });
  }

  it('has the fields that scripts depend on, and no others', () => {
    const cluster = report().clusters.find(({ name }) => name === 'AB')!;
    const node = cluster.nodes.find(({ name }) => name === 'AB-3');
    expect({ ...report(), clusters: undefined }).toEqual({
      grid: 'paper',
      source: 'mixed.pcap',
      seed: 7,
      elapsedMs: 1_234,
      frames: {
        in: 1,
        out: 0,
        consumed: 1,
        dropped: { duplicate: 2, runt: 1 },
        shadow: 3,
        replica: 0,
        created: 0,
        bridged: 0,
        altered: 0,
        alteredFlows: 0,
        mtu: { answered: 0, fragmented: 0, clamped: 0 },
      },
      flows: { started: 2, ended: 2, active: 0, resynchronised: 0, byType: { web: 2 } },
      flood: { frames: 0, untracked: 0, began: 0 },
      failures: [
        {
          node: 'AB-2',
          atFrame: 10_000,
          detectedMs: 35,
          noticedMs: -1,
          noticedBy: 0,
          flowsOnNode: 1,
          takenOver: 1,
          rerouted: 0,
          discarded: 0,
          framesLost: 0,
          framesDuplicated: 0,
        },
      ],
      topology: { version: 2, wireId: 2, published: 2, retired: 0 },
      invariants: createChecker().verdicts(),
      kernels: 'wasm',
      log: { seq: 7, bytes: 4_096, head: 'ab'.repeat(32) },
    });
    expect({ ...cluster, nodes: undefined }).toEqual({
      id: 2,
      name: 'AB',
      policy: 'backup',
      selector: 'hash',
      imbalance: 1,
    });
    expect(node).toEqual({
      id: 3,
      name: 'AB-3',
      state: 'active',
      flows: 1,
      frames: 12,
      bytes: 1_200,
      latencyUs: { p50: 7, p99: 15 },
    });
  });

  it('reads as text', () => {
    const text = reportText(report()).join('\n');
    expect(text).toContain('Grid paper, fed with mixed.pcap (seed 7, 1.2 s, kernels wasm)');
    expect(text).toContain('Failure of AB-2 at frame 10,000: detected after 35 ms');
    expect(text).toContain('of 1 flows 1 were taken over, 0 rerouted, 0 given up');
    expect(text).toMatch(/pinned topology +not observed/);
  });
});
