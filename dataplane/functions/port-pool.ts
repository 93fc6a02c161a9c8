/**
 * The ports that one NAT member may give out for one external address and protocol: its own block, so that no two
 * members ever choose the same. Ports are taken in turn, which leaves a returned one unused for as long as possible.
 */
export class PortPool {
  private readonly used: Uint8Array;
  private next = 0;
  private taken = 0;

  /** @param first first port of the block; @param count number of ports in it */
  constructor(
    private readonly first: number,
    private readonly count: number,
  ) {
    this.used = new Uint8Array(count);
  }

  /** A free port, preferably `wanted` if it lies in the block; 0 = none is free. */
  take(wanted: number): number {
    if (this.taken === this.count) return 0;
    const preferred = wanted - this.first;
    if (preferred >= 0 && preferred < this.count && this.used[preferred] === 0) return this.mark(preferred);
    while (this.used[this.next] !== 0) this.next = (this.next + 1) % this.count;
    const place = this.next;
    this.next = (this.next + 1) % this.count;
    return this.mark(place);
  }

  /** Gives a port back; ports of other members' blocks are ignored. */
  give(port: number): void {
    const place = port - this.first;
    if (place < 0 || place >= this.count || this.used[place] === 0) return;
    this.used[place] = 0;
    this.taken--;
  }

  get free(): number {
    return this.count - this.taken;
  }

  private mark(place: number): number {
    this.used[place] = 1;
    this.taken++;
    return this.first + place;
  }
}
