import fc from 'fast-check';
import type { FunctionSpec } from '../../../../domain/topology/topology';
import { Rig, type Arrival, type Outcome } from './rig';

/** What a frame leaves behind, comparable: bytes in hex, or the reason. */
export function told(outcome: Outcome): string {
  return outcome.bytes === undefined ? outcome.reason : Buffer.from(outcome.bytes).toString('hex');
}

/** Numbers the arrivals of each flow and direction, so that every member sees the same sequence numbers. */
export function numbered(arrivals: readonly Arrival[]): Arrival[] {
  const counts = new Map<string, number>();
  return arrivals.map((arrival) => {
    const key = `${arrival.flow}${arrival.reverse === true}`;
    const sequence = (counts.get(key) ?? 0) + 1;
    counts.set(key, sequence);
    return { ...arrival, sequence, start: sequence === 1 && arrival.reverse !== true };
  });
}

/** Another order of the same arrivals in which every flow and direction keeps its own. */
export function interleaved(arrivals: readonly Arrival[], draws: readonly number[]): Arrival[] {
  const queues = new Map<string, Arrival[]>();
  for (const arrival of arrivals) {
    const key = `${arrival.flow}${arrival.reverse === true}`;
    queues.set(key, [...(queues.get(key) ?? []), arrival]);
  }
  const result: Arrival[] = [];
  for (let i = 0; queues.size > 0; i++) {
    const keys = [...queues.keys()];
    const key = keys[draws[i % draws.length] % keys.length];
    const queue = queues.get(key)!;
    result.push(queue.shift()!);
    if (queue.length === 0) queues.delete(key);
  }
  return result;
}

const nameOf = (arrival: Arrival): string => `${arrival.flow} ${arrival.reverse === true} ${arrival.sequence}`;

/**
 * The exactness that takeover rests on, for a `per-flow` function: a shadow that meets the directions in another order
 * gives the same outputs, and a third member that imports every flow in the middle goes on the same.
 */
export function assertPerFlowTakeover(
  spec: FunctionSpec,
  traffic: fc.Arbitrary<readonly Arrival[]>,
  numRuns = 60,
): void {
  const seed = Date.now() & 0x7fffffff;
  fc.assert(
    fc.property(
      traffic,
      fc.array(fc.nat(1000), { minLength: 1, maxLength: 50 }),
      fc.nat(100),
      (raw, draws, percent) => {
        const arrivals = numbered(raw);
        const primary = new Rig(spec);
        const expected = new Map(arrivals.map((arrival) => [nameOf(arrival), told(primary.run(arrival))]));
        const shadow = new Rig(spec);
        const order = interleaved(arrivals, draws);
        const cut = Math.floor((order.length * percent) / 100);
        for (const arrival of order.slice(0, cut))
          expect(told(shadow.run(arrival))).toBe(expected.get(nameOf(arrival)));
        const heir = new Rig(spec);
        for (const flow of new Set(arrivals.map((arrival) => arrival.flow ?? 0))) {
          const state = shadow.host.exportFlow(flow);
          if (state !== undefined) heir.host.importFlow(flow, state);
        }
        for (const arrival of order.slice(cut)) expect(told(heir.run(arrival))).toBe(expected.get(nameOf(arrival)));
      },
    ),
    { numRuns, seed },
  );
}
