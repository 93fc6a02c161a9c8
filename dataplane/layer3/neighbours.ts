import { mix32 } from '../../domain/base/hash';
import type { Micros } from '../../domain/base/ids';

/** Neighbours that a node knows, or asks for, at once (a power of two). */
export const NEIGHBOURS_MAX = 4096;
/** Times as RFC 4861 section 10 has them; ARP's are the same (RFC 1122 section 2.3.2.1 leaves them open). */
export const REACHABLE_US: Micros = 30_000_000;
export const DELAY_US: Micros = 5_000_000;
export const RETRANSMIT_US: Micros = 1_000_000;
/** Solicitations in a row, at most, to find a neighbour and to find it still there. */
export const TRIES = 3;
/** An entry that nobody uses is forgotten after so long. */
export const UNUSED_US: Micros = 600_000_000;

/** What is known of a neighbour. `FREE`: the place is empty. */
export const FREE = 0;
/** Its MAC address was asked for, and frames for it wait. */
export const INCOMPLETE = 1;
/** It was heard lately to be where it is. */
export const REACHABLE = 2;
/** It was there once, which is good enough to send to it. */
export const STALE = 3;
/** It was sent to since; what it answers may tell that it is there. */
export const DELAY = 4;
/** It is asked whether it is there. */
export const PROBE = 5;

/** What has become of an entry at {@link Neighbours.due}. */
export const NOTHING_DUE = 0;
/** It is to be asked: for its MAC address, or, where that is known, whether it is still there. */
export const ASK = 1;
/** It does not answer: what waits for it will not leave. */
export const LOST = 2;

/** u32 words of a key: network and IP version, then the address, of IPv4 in the last word. */
const KEY = 5;

/**
 * The neighbours of a router by network and address: a table of fixed size, and for each the states of RFC 4861 section
 * 7.3.2, kept for ARP alike. Entries are numbers; an entry keeps its number until it is removed.
 */
export class Neighbours {
  /** MAC addresses, 6 bytes an entry. */
  readonly macs = new Uint8Array(6 * NEIGHBOURS_MAX);
  /** The addresses as keys have them: 16 bytes an entry, of IPv4 in the last four. */
  readonly addresses = new Uint8Array(16 * NEIGHBOURS_MAX);
  /** First and last slot that waits for an entry, −1 = none, and how many wait. */
  readonly heads = new Int32Array(NEIGHBOURS_MAX).fill(-1);
  readonly tails = new Int32Array(NEIGHBOURS_MAX).fill(-1);
  readonly waiting = new Uint16Array(NEIGHBOURS_MAX);
  private readonly states = new Uint8Array(NEIGHBOURS_MAX);
  private readonly tries = new Uint8Array(NEIGHBOURS_MAX);
  private readonly dueAt = new Float64Array(NEIGHBOURS_MAX);
  private readonly keys = new Uint32Array(KEY * NEIGHBOURS_MAX);
  private readonly sought = new Uint32Array(KEY);
  private readonly buckets = new Int32Array(NEIGHBOURS_MAX).fill(-1);
  /** The next entry of a bucket, or the next free one; −1 = none. */
  private readonly next = new Int32Array(NEIGHBOURS_MAX);
  private free = 0;
  private used = 0;
  /** Entries from here on were never used. */
  private reach = 0;

  constructor() {
    for (let i = 0; i < NEIGHBOURS_MAX; i++) this.next[i] = i + 1 < NEIGHBOURS_MAX ? i + 1 : -1;
  }

  get size(): number {
    return this.used;
  }

  /** Entries are below this. */
  get limit(): number {
    return this.reach;
  }

  stateOf(entry: number): number {
    return this.states[entry];
  }

  networkOf(entry: number): number {
    return this.keys[KEY * entry] >>> 8;
  }

  versionOf(entry: number): number {
    return this.keys[KEY * entry] & 0xff;
  }

  /** Where an entry's own address stands in {@link addresses}. */
  addressAt(entry: number): number {
    return 16 * entry + (this.versionOf(entry) === 4 ? 12 : 0);
  }

  /** The entry of the neighbour with the address at `at`; −1 = none. */
  find(network: number, version: number, bytes: Uint8Array, at: number): number {
    const { keys, sought } = this;
    for (let entry = this.buckets[this.seek(network, version, bytes, at)]; entry >= 0; entry = this.next[entry]) {
      const key = KEY * entry;
      let same = true;
      for (let i = 0; i < KEY; i++) if (keys[key + i] !== sought[i]) same = false;
      if (same) return entry;
    }
    return -1;
  }

  /**
   * A new entry, `INCOMPLETE` and to be asked for at once, in a table that has none for the address; −1 where no place is
   * free and no entry so old that it can give up its own.
   */
  insert(network: number, version: number, bytes: Uint8Array, at: number, now: Micros): number {
    if (this.free < 0) this.evict();
    const entry = this.free;
    if (entry < 0) return -1;
    const bucket = this.seek(network, version, bytes, at);
    this.free = this.next[entry];
    this.keys.set(this.sought, KEY * entry);
    this.addresses.fill(0, 16 * entry, 16 * entry + 16);
    const size = version === 4 ? 4 : 16;
    const place = 16 * entry + 16 - size;
    for (let i = 0; i < size; i++) this.addresses[place + i] = bytes[at + i];
    this.next[entry] = this.buckets[bucket];
    this.buckets[bucket] = entry;
    this.set(entry, INCOMPLETE, now);
    this.tries[entry] = 0;
    this.used++;
    this.reach = Math.max(this.reach, entry + 1);
    return entry;
  }

  /** Forgets an entry, for which nothing may wait any more. */
  remove(entry: number): void {
    const bucket = this.bucketOf(entry);
    if (this.buckets[bucket] === entry) this.buckets[bucket] = this.next[entry];
    else {
      let before = this.buckets[bucket];
      while (this.next[before] !== entry) before = this.next[before];
      this.next[before] = this.next[entry];
    }
    this.states[entry] = FREE;
    this.next[entry] = this.free;
    this.free = entry;
    this.used--;
  }

  /** A frame is sent to a neighbour whose MAC address is known. */
  use(entry: number, now: Micros): void {
    if (this.states[entry] === STALE) this.set(entry, DELAY, now + DELAY_US);
  }

  /**
   * A neighbour was heard to have a MAC address. `confirms`: it has answered what it was asked, so that it hears, too;
   * `overrides`: it holds although another address is known. Returns whether the address is new.
   */
  heard(entry: number, bytes: Uint8Array, at: number, confirms: boolean, overrides: boolean, now: Micros): boolean {
    const isOpen = this.states[entry] === INCOMPLETE;
    const isOther = isOpen || this.differs(entry, bytes, at);
    if (isOther && !isOpen && !overrides) {
      // RFC 4861 section 7.2.5: what is in doubt is asked for when it is used next.
      if (this.states[entry] === REACHABLE) this.set(entry, STALE, now + UNUSED_US);
      return false;
    }
    for (let i = 0; isOther && i < 6; i++) this.macs[6 * entry + i] = bytes[at + i];
    if (confirms) this.set(entry, REACHABLE, now + REACHABLE_US);
    else if (isOther) this.set(entry, STALE, now + UNUSED_US);
    return isOther;
  }

  /** Whether something is to be done about an entry now; changes its state as time does. */
  due(entry: number, now: Micros): number {
    const state = this.states[entry];
    if (state === FREE || this.dueAt[entry] > now) return NOTHING_DUE;
    switch (state) {
      case REACHABLE:
        this.set(entry, STALE, now + UNUSED_US);
        return NOTHING_DUE;
      case STALE:
        return LOST;
      case DELAY:
        this.tries[entry] = 0;
        break;
    }
    if (this.tries[entry] >= TRIES) return LOST;
    this.tries[entry]++;
    this.set(entry, state === INCOMPLETE ? INCOMPLETE : PROBE, now + RETRANSMIT_US);
    return ASK;
  }

  private set(entry: number, state: number, dueAt: Micros): void {
    this.states[entry] = state;
    this.dueAt[entry] = dueAt;
  }

  private differs(entry: number, bytes: Uint8Array, at: number): boolean {
    for (let i = 0; i < 6; i++) if (this.macs[6 * entry + i] !== bytes[at + i]) return true;
    return false;
  }

  /** The unused entry that has been so for longest gives up its place. */
  private evict(): void {
    let oldest = -1;
    for (let entry = 0; entry < this.reach; entry++) {
      if (this.states[entry] !== STALE) continue;
      if (oldest < 0 || this.dueAt[entry] < this.dueAt[oldest]) oldest = entry;
    }
    if (oldest >= 0) this.remove(oldest);
  }

  /** Leaves the key in `sought`; returns its bucket. */
  private seek(network: number, version: number, bytes: Uint8Array, at: number): number {
    const { sought } = this;
    sought[0] = (network << 8) | version;
    for (let i = 1; i < KEY; i++) {
      const from = version === 4 ? at : at + 4 * (i - 1);
      const isEmpty = version === 4 && i < KEY - 1;
      sought[i] = isEmpty
        ? 0
        : ((bytes[from] << 24) | (bytes[from + 1] << 16) | (bytes[from + 2] << 8) | bytes[from + 3]) >>> 0;
    }
    return hashOf(sought, 0);
  }

  private bucketOf(entry: number): number {
    return hashOf(this.keys, KEY * entry);
  }
}

function hashOf(keys: Uint32Array, at: number): number {
  let hash = 0;
  for (let i = 0; i < KEY; i++) hash = mix32(hash ^ keys[at + i]);
  return hash & (NEIGHBOURS_MAX - 1);
}
