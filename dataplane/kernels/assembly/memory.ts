import { A_NODES, A_SLOTS, NODE_SIZE, SLOT_STRIDE } from './layout';

/** Finding one's way in the shared memory. Static methods, because they can be marked for inlining. */
export class Memory {
  /** Address of slot 0: read once a batch. */
  @inline static firstSlot(): usize {
    return load<u32>(A_SLOTS);
  }

  /** Address of the slot whose number is the `i`-th of the batch. */
  @inline static slotAt(slots: usize, list: usize, i: u32): usize {
    return slots + <usize>load<u32>(list + ((<usize>i) << 2)) * SLOT_STRIDE;
  }

  /** Address of a node's entry in the node table. */
  @inline static node(ref: u32): usize {
    return <usize>load<u32>(A_NODES) + <usize>ref * NODE_SIZE;
  }

  /** Big-endian 16 bits at `at`. */
  @inline static big16(at: usize): u32 {
    return <u32>bswap<u16>(load<u16>(at));
  }

  /**
   * Keeps a sum of 32-bit words that were loaded only to bring their cache lines in. It never equals −1; the compiler
   * cannot know that, so it must load them.
   */
  @inline static keep(touched: u64, list: usize): void {
    if (touched === u64.MAX_VALUE) store<u32>(list, 0);
  }
}

/** 32-bit arithmetic as in domain/base/hash.ts. */
export class Mix {
  @inline static mix32(value: u32): u32 {
    let h = value;
    h = (h ^ (h >> 16)) * 0x85ebca6b;
    h = (h ^ (h >> 13)) * 0xc2b2ae35;
    return h ^ (h >> 16);
  }
}
