import fc from 'fast-check';
import { packet } from './packets';
import { Rig, type Arrival } from './rig';
import { told } from './takeover';

const traffic = fc
  .array(
    fc.record({ wait: fc.nat(300_000), host: fc.nat(2), flow: fc.integer({ min: 1, max: 4 }), size: fc.nat(400) }),
    {
      minLength: 1,
      maxLength: 80,
    },
  )
  .map((steps) => {
    let at = 5_000_000;
    return steps.map((step): Arrival => {
      at += step.wait;
      const payload = new Uint8Array(step.size);
      // A flow belongs to one source, as flows do.
      return {
        at,
        flow: step.flow,
        bytes: packet({ proto: 'udp', from: `10.0.0.${step.flow % 3}`, to: '192.0.2.1', payload }),
      };
    });
  });

describe('rate-limiter', () => {
  test.each(['packets', 'bytes'] as const)(
    'FG-123: in no interval does more pass than burst + rate × time (%s)',
    (unit) => {
      fc.assert(
        fc.property(
          traffic,
          fc.integer({ min: 1, max: 2000 }),
          fc.integer({ min: 1, max: 1500 }),
          (arrivals, rate, burst) => {
            const rig = new Rig({ name: 'rate-limiter', config: { per: 'source', unit, rate, burst } });
            const passed = arrivals.filter((arrival) => rig.run(arrival).reason === 'none');
            for (const source of [0, 1, 2]) {
              const mine = passed.filter((arrival) => (arrival.flow ?? 0) % 3 === source);
              for (let i = 0; i < mine.length; i++) {
                let cost = 0;
                for (let j = i; j < mine.length; j++) {
                  cost += unit === 'packets' ? 1 : mine[j].bytes.length;
                  expect(cost).toBeLessThanOrEqual(burst + (rate * (mine[j].at! - mine[i].at!)) / 1e6 + 1e-6);
                }
              }
            }
          },
        ),
        { numRuns: 40 },
      );
    },
  );

  test('FG-114: per source, a successor repeats the verdicts it was told and goes on with the same buckets', () => {
    fc.assert(
      fc.property(traffic, fc.nat(100), fc.nat(20), (arrivals, percent, held) => {
        const spec = { name: 'rate-limiter', config: { per: 'source', rate: 4, burst: 3 } };
        const undisturbed = new Rig(spec);
        const counts = new Map<number, number>();
        const named = arrivals.map((arrival) => {
          const sequence = (counts.get(arrival.flow!) ?? 0) + 1;
          counts.set(arrival.flow!, sequence);
          return { ...arrival, sequence };
        });
        const expected = named.map((arrival) => told(undisturbed.run(arrival)));
        const kill = Math.floor((named.length * percent) / 100);
        const primary = new Rig(spec);
        const backup = new Rig(spec);
        for (const arrival of named.slice(0, kill)) {
          primary.run(arrival);
          const delta = primary.host.takeDelta();
          if (delta !== undefined) backup.host.applyDelta(delta);
        }
        // It processes what it still holds, some of which the primary had judged, then what comes new.
        const from = Math.max(0, kill - held);
        named.slice(from).forEach((arrival, i) => expect(told(backup.run(arrival))).toBe(expected[from + i]));
      }),
      { numRuns: 60 },
    );
  });

  test('FG-123: forgetting full buckets changes nothing', () => {
    fc.assert(
      fc.property(traffic, (arrivals) => {
        const spec = { name: 'rate-limiter', config: { per: 'source', rate: 9, burst: 2 } };
        const remembering = new Rig(spec);
        const forgetting = new Rig(spec);
        for (const arrival of arrivals) {
          forgetting.host.tick(arrival.at!);
          expect(forgetting.run(arrival).reason).toBe(remembering.run(arrival).reason);
        }
      }),
      { numRuns: 30 },
    );
  });
});
