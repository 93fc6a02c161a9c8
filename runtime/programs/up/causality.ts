import {
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  ETHERTYPE_OLD_SERVICE_VLAN,
  ETHERTYPE_SERVICE_VLAN,
  ETHERTYPE_VLAN,
  PROTO_ICMP,
  PROTO_ICMPV6,
} from '../../../dataplane/headers/numbers';

/** {@link hostPair} of frames that may answer any other. */
export const ANY_HOSTS = 0;

/**
 * Which frames of a replay may have caused each other. A capture orders both sides of a conversation; if a reply were
 * fed in beside its question, it could overtake it inside the grid, as it never could on a wire. So before a frame is fed
 * in, every frame that it may answer must have left: one from the other side between the same two hosts.
 */
export class Causality {
  private readonly pending: readonly [Set<number>, Set<number>] = [new Set(), new Set()];
  private isAlone = false;

  /** Whether the grid must come to rest before this frame is fed in from `side`. */
  mustWait(side: number, hosts: number): boolean {
    if (this.isAlone) return true;
    const others = this.pending[(1 - side) as 0 | 1];
    if (hosts === ANY_HOSTS) return others.size > 0 || this.pending[side as 0 | 1].size > 0;
    return others.has(hosts);
  }

  /** The frame has been fed in. */
  fed(side: number, hosts: number): void {
    this.isAlone = hosts === ANY_HOSTS;
    this.pending[side as 0 | 1].add(hosts);
  }

  /** The grid has come to rest. */
  rested(): void {
    this.pending[0].clear();
    this.pending[1].clear();
    this.isAlone = false;
  }
}

/**
 * Frames that entered and have not left, by the hosts they go between. After a death some are held by backups until the
 * silence is noticed; no answer to them can come before they have left.
 */
export class Outstanding {
  private readonly frames = new Map<number, { readonly side: number; readonly hosts: number }>();
  private readonly counts: readonly [Map<number, number>, Map<number, number>] = [new Map(), new Map()];

  entered(frameNo: number, side: number, hosts: number): void {
    this.frames.set(frameNo, { side, hosts });
    this.change(side, hosts, 1);
  }

  left(frameNo: number): void {
    const frame = this.frames.get(frameNo);
    if (frame === undefined || !this.frames.delete(frameNo)) return;
    this.change(frame.side, frame.hosts, -1);
  }

  /** Whether a frame from `side` may answer one that has not left yet. */
  mayBeAnswered(side: number, hosts: number): boolean {
    if (hosts === ANY_HOSTS) return this.frames.size > 0;
    return (this.counts[(1 - side) as 0 | 1].get(hosts) ?? 0) > 0;
  }

  /** What is still inside is not waited for any more: it was dropped, or lost. */
  giveUp(): void {
    this.frames.clear();
    for (const counts of this.counts) counts.clear();
  }

  private change(side: number, hosts: number, by: number): void {
    const counts = this.counts[side as 0 | 1];
    const count = (counts.get(hosts) ?? 0) + by;
    if (count > 0) counts.set(hosts, count);
    else counts.delete(hosts);
  }
}

const TAGS = new Set([ETHERTYPE_VLAN, ETHERTYPE_SERVICE_VLAN, ETHERTYPE_OLD_SERVICE_VLAN]);

/**
 * A number that both directions between two hosts share; {@link ANY_HOSTS} for frames that may answer anything (ICMP, which can come
 * from a router on the way, and what is not IP).
 */
export function hostPair(bytes: Uint8Array, start: number, length: number): number {
  const end = start + length;
  let at = start + 12;
  while (at + 6 <= end && TAGS.has((bytes[at]! << 8) | bytes[at + 1]!)) at += 4;
  const etherType = at + 2 <= end ? (bytes[at]! << 8) | bytes[at + 1]! : 0;
  const ip = at + 2;
  if (etherType === ETHERTYPE_IPV4 && ip + 20 <= end) {
    if (bytes[ip + 9] === PROTO_ICMP) return ANY_HOSTS;
    return pair(bytes, ip + 12, 4);
  }
  if (etherType === ETHERTYPE_IPV6 && ip + 40 <= end) {
    if (bytes[ip + 6] === PROTO_ICMPV6) return ANY_HOSTS;
    return pair(bytes, ip + 8, 16);
  }
  return ANY_HOSTS;
}

/** A symmetric mix of two adjacent addresses of `size` bytes; never 0. */
function pair(bytes: Uint8Array, at: number, size: number): number {
  let a = 0;
  let b = 0;
  for (let i = 0; i < size; i++) {
    a = (Math.imul(a, 31) + bytes[at + i]!) | 0;
    b = (Math.imul(b, 31) + bytes[at + size + i]!) | 0;
  }
  return (Math.imul(a, 0x9e3779b1) + Math.imul(b, 0x9e3779b1)) ^ Math.imul(a, b) || 1;
}
