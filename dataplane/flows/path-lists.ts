import { PATH_COUNT_MAX } from '../frames/layout';
import type { Arena } from '../frames/arena';
import { clusterOf, nodeOf, nodeRef, type NodeRef } from '../../domain/base/ids';

/** Lists are stored in multiples of this many bytes; released ones are used again by lists of the same size. */
const GRAIN = 16;
const CHUNK = 4096;

interface Interned {
  readonly key: string;
  readonly address: number;
  readonly count: number;
  uses: number;
}

/**
 * Path lists as descriptors carry them (`F_PATH`): two bytes an element, cluster ID and node ID, processed bits
 * clear, node 0 = not chosen yet. Equal lists share one copy in the arena, which is counted: whoever puts a list into
 * a flow entry interns it and releases it with the entry.
 *
 * One thread owns an instance.
 */
export class PathLists {
  private readonly byKey = new Map<string, Interned>();
  private readonly byAddress = new Map<number, Interned>();
  /** Addresses of released room, by size in grains. */
  private readonly released: number[][] = Array.from({ length: Math.ceil((2 * PATH_COUNT_MAX) / GRAIN) + 1 }, () => []);
  private chunk = 0;
  private chunkEnd = 0;

  constructor(private readonly arena: Arena) {}

  /** Different lists held. */
  get size(): number {
    return this.byKey.size;
  }

  /** The address of the list, held until it is released as often as interned; 0 when the arena has no room. */
  intern(path: readonly NodeRef[]): number {
    const key = String.fromCharCode(...path);
    const known = this.byKey.get(key);
    if (known !== undefined) {
      known.uses++;
      return known.address;
    }
    const address = this.room(grains(path.length));
    if (address === 0) return 0;
    path.forEach((ref, i) => {
      this.arena.u8[address + 2 * i] = clusterOf(ref);
      this.arena.u8[address + 2 * i + 1] = nodeOf(ref);
    });
    const interned = { key, address, count: path.length, uses: 1 };
    this.byKey.set(key, interned);
    this.byAddress.set(address, interned);
    return address;
  }

  /** Gives up one use of the list at `address`; unknown addresses (0 among them) are ignored. */
  release(address: number): void {
    const interned = this.byAddress.get(address);
    if (interned === undefined || --interned.uses > 0) return;
    this.byKey.delete(interned.key);
    this.byAddress.delete(address);
    this.released[grains(interned.count)].push(address);
  }

  /** The elements of the list at `address`. */
  read(address: number, count: number): NodeRef[] {
    const { u8 } = this.arena;
    return Array.from({ length: count }, (_, i) => nodeRef(u8[address + 2 * i], u8[address + 2 * i + 1] & 0x7f));
  }

  private room(size: number): number {
    const again = this.released[size].pop();
    if (again !== undefined) return again;
    if (this.chunk + size * GRAIN > this.chunkEnd) {
      const chunk = this.arena.tryAllocate(CHUNK);
      if (chunk === 0) return 0;
      this.chunk = chunk;
      this.chunkEnd = chunk + CHUNK;
    }
    const address = this.chunk;
    this.chunk += size * GRAIN;
    return address;
  }
}

function grains(count: number): number {
  return Math.max(1, Math.ceil((2 * count) / GRAIN));
}
