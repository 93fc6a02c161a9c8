import { FlowgridError } from '../../domain/base/errors';
import { NODE_REF_COUNT } from '../../domain/base/ids';
import {
  ARENA_HEADER,
  A_CURSOR,
  A_FREE_BATCH,
  A_FREE_LINKS,
  A_NODES,
  A_SLOTS,
  A_SLOT_COUNT,
  NODE_SIZE,
  SLOT_STRIDE,
} from './layout';
import { batchSize, SLOT_COUNT_MAX, stackFreeSlots } from './slots';

const PAGE = 65536;
/** A 32-bit WebAssembly memory ends here. */
const PAGES_MAX = 65536;

/** What another thread needs to attach to an arena; structured-cloneable. */
export interface ArenaShare {
  readonly memory: WebAssembly.Memory;
}

export interface ArenaOptions {
  /** Number of slots, 1 … {@link SLOT_COUNT_MAX}. Each takes 17 KiB of address space, touched only when used. */
  readonly slots: number;
  /** Bytes for everything else (tables, rings, path lists), on top of slots and node table. */
  readonly bytes: number;
}

/**
 * The one memory that holds everything a packet touches, shared by all threads and by the kernels (layout.ts). Its size
 * is fixed at creation; the operating system backs pages when they are first written. Parts are allocated once, when a
 * node or group is set up, and never freed singly.
 *
 * Views and fields are plain, so that hot loops read them into locals. All addresses are bytes from the memory's start;
 * 0 means "none".
 */
export class Arena {
  readonly u8: Uint8Array;
  readonly u16: Uint16Array;
  readonly u32: Uint32Array;
  readonly i32: Int32Array;
  readonly f64: Float64Array;
  readonly view: DataView;
  readonly slotCount: number;
  /** Address of slot 0. */
  readonly slots: number;
  /** Address of the node table: NODE_SIZE bytes a NodeRef (`N_*`). */
  readonly nodeTable: number;

  private constructor(readonly memory: WebAssembly.Memory) {
    const buffer = memory.buffer;
    this.u8 = new Uint8Array(buffer);
    this.u16 = new Uint16Array(buffer);
    this.u32 = new Uint32Array(buffer);
    this.i32 = new Int32Array(buffer);
    this.f64 = new Float64Array(buffer);
    this.view = new DataView(buffer);
    this.slotCount = this.u32[A_SLOT_COUNT >>> 2];
    this.slots = this.u32[A_SLOTS >>> 2];
    this.nodeTable = this.u32[A_NODES >>> 2];
  }

  /**
   * Makes an arena with all slots free.
   * @throws FlowgridError `usage` if the sizes are out of range or together exceed 4 GiB.
   */
  static create({ slots, bytes }: ArenaOptions): Arena {
    if (!Number.isInteger(slots) || slots < 1 || slots > SLOT_COUNT_MAX || !(bytes >= 0)) {
      throw new FlowgridError('usage', `an arena of ${slots} slots and ${bytes} further bytes cannot be made`, {
        remedy: `ask for 1 to ${SLOT_COUNT_MAX} slots`,
      });
    }
    const nodeTable = ARENA_HEADER;
    const links = nodeTable + NODE_SIZE * NODE_REF_COUNT;
    const firstSlot = align(links + 8 * slots, 64);
    const free = firstSlot + SLOT_STRIDE * slots;
    const pages = Math.ceil((free + bytes) / PAGE);
    if (pages > PAGES_MAX) {
      throw new FlowgridError('usage', `an arena of ${slots} slots and ${bytes} further bytes exceeds 4 GiB`, {
        remedy: 'use fewer slots or smaller tables',
      });
    }
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
    const words = new Uint32Array(memory.buffer);
    words[A_CURSOR >>> 2] = free;
    words[A_SLOTS >>> 2] = firstSlot;
    words[A_SLOT_COUNT >>> 2] = slots;
    words[A_NODES >>> 2] = nodeTable;
    words[A_FREE_LINKS >>> 2] = links;
    words[A_FREE_BATCH >>> 2] = batchSize(slots);
    stackFreeSlots(words);
    return new Arena(memory);
  }

  /** Another thread's view of an arena. */
  static attach(share: ArenaShare): Arena {
    return new Arena(share.memory);
  }

  /** What {@link attach} takes. */
  share(): ArenaShare {
    return { memory: this.memory };
  }

  /** Address of slot `n`. */
  slot(n: number): number {
    return this.slots + SLOT_STRIDE * n;
  }

  /** Number of the slot at `address`. */
  slotNumber(address: number): number {
    return (address - this.slots) / SLOT_STRIDE;
  }

  /** Address of a node's entry in the node table. */
  node(ref: number): number {
    return this.nodeTable + NODE_SIZE * ref;
  }

  /**
   * Takes `bytes` zeroed bytes, for good; any thread may call it.
   * @param alignment a power of two, at least 4.
   * @throws FlowgridError `internal` when the arena has no room left.
   */
  allocate(bytes: number, alignment = 64): number {
    const address = this.tryAllocate(bytes, alignment);
    if (address === 0) {
      throw new FlowgridError('internal', `the arena has no room for ${bytes} more bytes`, {
        remedy: 'create it with more bytes',
      });
    }
    return address;
  }

  /** As {@link allocate}, but 0 when there is no room. */
  tryAllocate(bytes: number, alignment = 64): number {
    const cursor = A_CURSOR >>> 2;
    for (;;) {
      const before = Atomics.load(this.u32, cursor);
      const address = align(before, alignment);
      const after = align(address + bytes, 4);
      // The last bytes of a 4 GiB memory stay unused: the cursor must not wrap to 0.
      if (after > this.u8.length || after >= 2 ** 32) return 0;
      if (Atomics.compareExchange(this.u32, cursor, before, after) === before) return address;
    }
  }

  /** Bytes not yet allocated. */
  get available(): number {
    return this.u8.length - Atomics.load(this.u32, A_CURSOR >>> 2);
  }
}

/** Rounds up to a multiple of a power of two; exact beyond 2^31. */
function align(value: number, alignment: number): number {
  return Math.ceil(value / alignment) * alignment;
}
