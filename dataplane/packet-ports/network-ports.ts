import type { Micros } from '../../domain/base/ids';
import type { Topology } from '../../domain/topology/topology';
import type { WorldPort } from '../node/world-port';
import { S_FRAME_NO, S_TIME } from '../frames/layout';
import { NO_FRAME_NUMBER } from '../frames/slots';
import { Outlet } from './outlet';
import type { PacketPort, PortMemory, PortStatistics } from './port';
import { VlanNetworks } from './vlan-networks';

/** A port by which an external network is attached to this machine, or several, told apart by their VLANs. */
interface Attached {
  readonly names: readonly string[];
  readonly port: PacketPort;
  readonly outlet: Outlet;
  /** Number of (the first of) its networks in the latest topology; 0 = that has none, and nothing is read from the port. */
  id: number;
  /** Of a port with several networks: which of them a frame is of. */
  vlans: VlanNetworks | undefined;
  /** Frames with a VLAN ID, or without one, that is none of the networks', or not of the one that they were to leave to. */
  strange: number;
  /** Frames that no INODE here took, and that left faster than the port could send. */
  unreachable: number;
  busy: number;
}

/** The external networks of a machine: what arrives at their ports enters the grid, what leaves the grid goes to them. */
export class NetworkPorts {
  private readonly attached: Attached[] = [];
  private byId: (Attached | undefined)[] = [];
  private readonly arrived: number;
  /** Frames for networks that are not attached here. */
  private unattached = 0;

  constructor(
    private readonly memory: PortMemory,
    private readonly world: WorldPort,
    /** Frames received from a port at once, at most. */
    private readonly batch: number,
  ) {
    this.arrived = memory.arena.allocate(4 * batch, 4);
  }

  /**
   * Attaches a network by its name in the grid file, or several that share the port: then a frame is of the one whose external
   * links name its VLAN ID, and leaves with a VLAN ID of the one that it leaves to or not at all.
   */
  attach(names: readonly string[], port: PacketPort): void {
    const outlet = new Outlet(this.memory.arena, port);
    this.attached.push({ names, port, outlet, id: 0, vlans: undefined, strange: 0, unreachable: 0, busy: 0 });
  }

  /** Learns the numbers of networks, and the VLAN IDs of those that share a port. */
  install(topology: Pick<Topology, 'networks' | 'links'>): void {
    this.byId = [];
    for (const attached of this.attached) {
      const { names } = attached;
      const ids = topology.networks.filter(({ name }) => names.includes(name)).map(({ id }) => id);
      attached.id = ids[0] ?? 0;
      attached.vlans = names.length > 1 ? new VlanNetworks(names, topology) : undefined;
      for (const id of ids) this.byId[id] = attached;
    }
  }

  /** Takes a batch of frames from each network to its INODEs; returns how many there were. */
  receive(now: Micros): number {
    let received = 0;
    for (let i = 0; i < this.attached.length; i++) received += this.receiveFrom(this.attached[i], now);
    if (received > 0) this.world.publish();
    return received;
  }

  /** Sends out what has left the grid; returns how many frames that were. */
  drain(): number {
    const left = this.world.drain(this.leave);
    for (let i = 0; i < this.attached.length; i++) this.attached[i].outlet.flush();
    return left;
  }

  /** By name (of several networks at one port all, with commas); `unattached` counts frames that left for a network without a port here. */
  statistics(): { readonly networks: ReadonlyMap<string, PortStatistics>; readonly unattached: number } {
    const networks = this.attached.map(({ names, port, strange, unreachable, busy }) => {
      const counted = port.statistics();
      const dropped: { [reason: string]: number } = { ...counted.dropped };
      if (strange > 0) dropped['unknown-vlan'] = strange;
      if (unreachable > 0) dropped['no-member'] = unreachable;
      if (busy > 0) dropped['busy'] = busy;
      return [names.join(','), { ...counted, dropped }] as const;
    });
    return { networks: new Map(networks), unattached: this.unattached };
  }

  async close(): Promise<void> {
    await Promise.all(this.attached.map(({ port }) => port.close()));
  }

  private receiveFrom(network: Attached, now: Micros): number {
    if (network.id === 0) return 0;
    const { u32, f64 } = this.memory.arena;
    const n = network.port.receive(this.arrived, this.batch);
    for (let i = 0; i < n; i++) {
      const slot = u32[(this.arrived >>> 2) + i];
      const address = this.memory.arena.slot(slot);
      f64[(address + S_TIME) >>> 3] = Math.trunc(now);
      u32[(address + S_FRAME_NO) >>> 2] = NO_FRAME_NUMBER;
      const id = network.vlans === undefined ? network.id : network.vlans.of(this.memory.arena, address);
      if (id !== 0 && this.world.inject(id, slot)) continue;
      if (id === 0) network.strange++;
      else network.unreachable++;
      this.memory.slots.free(slot);
    }
    return n;
  }

  /** Where many networks share the way out, a busy one loses frames, and does not hold up the others. */
  private readonly leave = (slot: number, id: number): void => {
    const network = this.byId[id];
    if (network?.vlans !== undefined && network.vlans.of(this.memory.arena, this.memory.arena.slot(slot)) !== id) {
      network.strange++;
    } else if (network !== undefined) {
      if (network.outlet.room === 0) network.outlet.flush();
      if (network.outlet.add(slot)) return;
      network.busy++;
    } else {
      this.unattached++;
    }
    this.memory.slots.free(slot);
  };
}
