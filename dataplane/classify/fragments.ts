import type { Micros, NodeRef } from '../../domain/base/ids';
import type { Arena } from '../frames/arena';
import { FragmentKey } from './fragment-key';
import type { StatelessChoice } from './ports';

export interface FragmentLimits {
  /** How long later fragments wait for their first one, microseconds. */
  readonly waitUs: number;
  /** How many fragments of one datagram wait, and how many in all. */
  readonly perDatagram: number;
  readonly inAll: number;
  /** How long a first fragment is remembered, microseconds (as reassembly timers run, RFC 1122: 60 s at most). */
  readonly rememberUs: number;
  /** How many datagrams are remembered. */
  readonly datagrams: number;
}

export const FRAGMENT_LIMITS: FragmentLimits = {
  waitUs: 30_000,
  perDatagram: 64,
  inAll: 1024,
  rememberUs: 30_000_000,
  datagrams: 8192,
};

/** One fragmented datagram. */
interface Datagram {
  /** Connection of its first fragment, and its ID, as entries are used again; 0 = not seen. */
  connection: number;
  connectionId: number;
  /** How its first fragment was carried, where that has no connection. */
  readonly stateless?: StatelessChoice;
  /** The other INODE that carried its first fragment; 0 = none. */
  readonly elsewhere: NodeRef;
  /** Its later fragments travel as a flow of their own. */
  alone: boolean;
  readonly held: number[];
  readonly since: Micros;
}

/**
 * Joins later fragments to the connection of their first one, by (network, VLANs, source, destination, protocol,
 * identification), as only first fragments have ports.
 */
export class FragmentTable {
  /** Insertion order is age. */
  private readonly datagrams = new Map<string, Datagram>();
  /** Datagrams with held fragments, oldest first. */
  private readonly waiting = new Map<string, Datagram>();
  private heldCount = 0;
  private readonly fragmentKey = new FragmentKey();

  constructor(
    private readonly arena: Arena,
    private readonly limits: FragmentLimits,
    private readonly release: (slot: number) => void,
  ) {}

  /** Fragments that wait. */
  get held(): number {
    return this.heldCount;
  }

  /** A first fragment was classified: later ones follow it, and those that waited are released. */
  first(slot: number, connection: number, connectionId: number, now: Micros): void {
    this.replace(this.key(slot), { connection, connectionId, elsewhere: 0, alone: false, held: [], since: now });
  }

  /** As {@link first}, for a fragment that is carried without an entry. */
  firstStateless(slot: number, stateless: StatelessChoice, now: Micros): void {
    const without = { connection: 0, connectionId: 0, elsewhere: 0 };
    this.replace(this.key(slot), { ...without, stateless, alone: false, held: [], since: now });
  }

  /** As {@link first}, for one that another INODE carried: later ones, which it alone can place, go there. */
  firstElsewhere(key: string, elsewhere: NodeRef, now: Micros): void {
    this.replace(key, { connection: 0, connectionId: 0, elsewhere, alone: false, held: [], since: now });
  }

  /** The INODE that carried the first fragment of a later one's datagram: `own` for this one, 0 = unknown. */
  carrier(slot: number, own: NodeRef): NodeRef {
    const datagram = this.datagrams.get(this.key(slot));
    if (datagram === undefined) return 0;
    return datagram.connection !== 0 || datagram.stateless !== undefined ? own : datagram.elsewhere;
  }

  /** How the first fragment was carried, if without an entry. */
  choice(slot: number): StatelessChoice | undefined {
    return this.datagrams.get(this.key(slot))?.stateless;
  }

  /** The connection that a later fragment belongs to with its ID in `lastId`; 0 = unknown. */
  find(slot: number): number {
    const datagram = this.datagrams.get(this.key(slot));
    this.lastId = datagram?.connectionId ?? 0;
    return datagram?.connection ?? 0;
  }
  /** Connection ID that goes with the last result of {@link find}. */
  lastId = 0;

  /** Holds a later fragment whose first one has not come. False = it must travel as a flow of its own. */
  hold(slot: number, now: Micros): boolean {
    const key = this.key(slot);
    let datagram = this.datagrams.get(key);
    if (datagram === undefined) {
      datagram = { connection: 0, connectionId: 0, elsewhere: 0, alone: false, held: [], since: now };
      this.add(key, datagram);
    }
    if (datagram.alone) return false;
    if (this.heldCount >= this.limits.inAll || datagram.held.length >= this.limits.perDatagram) {
      datagram.alone = true;
      this.letGo(key, datagram);
      return false;
    }
    datagram.held.push(slot);
    this.heldCount++;
    this.waiting.set(key, datagram);
    return true;
  }

  /** Lets over-due fragments go on their own and forgets old datagrams. */
  expire(now: Micros): void {
    for (const [key, datagram] of this.waiting) {
      if (datagram.since + this.limits.waitUs > now) break;
      datagram.alone = true;
      this.letGo(key, datagram);
    }
    for (const [key, datagram] of this.datagrams) {
      if (datagram.since + this.limits.rememberUs > now) break;
      this.forget(key, datagram);
    }
  }

  /** Lets everything go. */
  close(): void {
    for (const [key, datagram] of this.waiting) {
      datagram.alone = true;
      this.letGo(key, datagram);
    }
  }

  private replace(key: string, datagram: Datagram): void {
    const before = this.datagrams.get(key);
    this.datagrams.delete(key);
    this.add(key, datagram);
    if (before !== undefined) this.letGo(key, before);
  }

  private add(key: string, datagram: Datagram): void {
    if (this.datagrams.size >= this.limits.datagrams) {
      const [oldestKey, oldest] = this.datagrams.entries().next().value!;
      this.forget(oldestKey, oldest);
    }
    this.datagrams.set(key, datagram);
  }

  private forget(key: string, datagram: Datagram): void {
    datagram.alone = true;
    this.datagrams.delete(key);
    this.letGo(key, datagram);
  }

  /** Releases what a datagram holds, in order. Releasing may come back here, so the list is emptied first. */
  private letGo(key: string, datagram: Datagram): void {
    if (datagram.held.length === 0) return;
    this.waiting.delete(key);
    const slots = datagram.held.splice(0);
    this.heldCount -= slots.length;
    for (const slot of slots) this.release(slot);
  }

  private key(slot: number): string {
    return this.fragmentKey.of(this.arena, slot);
  }
}
