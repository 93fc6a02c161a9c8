import * as fc from 'fast-check';
import {
  ASK,
  DELAY,
  DELAY_US,
  INCOMPLETE,
  LOST,
  NEIGHBOURS_MAX,
  Neighbours,
  NOTHING_DUE,
  PROBE,
  REACHABLE,
  REACHABLE_US,
  RETRANSMIT_US,
  STALE,
  TRIES,
  UNUSED_US,
} from '../../../../dataplane/layer3/neighbours';

const MAC_A = Uint8Array.of(2, 0, 0, 0, 0, 1);
const MAC_B = Uint8Array.of(2, 0, 0, 0, 0, 2);
const ADDRESS = Uint8Array.of(10, 0, 0, 1);

/** RFC 4861 section 7.3, as a plain object for each neighbour. */
interface Oracle {
  state: number;
  mac: string;
  dueAt: number;
  tries: number;
}

type Step =
  | { readonly kind: 'insert' | 'use' | 'remove' }
  | { readonly kind: 'heard'; readonly mac: 0 | 1; readonly confirms: boolean; readonly overrides: boolean }
  | { readonly kind: 'pass'; readonly us: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.constantFrom<Step>(
    { kind: 'insert' },
    { kind: 'insert' },
    { kind: 'use' },
    { kind: 'use' },
    { kind: 'use' },
    { kind: 'remove' },
  ),
  fc.record({
    kind: fc.constant('heard' as const),
    mac: fc.constantFrom<0 | 1>(0, 1),
    confirms: fc.boolean(),
    overrides: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant('pass' as const),
    us: fc.constantFrom(100_000, RETRANSMIT_US, RETRANSMIT_US, DELAY_US, DELAY_US, REACHABLE_US, UNUSED_US),
  }),
);

describe('the states of a neighbour', () => {
  test('FG-596: are those of RFC 4861 whatever is heard, used and waited for, of many at once', () => {
    const seen = new Set<number>();
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(3), step), { maxLength: 120, size: 'max' }), (steps) => {
        const table = new Neighbours();
        const model = new Map<number, Oracle>();
        let now = 1;
        for (const [who, each] of steps) {
          const address = Uint8Array.of(10, 0, 0, who);
          const entry = table.find(1 + (who % 2), 4, address, 0);
          const known = model.get(who);
          expect(entry >= 0).toBe(known !== undefined);
          if (each.kind === 'pass') now += each.us;
          else if (each.kind === 'insert' && known === undefined) {
            table.insert(1 + (who % 2), 4, address, 0, now);
            model.set(who, { state: INCOMPLETE, mac: '', dueAt: now, tries: 0 });
          } else if (known !== undefined) {
            apply(table, entry, known, each, now);
            if (each.kind === 'remove') model.delete(who);
          }
          for (const [other, expected] of model) {
            const place = table.find(1 + (other % 2), 4, Uint8Array.of(10, 0, 0, other), 0);
            const due = table.due(place, now);
            expect(due).toBe(dueOf(expected, now));
            if (due === LOST) {
              table.remove(place);
              model.delete(other);
              continue;
            }
            seen.add(expected.state);
            expect(table.stateOf(place)).toBe(expected.state);
            if (expected.mac !== '') expect(table.macs.subarray(6 * place, 6 * place + 6).join()).toBe(expected.mac);
          }
          expect(table.size).toBe(model.size);
        }
      }),
      { numRuns: 500 },
    );
    expect([...seen].sort()).toEqual([INCOMPLETE, REACHABLE, STALE, DELAY, PROBE]);
  });

  test('FG-596: the table takes as many as it has places; one that nobody uses makes room, one that is asked for does not', () => {
    const table = new Neighbours();
    const address = (n: number): Uint8Array => Uint8Array.of(10, 0, n >>> 8, n & 255);
    for (let n = 0; n < NEIGHBOURS_MAX; n++) expect(table.insert(1, 4, address(n), 0, n)).toBeGreaterThanOrEqual(0);
    expect(table.insert(2, 4, ADDRESS, 0, 0)).toBe(-1);
    for (const n of [7, 3]) table.heard(table.find(1, 4, address(n), 0), MAC_A, 0, false, true, 10_000 + n);
    expect(table.insert(2, 4, ADDRESS, 0, 0)).toBeGreaterThanOrEqual(0);
    expect(table.find(1, 4, address(3), 0)).toBe(-1);
    expect(table.find(1, 4, address(7), 0)).toBeGreaterThanOrEqual(0);
    expect(table.size).toBe(NEIGHBOURS_MAX);
  });

  test('FG-596: addresses of both versions and of several networks are told apart', () => {
    const table = new Neighbours();
    const v6 = new Uint8Array(16);
    v6.set(ADDRESS, 12);
    const entries = [
      table.insert(1, 4, ADDRESS, 0, 0),
      table.insert(2, 4, ADDRESS, 0, 0),
      table.insert(1, 6, v6, 0, 0),
    ];
    expect(new Set(entries).size).toBe(3);
    expect([table.find(1, 4, ADDRESS, 0), table.find(2, 4, ADDRESS, 0), table.find(1, 6, v6, 0)]).toEqual(entries);
    expect(table.addresses.subarray(table.addressAt(entries[1]!), table.addressAt(entries[1]!) + 4)).toEqual(ADDRESS);
    expect([table.networkOf(entries[1]!), table.versionOf(entries[2]!)]).toEqual([2, 6]);
  });
});

function apply(
  table: Neighbours,
  entry: number,
  known: Oracle,
  each: Exclude<Step, { kind: 'pass' }>,
  now: number,
): void {
  switch (each.kind) {
    case 'insert':
      return;
    case 'remove':
      return table.remove(entry);
    case 'use':
      table.use(entry, now);
      if (known.state === STALE) Object.assign(known, { state: DELAY, dueAt: now + DELAY_US });
      return;
    case 'heard': {
      const mac = each.mac === 0 ? MAC_A : MAC_B;
      table.heard(entry, mac, 0, each.confirms, each.overrides, now);
      const isOther = known.mac !== mac.join();
      if (known.state !== INCOMPLETE && isOther && !each.overrides) {
        if (known.state === REACHABLE) Object.assign(known, { state: STALE, dueAt: now + UNUSED_US });
        return;
      }
      if (each.confirms) Object.assign(known, { state: REACHABLE, dueAt: now + REACHABLE_US });
      else if (isOther) Object.assign(known, { state: STALE, dueAt: now + UNUSED_US });
      known.mac = mac.join();
    }
  }
}

function dueOf(known: Oracle, now: number): number {
  if (known.dueAt > now) return NOTHING_DUE;
  if (known.state === REACHABLE) {
    Object.assign(known, { state: STALE, dueAt: now + UNUSED_US });
    return NOTHING_DUE;
  }
  if (known.state === STALE) return LOST;
  if (known.state === DELAY) known.tries = 0;
  if (known.tries >= TRIES) return LOST;
  Object.assign(known, {
    state: known.state === INCOMPLETE ? INCOMPLETE : PROBE,
    tries: known.tries + 1,
    dueAt: now + RETRANSMIT_US,
  });
  return ASK;
}
