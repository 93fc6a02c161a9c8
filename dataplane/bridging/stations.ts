import { mix2, mix32 } from '../../domain/base/hash';
import type { Micros } from '../../domain/base/ids';
import type { Arena } from '../frames/arena';

/** How long a station that is silent stays known, microseconds of grid time (IEEE 802.1Q-2018, 8.8.3: 300 s). */
export const STATION_AGE_US = 300_000_000;

/** An entry: MAC address and VLAN ID, domain and network, when its word was told last and when it was heard. */
const ENTRY_SIZE = 32;
const E_MAC_HIGH = 0;
/** The lower two bytes of the address above the VLAN ID. */
const E_MAC_LOW = 4;
/** Domain above network; 0 = this place was never used. */
const E_PLACE = 8;
const E_HEARD = 16;
const E_TOLD = 24;
/** Places that an entry may have, from its hash on: a search looks at no more. */
const WAYS = 16;

/** What {@link Stations.hear} made of a frame. */
export const KNOWN = 0;
/** New, or behind another network than before. */
export const LEARNED = 1;
/** No place was left: nothing was learned. */
export const FULL = 2;

/**
 * Behind which network of its bridge domain each station stands, by MAC address and outermost VLAN ID, as a bridge's filtering
 * database says it. An entry that is older than {@link STATION_AGE_US} is as good as none, and gives its place to the next.
 * Places are never emptied, so that a search ends at one that was never used.
 *
 * One thread owns a table.
 */
export class Stations {
  private readonly words: Uint32Array;
  private readonly times: Float64Array;
  private readonly bytes: Uint8Array;

  /** An empty table; undefined where the arena has no room. @param capacity number of places, a power of two. */
  static create(arena: Arena, capacity: number): Stations | undefined {
    const entries = arena.tryAllocate(capacity * ENTRY_SIZE);
    if (entries === 0) return undefined;
    const stations = new Stations(arena, entries, capacity - 1);
    stations.clear();
    return stations;
  }

  private constructor(
    arena: Arena,
    private readonly entries: number,
    private readonly mask: number,
  ) {
    this.words = arena.u32;
    this.times = arena.f64;
    this.bytes = arena.u8;
  }

  /** Forgets all stations. */
  clear(): void {
    const { words, entries, mask } = this;
    words.fill(0, entries >>> 2, (entries + (mask + 1) * ENTRY_SIZE) >>> 2);
  }

  /** The network behind which the station with the address at byte `mac` stands; 0 = not known. */
  find(domain: number, vlan: number, mac: number, now: Micros): number {
    const entry = this.entryOf(domain, vlan, mac);
    if (entry === 0 || now - this.times[(entry + E_HEARD) >>> 3] >= STATION_AGE_US) return 0;
    return this.words[(entry + E_PLACE) >>> 2] & 0xffff;
  }

  /** The station with the address at byte `mac` was heard on a network: {@link KNOWN}, {@link LEARNED} or {@link FULL}. */
  hear(domain: number, vlan: number, mac: number, network: number, now: Micros): number {
    const { words, times } = this;
    const known = this.entryOf(domain, vlan, mac);
    const entry = known !== 0 ? known : this.placeFor(domain, vlan, mac, now);
    if (entry === 0) return FULL;
    const place = ((domain << 16) | network) >>> 0;
    const isOld = now - times[(entry + E_HEARD) >>> 3] >= STATION_AGE_US;
    const isSame = known !== 0 && !isOld && words[(entry + E_PLACE) >>> 2] === place;
    times[(entry + E_HEARD) >>> 3] = now;
    if (isSame) return KNOWN;
    words[(entry + E_MAC_HIGH) >>> 2] = this.high(mac);
    words[(entry + E_MAC_LOW) >>> 2] = this.low(vlan, mac);
    words[(entry + E_PLACE) >>> 2] = place;
    times[(entry + E_TOLD) >>> 3] = now;
    return LEARNED;
  }

  /** Whether a known station was told of last at least `every` microseconds ago; then it is as told now. */
  isDue(domain: number, vlan: number, mac: number, now: Micros, every: Micros): boolean {
    const entry = this.entryOf(domain, vlan, mac);
    if (entry === 0 || now - this.times[(entry + E_TOLD) >>> 3] < every) return false;
    this.times[(entry + E_TOLD) >>> 3] = now;
    return true;
  }

  private entryOf(domain: number, vlan: number, mac: number): number {
    const { words, entries, mask } = this;
    const high = this.high(mac);
    const low = this.low(vlan, mac);
    let place = hash(domain, high, low) & mask;
    for (let way = 0; way < WAYS; way++, place = (place + 1) & mask) {
      const entry = entries + ENTRY_SIZE * place;
      const where = words[(entry + E_PLACE) >>> 2];
      if (where === 0) return 0;
      if (where >>> 16 !== domain) continue;
      if (words[(entry + E_MAC_HIGH) >>> 2] === high && words[(entry + E_MAC_LOW) >>> 2] === low) return entry;
    }
    return 0;
  }

  private placeFor(domain: number, vlan: number, mac: number, now: Micros): number {
    const { words, times, entries, mask } = this;
    let place = hash(domain, this.high(mac), this.low(vlan, mac)) & mask;
    for (let way = 0; way < WAYS; way++, place = (place + 1) & mask) {
      const entry = entries + ENTRY_SIZE * place;
      if (words[(entry + E_PLACE) >>> 2] === 0) return entry;
      if (now - times[(entry + E_HEARD) >>> 3] >= STATION_AGE_US) return entry;
    }
    return 0;
  }

  private high(mac: number): number {
    const { bytes } = this;
    return ((bytes[mac] << 24) | (bytes[mac + 1] << 16) | (bytes[mac + 2] << 8) | bytes[mac + 3]) >>> 0;
  }

  private low(vlan: number, mac: number): number {
    return ((this.bytes[mac + 4] << 24) | (this.bytes[mac + 5] << 16) | vlan) >>> 0;
  }
}

function hash(domain: number, high: number, low: number): number {
  return mix2(mix32(high ^ domain), low);
}
