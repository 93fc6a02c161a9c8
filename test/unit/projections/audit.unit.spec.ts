import {
  AuditTrail,
  FlowsProjection,
  momentOf,
  NOW,
  routeStory,
  stateAt,
  storyOf,
  viewOf,
  type When,
} from '../../../projections';
import { judgeLog } from '../../../projections/verdicts';
import { chains, commits, INGRESS, micros, START } from './told';
import { AB2, AC1, AC2, FLOW } from './verdicts/world';

function told() {
  const trail = new AuditTrail();
  for (const commit of commits()) trail.apply(commit);
  const flows = new FlowsProjection();
  for (const [chain, events] of chains()) flows.applyBatch(chain, 1, events);
  return { trail, flows, record: flows.find(FLOW)[0]! };
}

const at = (when: When) => momentOf(when, commits());

describe('moments', () => {
  it.each([
    [
      { kind: 'seq', seq: 5 },
      { seq: 5, at: START + 2_039 },
    ],
    [
      { kind: 'seq', seq: 7 },
      { seq: 7, at: Infinity },
    ],
    [
      { kind: 'time', at: START + 2_045 },
      { seq: 6, at: START + 2_045 },
    ],
    [
      { kind: 'offset', ms: 2_045 },
      { seq: 6, at: START + 2_045 },
    ],
    [
      { kind: 'time', at: START - 1 },
      { seq: 0, at: START - 1 },
    ],
  ] as const)('%j', (when, moment) => expect(at(when)).toEqual(moment));

  it('are now when nothing is said', () => expect(momentOf(undefined, commits())).toEqual(NOW));
});

describe('the state', () => {
  const stateOf = (moment = NOW) =>
    viewOf(stateAt(commits(), moment)).clusters[1]!.nodes.map((node) => `${node.name} ${node.state}`);

  it('is that of the moment asked for, in names', () => {
    expect(stateOf(at({ kind: 'seq', seq: 1 }))).toEqual([]);
    expect(stateOf(at({ kind: 'offset', ms: 2_035 }))).toEqual(['AB-1 active', 'AB-2 suspected', 'AB-3 active']);
    expect(stateOf()).toEqual(['AB-1 active', 'AB-2 failed', 'AB-3 active']);
    const view = viewOf(stateAt(commits(), NOW));
    expect(view.topology).toEqual({
      version: 2,
      wireId: 2,
      applied: 1,
      live: [
        { version: 1, wireId: 1, seq: 3 },
        { version: 2, wireId: 2, seq: 7 },
      ],
    });
    expect(view.links[1]).toEqual({ id: 2, name: 'VN-2', kind: 'switch', members: ['AB', 'AC'] });
    expect(view.paths).toEqual([{ id: 1, name: 'default', clusters: ['IA', 'AB', 'AC', 'IC'] }]);
  });

  it('goes on from a snapshot to the same', () => {
    const middle = stateAt(commits(), at({ kind: 'seq', seq: 4 }));
    expect(stateAt(commits(), NOW, middle)).toEqual(stateAt(commits(), NOW));
  });
});

describe('the history', () => {
  it('tells in words what changed in a span, with causes', () => {
    const { trail } = told();
    const history = trail.history({ kind: 'offset', ms: 2_035 }, at({ kind: 'offset', ms: 2_045 }));
    expect(history).toMatchObject([
      { seq: 6, cause: 5, events: [{ type: 'NodeFailed', what: 'AB-2 failed (incarnation 1)' }] },
    ]);
    expect(trail.history({ kind: 'seq', seq: 7 }, NOW).map((entry) => entry.seq)).toEqual([7]);
    expect(trail.history(undefined, NOW)).toHaveLength(7);
  });

  it('follows causes back to the command from outside', () => {
    expect(
      told()
        .trail.causes(7)
        .map(({ seq, what }) => `${seq} ${what}`),
    ).toEqual([
      '7 topology 2 was published under ID 2',
      '6 AB-2 failed (incarnation 1)',
      '5 AB-2 fell silent and is suspected',
    ]);
  });
});

describe('the story of a flow', () => {
  it('says what happened to it and why', () => {
    const { trail, record } = told();
    const lines = storyOf(record, trail).map(({ what, because }) => [what, ...because.map((cause) => cause.seq)]);
    expect(lines).toEqual([
      ['flow 0x01abcdef (web) started at EN-1 on default', 4, 3, 2],
      ['flow 0x01abcdef was taken over from AB-2 by AB-3', 6, 5],
      ['flow 0x01abcdef ended (fin)'],
    ]);
  });

  it('gives the routes before and after the takeover, each stop with its reason', () => {
    const { trail, record } = told();
    const stop = (ms: number) => routeStory(record, micros(ms), trail).route[1]!;
    expect(stop(1_000)).toMatchObject({ cluster: 'AB', node: 'AB-2', backup: 'AB-3', since: micros(100) });
    expect(stop(1_000).because.map((cause) => cause.seq)).toEqual([4, 3, 2]);
    expect(stop(3_000)).toMatchObject({ cluster: 'AB', node: 'AB-3', backup: 'AB-1', since: micros(2_032) });
    expect(stop(3_000).because.map((cause) => cause.seq)).toEqual([6, 5]);
    expect(routeStory(record, Infinity, trail)).toMatchObject({
      flow: '0x01abcdef',
      type: 'web',
      key: 'tcp 10.0.0.1:40312 10.0.0.2:80',
      at: micros(5_000),
      network: 'EN-1',
      wireId: 1,
    });
  });
});

describe('what a log shows of itself', () => {
  const judged = (
    changes: (flows: FlowsProjection) => void,
    snapshots: Parameters<typeof judgeLog>[0]['snapshots'] = [],
  ) => {
    const { flows, trail } = told();
    changes(flows);
    return judgeLog({ flows: flows.records(), names: trail.names, snapshots, damage: [] });
  };
  const base = { flow: FLOW, topologySeq: 7, at: micros(3_000) };

  it('holds for what it can show, and says of the rest that it was not observed', () => {
    const verdicts = judged(() => undefined, [{ seq: 4, live: 'a', rebuilt: 'a' }]);
    expect(verdicts).toMatchObject({
      affinity: 'held',
      pinnedTopology: 'held',
      replay: 'held',
      isolation: 'not observed',
    });
  });

  it('finds a flow that leaves a node on which it never was', () => {
    const moved = {
      type: 'FlowRerouted',
      ...base,
      reason: 'operator',
      from: AC2,
      to: AC2 - 1,
      effectiveAt: base.at,
    } as const;
    expect(judged((flows) => flows.apply(INGRESS, moved)).affinity).toBe('held');
    const strange = { ...moved, from: AC2 + 5, to: AC2 } as const;
    expect(judged((flows) => flows.apply(INGRESS, strange)).affinity).toMatch(
      /^broken: flow 0x01abcdef left AC-7 for AC-2/,
    );
  });

  it('finds a flow that goes to another cluster', () => {
    const moved = {
      type: 'FlowRerouted',
      ...base,
      reason: 'operator',
      from: AC1,
      to: AB2,
      effectiveAt: base.at,
    } as const;
    expect(judged((flows) => flows.apply(INGRESS, moved)).affinity).toMatch(
      /went from AC-1 to AB-2, which is of another cluster/,
    );
  });

  it('finds a re-pinning from a topology ID that the flow did not have', () => {
    const repinned = { type: 'FlowRepinned', ...base, fromWireId: 9, toWireId: 2 } as const;
    expect(judged((flows) => flows.apply(INGRESS, repinned)).pinnedTopology).toMatch(
      /left topology ID 9, which it did not have/,
    );
  });

  it('finds a snapshot that differs, and damage', () => {
    expect(judged(() => undefined, [{ seq: 4, live: 'a', rebuilt: 'b' }]).replay).toMatch(/^broken: at seq 4/);
    const { flows, trail } = told();
    const verdicts = judgeLog({
      flows: flows.records(),
      names: trail.names,
      snapshots: [],
      damage: ['topology 3 is missing'],
    });
    expect(verdicts.durability).toBe('broken: topology 3 is missing');
  });

  it('is not observed where no flow is told of', () => {
    const verdicts = judgeLog({ flows: [], names: told().trail.names, snapshots: [], damage: undefined });
    expect(Object.values(verdicts).every((verdict) => verdict === 'not observed')).toBe(true);
  });
});
