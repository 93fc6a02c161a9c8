import type { ScheduledCount } from '../../../../domain/autoscale/settings';
import { assess, type Situation } from '../../../../domain/autoscale/assess';
import { loadOf, loadOver, type ClusterLoad, type LoadSample, type NodeLoad } from '../../../../domain/autoscale/load';
import { nextScheduled, scheduledCount } from '../../../../domain/autoscale/schedule';
import { nodeLoad, settings } from './steered-cluster';
import { noFigures } from '../../projections/verdicts/world';

/** Saturday, 2 January 2021, 00:00 UTC. */
const SATURDAY = Date.UTC(2021, 0, 2);
const at = (hours: number, minutes = 0, day = 0): number => SATURDAY + ((day * 24 + hours) * 60 + minutes) * 60_000;

function sample(time: number, nodes: readonly NodeLoad[], latencyBuckets: readonly number[] = []): LoadSample {
  return { at: time, nodes, latencyBuckets };
}

function load(...flows: readonly number[]): ClusterLoad {
  const nodes = flows.map((each, i) => nodeLoad(i + 1, each));
  return loadOver([sample(0, nodes), sample(2_000, nodes)])!;
}

function situation(changes: Partial<Situation>): Situation {
  const members = [1, 2].map((node) => ({ node, weight: 1 }));
  const spares = [3, 4, 5].map((node) => ({ node, weight: 1 }));
  const weights = new Map([1, 2, 3, 4, 5].map((node) => [node, 1]));
  const common = { cluster: 5, settings: settings(), now: SATURDAY, members, spares, weights };
  return { ...common, load: undefined, record: undefined, isUnderWay: false, ...changes };
}

describe('assessing a cluster', () => {
  it('FG-350: tells every number that it decided on', () => {
    expect(assess(situation({ load: load(900, 800) }))).toEqual({
      cluster: 5,
      verdict: 'out',
      why: 'load',
      from: 2,
      to: 3,
      nodes: [3],
      metric: 'activeFlows',
      demand: 1_700,
      load: 850,
      expected: 567,
      least: 1,
      most: 100,
      below: 500,
      above: 800,
      windowMs: 2_000,
      measured: [
        expect.objectContaining({ node: 1, activeFlows: 900 }),
        expect.objectContaining({ node: 2, activeFlows: 800 }),
      ],
    });
  });

  it('FG-350: the fullest target decides', () => {
    const target = { activeFlows: 1000, throughputBps: 1_000_000 };
    const nodes = (bytes: number) => [nodeLoad(1, 300, { bytes }), nodeLoad(2, 300, { bytes })];
    const two = loadOver([sample(0, nodes(0)), sample(1_000, nodes(120_000))]);
    expect(assess(situation({ settings: settings({ target }), load: two }))).toMatchObject({
      verdict: 'out',
      metric: 'throughputBps',
      load: 960,
    });
  });

  it.each([
    ['nobody told loads', {}, 'no-loads'],
    ['the last change is under way', { isUnderWay: true, load: load(999, 999) }, 'under-way'],
    ['the load is in the band', { load: load(700, 600) }, 'in-band'],
    ['one node fewer would carry too much', { load: load(450, 450) }, 'enough'],
    ['there is no spare', { load: load(999, 999), spares: [] }, 'no-spare'],
    ['there may be no more', { load: load(999, 999), settings: settings({ max: 2 }) }, 'at-maximum'],
    ['there may be no fewer', { load: load(9, 9), settings: settings({ min: 2 }) }, 'at-minimum'],
  ] as const)('FG-351: stays while %s', (_, changes, why) => {
    expect(assess(situation(changes))).toMatchObject({ verdict: 'stay', why, from: 2, to: 2, nodes: [] });
  });

  it('FG-351: too few nodes, or too many, are set right without any load', () => {
    expect(assess(situation({ settings: settings({ min: 4 }) }))).toMatchObject({ why: 'minimum', nodes: [3, 4] });
    expect(assess(situation({ settings: settings({ max: 1 }) }))).toMatchObject({ why: 'maximum', nodes: [2] });
  });

  it('takes spares by what they can carry, and leaves with the highest', () => {
    const spares = [3, 4, 5].map((node) => ({ node, weight: 3 }));
    expect(assess(situation({ load: load(2000, 900), spares })).nodes).toEqual([3]);
    const members = [1, 2, 3, 4].map((node) => ({ node, weight: 1 }));
    expect(assess(situation({ load: load(300, 300, 300, 300), members })).nodes).toEqual([4, 3]);
  });
});

describe('FG-355: a schedule', () => {
  const office: ScheduledCount = { from: 465, until: 1_095, days: [1, 2, 3, 4, 5], nodes: 4, aheadMinutes: 10 };
  const night: ScheduledCount = { from: 1_380, until: 60, days: [6], nodes: 3, aheadMinutes: 0 };

  it.each([
    ['a Saturday', at(9), 0],
    ['Monday before its lead', at(7, 34, 2), 0],
    ['Monday with its lead', at(7, 35, 2), 4],
    ['Monday until it ends', at(18, 14, 2), 4],
    ['Monday when it has ended', at(18, 15, 2), 0],
    ['Saturday night', at(23), 3],
    ['the Sunday morning after it', at(0, 59, 1), 3],
    ['when that is over', at(1, 0, 1), 0],
  ])('wants on %s', (_, now, nodes) => {
    expect(scheduledCount([office, night], now)).toBe(nodes);
  });

  it('says when that changes next', () => {
    expect(nextScheduled([office, night], at(9))).toBe(at(23));
    expect(nextScheduled([office], at(9))).toBe(at(7, 35, 2));
    expect(nextScheduled([], at(9))).toBeUndefined();
  });

  it('adds nodes ahead of a rise, and keeps them while it lasts however low the load is', () => {
    const schedule = [office];
    const early = assess(situation({ settings: settings({ schedule }), now: at(7, 35, 2), load: load(600, 600) }));
    expect(early).toMatchObject({ verdict: 'out', why: 'schedule', to: 4, nodes: [3, 4], least: 4 });
    const members = [1, 2, 3, 4].map((node) => ({ node, weight: 1 }));
    const during = situation({ settings: settings({ schedule }), now: at(12, 0, 2), members, load: load(10, 10) });
    expect(assess(during)).toMatchObject({ verdict: 'stay', why: 'at-minimum' });
    expect(assess({ ...during, now: at(18, 15, 2) })).toMatchObject({ verdict: 'in', to: 1 });
  });

  it('wants no more than the cluster may have', () => {
    expect(assess(situation({ settings: settings({ schedule: [office], max: 3 }), now: at(9, 0, 2) }))).toMatchObject({
      to: 3,
    });
  });
});

describe('loads over a window', () => {
  it('are means of figures of now, and rates of counts', () => {
    const nodes = (flows: number, count: number) => [
      nodeLoad(1, flows, { utilisation: 10 * flows, flowsTaken: count, frames: 10 * count, bytes: 100 * count }),
    ];
    const samples = [sample(0, nodes(99, 50)), sample(1_000, nodes(10, 70)), sample(2_000, nodes(30, 90))];
    expect(loadOver(samples)).toEqual({
      from: 0,
      until: 2_000,
      latencyUs: 0,
      nodes: [
        {
          node: 1,
          activeFlows: 20,
          utilisation: 200,
          newFlowsPerSecond: 20,
          framesPerSecond: 200,
          throughputBps: 16_000,
        },
      ],
    });
    expect(loadOver(samples.slice(0, 1))).toBeUndefined();
  });

  it('do not count what a node counted before it came, and a node that was there for half of the time by half', () => {
    const one = nodeLoad(1, 100, { frames: 1_000 });
    const reborn = { ...one, incarnation: 2, frames: 400 };
    const load_ = loadOver([
      sample(0, [one]),
      sample(1_000, [one]),
      sample(2_000, [reborn, nodeLoad(2, 50, { frames: 9_000 })]),
    ])!;
    expect(load_.nodes.map(({ node, activeFlows, framesPerSecond }) => [node, activeFlows, framesPerSecond])).toEqual([
      [1, 100, 0],
      [2, 25, 0],
    ]);
  });

  it('know latency as the mean of the frames that left meanwhile, also where a node took its counts with it', () => {
    expect(loadOver([sample(0, [], [5]), sample(1_000, [], [8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])])!.latencyUs).toBe(385);
    expect(loadOver([sample(0, [], [5, 9]), sample(1_000, [], [8, 2])])!.latencyUs).toBe(2);
  });

  it('come from what nodes count', () => {
    const statistics = { ...noFigures(5 * 128 + 3), flowsPrimary: 7, received: 10, externalIn: 1, bytesReceived: 900 };
    expect(loadOf(3, statistics, 12)).toMatchObject({
      node: 3,
      activeFlows: 7,
      flowsTaken: 12,
      frames: 11,
      bytes: 900,
    });
  });
});
