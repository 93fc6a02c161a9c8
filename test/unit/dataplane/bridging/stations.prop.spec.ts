import * as fc from 'fast-check';
import { FULL, KNOWN, LEARNED, STATION_AGE_US, Stations } from '../../../../dataplane/bridging/stations';
import { Arena } from '../../../../dataplane/frames/arena';

const CAPACITY = 32;
const NETWORK_MAX = 5;

interface Heard {
  readonly network: number;
  readonly at: number;
}

const steps = fc.array(
  fc.record({
    station: fc.integer({ min: 0, max: 250 }),
    vlan: fc.constantFrom(0, 1, 4095),
    domain: fc.integer({ min: 1, max: 3 }),
    network: fc.integer({ min: 1, max: NETWORK_MAX }),
    passes: fc.nat(99).map((n) => (n === 0 ? STATION_AGE_US : n < 50 ? 0 : STATION_AGE_US / 1000)),
    asks: fc.boolean(),
  }),
  { minLength: 1, maxLength: 400, size: 'max' },
);

test('FG-549: stations are known, move, age and find no room as in a plain map', () => {
  const found = { [KNOWN]: 0, [LEARNED]: 0, [FULL]: 0, lost: 0 };
  fc.assert(
    fc.property(steps, (all) => {
      const arena = Arena.create({ slots: 16, bytes: 1024 * 1024 });
      const stations = Stations.create(arena, CAPACITY)!;
      const mac = arena.allocate(8);
      const map = new Map<string, Heard>();
      let now = 1_000_000;
      for (const { station, vlan, domain, network, passes, asks } of all) {
        now += passes;
        arena.u8.set([2, 0, 0, 0, station >> 4, station & 15], mac);
        const key = `${station}/${vlan}/${domain}`;
        const entry = map.get(key);
        const known = entry !== undefined && now - entry.at < STATION_AGE_US ? entry.network : 0;
        if (entry !== undefined && known === 0) found.lost++;
        expect(stations.find(domain, vlan, mac, now)).toBe(known);
        if (asks) continue;
        const what = stations.hear(domain, vlan, mac, network, now);
        if (what !== FULL) map.set(key, { network, at: now });
        // Nobody who is known loses his place to another.
        expect(what === FULL && known !== 0).toBe(false);
        if (what !== FULL) expect(what).toBe(known === network ? KNOWN : LEARNED);
        found[what as 0 | 1 | 2]++;
      }
    }),
    { numRuns: 100 },
  );
  for (const n of Object.values(found)) expect(n).toBeGreaterThan(0);
});
