import type { Arena } from '../frames/arena';
import { FlowgridError } from '../../domain/base/errors';
import { NODE_REF_COUNT, type NodeRef } from '../../domain/base/ids';
import { createRing, RingReader, RingWriter } from './spsc-ring';

/** What another thread needs to attach to a fabric; structured-cloneable. */
export interface FabricShare {
  readonly address: number;
  readonly groups: number;
  readonly ringCapacity: number;
}

/** NodeRef 0 as a consumer: the world, that is, whoever takes the frames that leave the grid. */
export const WORLD: NodeRef = 0;

/** As a consumer: all nodes that other agents host, that is, the underlay, which carries their frames there. */
export const UPLINK: NodeRef = 1;

/** Bytes of one producer's counters: published, consumed, each on a cache line of its own. */
const COUNTERS_SIZE = 128;
const CONSUMED = 64;

/**
 * The rings between the groups of a grid: one ring for each producer and consuming node. Producers are the groups
 * 0 … groups − 1 and, with number `groups`, the world, which injects frames from external networks.
 *
 * A directory in the shared memory says where each ring lies (u32 address by producer and NodeRef, 0 = none). The
 * group that hosts a node opens its inbox; producers find the rings when they first send.
 *
 * *Quiescence*: every producer counts the entries that it published, every consumer those that it has dealt with,
 * after it published what came of them. The grid is at rest if and only if both sums agree, see {@link quiescent}.
 */
export class Fabric {
  private readonly directory: number;
  /** The world's rings, only looked at. */
  private outward: readonly RingReader[] | undefined;

  private constructor(
    private readonly arena: Arena,
    private readonly layout: FabricShare,
  ) {
    this.directory = layout.address + COUNTERS_SIZE * (layout.groups + 1);
  }

  /** Allocates a fabric for `groups` groups; every ring holds `ringCapacity` entries (a power of two). */
  static create(arena: Arena, groups: number, ringCapacity: number): Fabric {
    if ((ringCapacity & (ringCapacity - 1)) !== 0) {
      throw new FlowgridError('internal', `ring capacity ${ringCapacity} is no power of two`);
    }
    const producers = groups + 1;
    const address = arena.allocate(producers * (COUNTERS_SIZE + 4 * NODE_REF_COUNT), 64);
    const fabric = new Fabric(arena, { address, groups, ringCapacity });
    fabric.openInbox(WORLD);
    return fabric;
  }

  /** Another thread's view of the same fabric, over its own view of the same arena. */
  static attach(arena: Arena, share: FabricShare): Fabric {
    return new Fabric(arena, share);
  }

  /** What {@link attach} takes. */
  share(): FabricShare {
    return this.layout;
  }

  /** Number of groups; also the producer number of the world. */
  get groups(): number {
    return this.layout.groups;
  }

  /** Allocates the rings into a node, one per producer, unless they are there (a node that returns keeps its rings). */
  openInbox(consumer: NodeRef): void {
    for (let producer = 0; producer <= this.layout.groups; producer++) {
      if (this.ringAddress(producer, consumer) !== 0) continue;
      const ring = createRing(this.arena, this.layout.ringCapacity);
      Atomics.store(this.arena.i32, this.entry(producer, consumer), ring);
    }
  }

  /** The writing end of the ring from a producer to a node; undefined while the node has no inbox. */
  writer(producer: number, consumer: NodeRef): RingWriter | undefined {
    const address = this.ringAddress(producer, consumer);
    return address === 0 ? undefined : new RingWriter(this.arena, address);
  }

  /** The reading ends of all rings into a node, by producer. @throws FlowgridError `internal` without an inbox. */
  readers(consumer: NodeRef): RingReader[] {
    const readers: RingReader[] = [];
    for (let producer = 0; producer <= this.layout.groups; producer++) {
      const address = this.ringAddress(producer, consumer);
      if (address === 0) throw new FlowgridError('internal', `node ${consumer} has no inbox`);
      readers.push(new RingReader(this.arena, address));
    }
    return readers;
  }

  /** Counts entries that `producer` published. Call before publishing, so that no reader is ahead of the count. */
  countPublished(producer: number, n: number): void {
    Atomics.add(this.arena.i32, (this.layout.address + COUNTERS_SIZE * producer) >>> 2, n);
  }

  /** Counts entries that `consumer` has dealt with; call after publishing what came of them. */
  countConsumed(consumer: number, n: number): void {
    Atomics.add(this.arena.i32, (this.layout.address + COUNTERS_SIZE * consumer + CONSUMED) >>> 2, n);
  }

  /** Whether nothing is under way in any ring or group. */
  quiescent(): boolean {
    return this.underWay() === 0;
  }

  /**
   * Entries under way: published, and not dealt with yet. Consumption is read first: both counts only grow and
   * consumption never passes publication, so that equal sums mean that nothing moved in between.
   */
  underWay(): number {
    const consumed = this.sum(CONSUMED);
    return (this.sum(0) - consumed) | 0;
  }

  /** Whether nothing is under way but what waits for the world to take it. */
  restsInside(): boolean {
    const consumed = this.sum(CONSUMED);
    this.outward ??= this.readers(WORLD);
    let waiting = 0;
    for (const ring of this.outward) waiting += ring.waiting;
    return ((consumed + waiting) | 0) === this.sum(0);
  }

  private sum(offset: number): number {
    let sum = 0;
    for (let producer = 0; producer <= this.layout.groups; producer++) {
      sum = (sum + Atomics.load(this.arena.i32, (this.layout.address + COUNTERS_SIZE * producer + offset) >>> 2)) | 0;
    }
    return sum;
  }

  private ringAddress(producer: number, consumer: NodeRef): number {
    return Atomics.load(this.arena.i32, this.entry(producer, consumer)) >>> 0;
  }

  private entry(producer: number, consumer: NodeRef): number {
    return (this.directory >>> 2) + producer * NODE_REF_COUNT + consumer;
  }
}
