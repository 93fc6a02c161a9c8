import type { Arena } from '../../frames/arena';
import type { Libc } from './libc';

/** `struct pollfd`. */
const POLL_BYTES = 8;
const P_WANTED = 4;
const P_FOUND = 6;
const POLLIN = 0x1;
const POLLOUT = 0x4;
/** How long it waits at a stretch: closing takes as long at most. */
const STRETCH_MS = 100;

/** Waits beside this thread until a descriptor can be read, or written to. */
export class Readiness {
  private readonly at: number;
  private waiting: Promise<void> | undefined;
  private isClosed = false;

  /**
   * @param base where the arena's memory lies
   * @param ready told once for each {@link wait}
   * @param failed something befell the descriptor; waiting goes on
   */
  constructor(
    private readonly libc: Libc,
    private readonly arena: Arena,
    private readonly base: number,
    descriptor: number,
    way: 'read' | 'write',
    private readonly ready: () => void,
    private readonly failed: () => void,
  ) {
    this.at = arena.allocate(POLL_BYTES);
    arena.u32[this.at >>> 2] = descriptor;
    arena.u16[(this.at + P_WANTED) >>> 1] = way === 'read' ? POLLIN : POLLOUT;
  }

  /** Tells when it is ready; asking again before is nothing. */
  wait(): void {
    if (this.waiting !== undefined || this.isClosed) return;
    this.waiting = this.libc.poll(this.base + this.at, STRETCH_MS).then((count) => {
      this.waiting = undefined;
      if (this.isClosed) return;
      const found = count > 0 ? this.arena.u16[(this.at + P_FOUND) >>> 1] : 0;
      if ((found & ~(POLLIN | POLLOUT)) !== 0) this.failed();
      if ((found & (POLLIN | POLLOUT)) !== 0) this.ready();
      else this.wait();
    });
  }

  /** Resolves when the kernel writes into the memory no more. */
  async close(): Promise<void> {
    this.isClosed = true;
    await this.waiting;
  }
}
