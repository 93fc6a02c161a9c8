import fc from 'fast-check';
import type { ChainId } from '../../../domain/base/ids';
import type { FlowEvent } from '../../../domain/flow/events';
import { canonicalAddress, FlowsProjection, livesAt, overAt, pinnedAt, routeAt } from '../../../projections';
import { chains, ENDED, INGRESS, micros, OTHER_FLOW, started, TAKEN_OVER } from './told';
import { AB1, AB2, AB3, AC1, AC2, FLOW, IA1, IC1 } from './verdicts/world';

function folded(order = chains()): FlowsProjection {
  const flows = new FlowsProjection();
  for (const [chain, events] of order) flows.applyBatch(chain, 1, events);
  return flows;
}

const nodesAt = (flows: FlowsProjection, ms: number) =>
  routeAt(flows.find(FLOW)[0]!, micros(ms)).map((stop) => stop.node);

describe('flows', () => {
  it('give the route in force before, at and after a takeover, with the change that made it so', () => {
    const flows = folded();
    expect(nodesAt(flows, 2_031)).toEqual([IA1, AB2, AC1, IC1]);
    expect(nodesAt(flows, 2_032)).toEqual([IA1, AB3, AC1, IC1]);
    const [, stop] = routeAt(flows.find(FLOW)[0]!, Infinity);
    expect(stop).toEqual({ node: AB3, backup: AB1, because: { chain: chains()[1]![0], event: TAKEN_OVER } });
  });

  it('FG-167: tell of floods beside the flows, each with its end', () => {
    const flows = folded();
    const base = { flow: 0, topologySeq: 7 };
    const began = { type: 'FloodBegan', ...base, at: micros(4_000), cause: 'tables' } as const;
    const ended = { type: 'FloodEnded', ...base, at: micros(5_000), frames: 12 } as const;
    const records = [...flows.records()].length;
    flows.apply(INGRESS, began);
    flows.apply('3/1@1', { ...began, at: micros(4_500), cause: 'rate' });
    flows.apply(INGRESS, ended);
    expect(flows.floods).toEqual([
      { chain: INGRESS, began, ended },
      { chain: '3/1@1', began: { ...began, at: micros(4_500), cause: 'rate' } },
    ]);
    expect([...flows.records()]).toHaveLength(records);
    const resumed = FlowsProjection.restore(JSON.parse(JSON.stringify(flows.checkpoint())))!;
    expect(resumed.floods).toEqual(flows.floods);
  });

  it.each(['before', 'behind'])('FG-325: join a secondary flow to its primary, told %s that one began', (order) => {
    const SECONDARY = 0x02000009;
    const bound: FlowEvent = {
      type: 'FlowBound',
      at: micros(1_500),
      flow: SECONDARY,
      topologySeq: 7,
      parent: FLOW,
      by: AB2,
    };
    const opened: FlowEvent = {
      ...started(),
      flow: SECONDARY,
      at: micros(1_500),
      network: 0,
      path: 0,
      route: [AB2, AC1, IC1],
    };
    const exit = [`${IC1 >> 7}/1@1`, [opened, bound]] as const;
    const flows = folded(order === 'before' ? [exit, ...chains()] : [...chains(), exit]);
    const [primary, secondary] = [flows.find(FLOW)[0]!, flows.find(SECONDARY)[0]!];
    expect(flows.relativesOf(primary)).toEqual({ primary: undefined, secondary: [secondary] });
    expect(flows.relativesOf(secondary)).toEqual({ primary, secondary: [] });
    expect(routeAt(secondary, Infinity).map(({ node }) => node)).toEqual([AB2, AC1, IC1]);
    const resumed = FlowsProjection.restore(JSON.parse(JSON.stringify(flows.checkpoint())))!;
    expect(resumed.relativesOf(resumed.find(FLOW)[0]!).secondary).toHaveLength(1);
  });

  it('follow several moves, a give-up and a re-pinning', () => {
    const flows = folded();
    const base = { flow: FLOW, topologySeq: 7 };
    const at = micros(3_000);
    flows.apply(INGRESS, {
      type: 'FlowRerouted',
      ...base,
      at,
      reason: 'operator',
      from: AC1,
      to: AC2,
      effectiveAt: at,
    });
    flows.apply(INGRESS, { type: 'FlowRepinned', ...base, at, fromWireId: 1, toWireId: 2 });
    flows.apply(INGRESS, {
      type: 'FlowRerouted',
      ...base,
      at: at + 5,
      reason: 'failed',
      from: AC2,
      to: 0,
      effectiveAt: at + 5,
    });
    expect(nodesAt(flows, 3_000)).toEqual([IA1, AB3, AC2, IC1]);
    expect(nodesAt(flows, 3_001)).toEqual([IA1, AB3, 0, IC1]);
    const [record] = flows.find(FLOW);
    expect(pinnedAt(record!, at - 1)).toEqual({ wireId: 1, seq: 4 });
    expect(pinnedAt(record!, at)).toEqual({ wireId: 2, seq: 7 });
  });

  it('do not move twice when neighbours on both sides tell of the same move', () => {
    const flows = folded();
    flows.apply(INGRESS, { ...TAKEN_OVER, at: micros(2_040) } as FlowEvent);
    expect(nodesAt(flows, 4_000)).toEqual([IA1, AB3, AC1, IC1]);
  });

  it('fill in from the egress what the ingress had not chosen', () => {
    const flows = new FlowsProjection();
    const unchosen = [IA1, AB2, 3 << 7, 4 << 7];
    flows.apply(INGRESS, started({ route: unchosen, backups: [0, AB3, 0, 0] }));
    flows.apply('4/1@1', started({ observedAs: 'egress', at: micros(101), start: 'first-packet' }));
    const [record] = flows.find(FLOW);
    expect(record!.route).toEqual([IA1, AB2, AC1, IC1]);
    expect(record!.started?.start).toBe('syn');
  });

  it('keep the lives of an ID apart, in whatever order the chains come', () => {
    const again = started({ at: micros(100_000), route: [IA1, AB1, AC1, IC1] });
    const takeover: FlowEvent = {
      ...TAKEN_OVER,
      from: AB1,
      at: micros(101_000),
      effectiveAt: micros(101_000),
    } as FlowEvent;
    const order: [ChainId, FlowEvent[]][] = [
      [INGRESS, [started(), ENDED, again]],
      ['2/3@1', [TAKEN_OVER, takeover]],
    ];
    for (const told of [order, [...order].reverse()]) {
      const lives = folded(told).find(FLOW);
      expect(lives.map((life) => life.changes.map(({ event }) => event))).toEqual([[TAKEN_OVER], [takeover]]);
      expect(lives.map((life) => livesAt(life, micros(50_000)))).toEqual([false, false]);
      expect(lives.map((life) => livesAt(life, micros(101_000)))).toEqual([false, true]);
    }
  });

  it('begin a new life where the end of the one before was never told', () => {
    const again = started({ at: micros(100_000), route: [IA1, AB1, AC1, IC1] });
    const flows = folded([[INGRESS, [started(), again]]]);
    const [first, second] = flows.find(FLOW);
    expect([first!.started!.at, second!.started!.at]).toEqual([started().at, again.at]);
    expect([overAt(first!), overAt(second!)]).toEqual([again.at, Infinity]);
    expect([first, second].map((life) => livesAt(life!, again.at - 1))).toEqual([true, false]);
    expect([first, second].map((life) => livesAt(life!, Infinity))).toEqual([false, true]);
    expect(routeAt(second!, Infinity).map((stop) => stop.node)).toEqual([IA1, AB1, AC1, IC1]);
  });

  it('tell the same lives in whatever order the chains are folded, ended or not', () => {
    const egress: ChainId = '4/1@1';
    const lifeOf = (ms: number, node: number, isEnded: boolean): [ChainId, FlowEvent][] => {
      const route = [IA1, node, 3 << 7, IC1];
      return [
        [INGRESS, started({ at: micros(ms), route })],
        [egress, started({ at: micros(ms), observedAs: 'egress', route: [IA1, node, AC1, IC1] })],
        ['2/3@1', { ...TAKEN_OVER, from: node, at: micros(ms + 5), effectiveAt: micros(ms + 5) } as FlowEvent],
        ...(isEnded ? [[INGRESS, { ...ENDED, at: micros(ms + 50) } as FlowEvent] as [ChainId, FlowEvent]] : []),
      ];
    };
    fc.assert(
      fc.property(
        fc.array(fc.boolean(), { minLength: 1, maxLength: 5 }),
        fc.shuffledSubarray([INGRESS, egress, '2/3@1'], { minLength: 3 }),
        (ends, order) => {
          const events = ends.flatMap((isEnded, i) => lifeOf(1_000 * (i + 1), i % 2 === 0 ? AB1 : AB2, isEnded));
          const flows = new FlowsProjection();
          for (const chain of order) for (const [by, event] of events) if (by === chain) flows.apply(chain, event);
          const lives = flows.find(FLOW);
          expect(lives.map((life) => life.started!.at)).toEqual(ends.map((_, i) => micros(1_000 * (i + 1))));
          lives.forEach((life, i) => {
            expect(life.route).toEqual([IA1, i % 2 === 0 ? AB1 : AB2, AC1, IC1]);
            expect(life.changes).toHaveLength(1);
            expect(life.ended !== undefined).toBe(ends[i]);
            expect(livesAt(life, micros(1_000 * (i + 1) + 20))).toBe(true);
            expect(livesAt(life, micros(1_000 * (i + 2)))).toBe(i === ends.length - 1 && !ends[i]);
          });
        },
      ),
      { seed: 11 },
    );
  });

  it('are found by the ends of their first connection, either way round and however the address is written', () => {
    const flows = folded();
    const ends = { proto: 17, a: '2001:DB8::1', aPort: 5353, b: '2001:db8:0::2', bPort: 53 };
    const turned = { proto: 17, a: ends.b, aPort: 53, b: ends.a, bPort: 5353 };
    for (const asked of [ends, turned])
      expect(flows.findByEnds(asked).map((record) => record.flow)).toEqual([OTHER_FLOW]);
    expect(flows.findByEnds({ ...ends, bPort: 54 })).toEqual([]);
    expect(flows.findByEnds({ ...ends, proto: 6 })).toEqual([]);
  });

  it('go on from a checkpoint as if they had never stopped, and ignore batches that they have', () => {
    const events = chains().flatMap(([chain, told]) => told.map((event) => [chain, event] as const));
    fc.assert(
      fc.property(fc.nat(events.length), (cut) => {
        const whole = new FlowsProjection();
        const first = new FlowsProjection();
        const numbers = new Map<ChainId, number>();
        const numbered = events.map(([chain, event]) => {
          numbers.set(chain, (numbers.get(chain) ?? 0) + 1);
          return [chain, numbers.get(chain)!, [event]] as const;
        });
        for (const batch of numbered) whole.applyBatch(...batch);
        for (const batch of numbered.slice(0, cut)) first.applyBatch(...batch);
        const resumed = FlowsProjection.restore(JSON.parse(JSON.stringify(first.checkpoint())))!;
        for (const batch of numbered) resumed.applyBatch(...batch);
        expect(resumed.checkpoint()).toEqual(whole.checkpoint());
      }),
      { seed: 7 },
    );
    expect(FlowsProjection.restore({ ...folded().checkpoint(), version: 0 })).toBeUndefined();
  });
});

describe('addresses', () => {
  it.each([
    ['10.0.0.1', '10.0.0.1'],
    ['2001:DB8::1', '2001:db8:0:0:0:0:0:1'],
    ['2001:0db8:0000:0000:0000:0000:0000:0001', '2001:db8:0:0:0:0:0:1'],
    ['::', '0:0:0:0:0:0:0:0'],
    ['::ffff:10.0.0.1', '0:0:0:0:0:ffff:a00:1'],
    ['fe80::', 'fe80:0:0:0:0:0:0:0'],
    ['02:F1:60:00:02:01', '02:f1:60:00:02:01'],
    ['1::2::3', '1::2::3'],
  ])('%s is %s', (text, expected) => expect(canonicalAddress(text)).toBe(expected));
});
