import type { Arena } from '../frames/arena';
import type { PacketPort } from './port';

/** Frames that wait for a busy port, at most. */
const CAPACITY = 256;

/** Frames on their way out through one port, in order: a list that a busy port leaves partly untaken. */
export class Outlet {
  private readonly list: number;
  private count = 0;

  constructor(
    private readonly arena: Arena,
    private readonly port: PacketPort,
  ) {
    this.list = arena.allocate(4 * CAPACITY, 4);
  }

  /** Frames that may be added now. */
  get room(): number {
    return CAPACITY - this.count;
  }

  /** Whether frames wait: after a flush, because the port is busy. */
  get isBlocked(): boolean {
    return this.count > 0;
  }

  /** Byte address at which to put slot numbers, up to {@link room}; {@link added} says how many. */
  get tail(): number {
    return this.list + 4 * this.count;
  }

  added(n: number): void {
    this.count += n;
  }

  /** Adds one frame; false when there is no room. */
  add(slot: number): boolean {
    if (this.count === CAPACITY) return false;
    this.arena.u32[(this.list >>> 2) + this.count++] = slot;
    return true;
  }

  /** Sends what the port takes; returns how many. */
  flush(): number {
    if (this.count === 0) return 0;
    const taken = this.port.send(this.list, this.count);
    const from = this.list >>> 2;
    this.arena.u32.copyWithin(from, from + taken, from + this.count);
    this.count -= taken;
    return taken;
  }
}
