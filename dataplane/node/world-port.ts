import type { NodeRef } from '../../domain/base/ids';
import { nodeRef } from '../../domain/base/ids';
import { mix32 } from '../../domain/base/hash';
import type { PublishedTopology, TopologyCluster } from '../../domain/topology/topology';
import type { Arena } from '../frames/arena';
import { S_FLAGS, S_FROM, S_NETWORK, S_OFF, S_REASON } from '../frames/layout';
import { WORLD, type Fabric } from '../rings/fabric';
import type { RingReader, RingWriter } from '../rings/spsc-ring';

/** Frames taken out of the grid at a time. */
const BATCH = 64;

/**
 * The external networks' side of a grid: puts frames into the rings of INODEs and takes those that leave. One thread
 * owns it; it may be the one that hosts nodes, or another. Or each thread that hosts nodes has one of its own, for its
 * INODEs and for what its group lets out.
 */
export class WorldPort {
  private readonly list: number;
  /** Under which number frames are counted. */
  private readonly producer: number;
  private readonly writers = new Map<NodeRef, RingWriter>();
  private readonly dead = new Set<NodeRef>();
  private leaving: RingReader[] | undefined;
  private networks: PublishedTopology['topology']['networks'] = [];
  private clusters: readonly TopologyCluster[] = [];
  /** INODEs that an external network reaches, by its ID: made anew when it may have changed, and not for every frame. */
  private readonly doors: (readonly NodeRef[] | undefined)[] = [];
  private pushed = 0;

  constructor(
    private readonly arena: Arena,
    private readonly fabric: Fabric,
    /** The one group whose nodes' frames go in and out here; by default all groups'. */
    private readonly group?: number,
  ) {
    this.producer = group ?? fabric.groups;
    this.list = arena.allocate(4 * BATCH);
  }

  /** Learns which INODEs an external network reaches. */
  install({ topology }: PublishedTopology): void {
    this.networks = topology.networks;
    this.clusters = topology.clusters;
    this.findDoors();
  }

  /** The network's switches find a node dead (or back): its frames go to another INODE of the cluster from now on. */
  setAlive(ref: NodeRef, alive: boolean): void {
    if (alive) this.dead.delete(ref);
    else this.dead.add(ref);
    this.findDoors();
  }

  /**
   * A frame arrives at an external network: `S_OFF`, `S_LEN`, `S_TIME` and `S_FRAME_NO` are set. It goes to one of the
   * network's INODEs, by its source MAC address as a switch would do, or to `via`. False: there is none, or its ring is
   * full; the slot is still the caller's. Call {@link publish} when a batch is complete.
   */
  inject(network: number, slot: number, via: NodeRef = 0): boolean {
    const address = this.arena.slot(slot);
    const door = via === 0 ? this.doorOf(network, address) : via;
    const writer = door === 0 ? undefined : this.writerOf(door);
    if (writer === undefined) return false;
    this.arena.u16[(address + S_NETWORK) >>> 1] = network;
    this.arena.u16[(address + S_FROM) >>> 1] = 0;
    this.arena.u16[(address + S_REASON) >>> 1] = 0;
    this.arena.u16[(address + S_FLAGS) >>> 1] = 0;
    if (!writer.push(slot)) return false;
    this.pushed++;
    return true;
  }

  /** Shows to the INODEs what was injected. */
  publish(): void {
    if (this.pushed === 0) return;
    this.fabric.countPublished(this.producer, this.pushed);
    this.pushed = 0;
    for (const writer of this.writers.values()) writer.publish();
  }

  /** Takes every frame that has left the grid; `take` owns the slot. Returns how many. */
  drain(take: (slot: number, network: number) => void): number {
    this.leaving ??= this.fabric.readers(WORLD).filter((_, group) => this.group === undefined || group === this.group);
    let taken = 0;
    for (const reader of this.leaving) {
      for (let n = reader.take(this.list, BATCH); n > 0; n = reader.take(this.list, BATCH)) {
        for (let i = 0; i < n; i++) {
          const slot = this.arena.u32[(this.list >>> 2) + i];
          take(slot, this.arena.u16[(this.arena.slot(slot) + S_NETWORK) >>> 1]);
        }
        this.fabric.countConsumed(this.producer, n);
        taken += n;
      }
    }
    return taken;
  }

  private findDoors(): void {
    this.doors.length = 0;
    for (const network of this.networks) {
      const cluster = this.clusters.find(({ id }) => id === network.cluster);
      const members = cluster?.members.map(({ node }) => nodeRef(cluster.id, node)) ?? [];
      this.doors[network.id] = members.filter((ref) => !this.dead.has(ref));
    }
  }

  private doorOf(network: number, address: number): NodeRef {
    const live = this.doors[network];
    if (live === undefined) return 0;
    if (live.length < 2) return live[0] ?? 0;
    const source = address + this.arena.u32[(address + S_OFF) >>> 2] + 6;
    let hash = network;
    for (let i = 0; i < 6; i++) hash = mix32(hash ^ this.arena.u8[source + i]);
    return live[hash % live.length];
  }

  private writerOf(ref: NodeRef): RingWriter | undefined {
    const known = this.writers.get(ref);
    if (known !== undefined) return known;
    const writer = this.fabric.writer(this.fabric.groups, ref);
    if (writer !== undefined) this.writers.set(ref, writer);
    return writer;
  }
}
