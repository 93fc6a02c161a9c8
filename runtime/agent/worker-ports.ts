import { nodeRef, type Micros, type NodeRef } from '../../domain/base/ids';
import type { PublishedTopology, Topology } from '../../domain/topology/topology';
import type { Arena } from '../../dataplane/frames/arena';
import { SlotPool } from '../../dataplane/frames/slots';
import { WorldPort } from '../../dataplane/node/world-port';
import { MemoryPort, type MemoryPortShare } from '../../dataplane/packet-ports/memory-port';
import { NetworkPorts } from '../../dataplane/packet-ports/network-ports';
import type { Fabric } from '../../dataplane/rings/fabric';

/** Frames read from a port at once, at most. */
const BATCH = 64;
/**
 * Entries under way in the whole grid, at most, while more is read: what the rings have room for, and what a core's cache
 * holds. More waits at the ports, where it is lost, if at all, before anybody has worked on it.
 */
const UNDER_WAY_MAX = 512;

/** An external network and what its port is opened on; structured-cloneable. */
export interface NetworkSetup {
  /** As the grid file calls it. */
  readonly name: string;
  readonly port: MemoryPortShare;
}

/**
 * The external networks attached to one packet worker: their frames enter and leave in the thread that hosts their INODEs,
 * and no other thread is in a frame's way. They reach the INODEs hosted here, and no others.
 */
export class WorkerPorts {
  private readonly slots: SlotPool;
  private readonly world: WorldPort;
  private readonly networks: NetworkPorts;
  private latest: Topology | undefined;

  constructor(
    private readonly arena: Arena,
    private readonly fabric: Fabric,
    group: number,
  ) {
    this.slots = new SlotPool(arena);
    this.world = new WorldPort(arena, fabric, group);
    this.networks = new NetworkPorts({ arena, slots: this.slots }, this.world, BATCH);
  }

  attach({ name, port }: NetworkSetup): void {
    this.networks.attach([name], new MemoryPort({ arena: this.arena, slots: this.slots }, port));
  }

  /** Learns the numbers of networks and the INODEs that they reach, if the topology is newer than the one before. */
  install(published: PublishedTopology): void {
    if (published.topology.version <= (this.latest?.version ?? 0)) return;
    this.latest = published.topology;
    this.networks.install(published.topology);
    this.world.install(published);
  }

  /** The networks find out which INODEs are alive here. */
  judgeDoors(isAlive: (node: NodeRef) => boolean): void {
    for (const { id, role, members } of this.latest?.clusters ?? []) {
      if (role !== 'inode') continue;
      for (const { node } of members) this.world.setAlive(nodeRef(id, node), isAlive(nodeRef(id, node)));
    }
  }

  /** Reads a batch from each port, unless enough is under way; returns how many frames entered. */
  receive(now: Micros): number {
    return this.fabric.underWay() < UNDER_WAY_MAX ? this.networks.receive(now) : 0;
  }

  /** Sends out what has left the grid here. */
  drain(): void {
    this.networks.drain();
  }
}
