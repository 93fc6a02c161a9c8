import { endpointText } from '../../domain/base/endpoint';
import { S_LEN, S_OFF, SLOT_FRAME } from '../../dataplane/frames/layout';
import type { OpenPort, PacketPort, PortListener, PortMemory, PortStatistics } from '../../dataplane/packet-ports/port';
import { NO_PEER, type Peers } from '../../dataplane/packet-ports/udp/peers';

/** A network of packet ports in this process: what one sends, its peer has at once. */
export class MemoryNet {
  private readonly ports = new Map<string, MemoryPort>();

  /** Opens a port under an address (`host:port`). */
  opener(local: string, peers: Peers): OpenPort {
    return async (memory, listener) => {
      const port = new MemoryPort(this, memory, listener, peers);
      this.ports.set(local, port);
      return port;
    };
  }

  /** Nothing reaches or leaves this address any more; or nothing reaches it, and what it sends arrives. */
  cut(local: string, direction: 'in' | 'both' = 'both'): void {
    const port = this.ports.get(local)!;
    port.isDeaf = true;
    if (direction === 'both') port.isCut = true;
  }

  /** Nothing reaches this address any more from another one. */
  cutFrom(local: string, from: string): void {
    this.ports.get(local)!.unheard.add(this.ports.get(from)!);
  }

  at(address: string): MemoryPort | undefined {
    return this.ports.get(address);
  }
}

class MemoryPort implements PacketPort {
  isCut = false;
  isDeaf = false;
  readonly unheard = new Set<MemoryPort>();
  private readonly queue: Uint8Array[] = [];
  private readonly counted = { framesIn: 0, framesOut: 0, bytesIn: 0, bytesOut: 0 };
  private lost = 0;

  constructor(
    private readonly net: MemoryNet,
    private readonly memory: PortMemory,
    private readonly listener: PortListener,
    private readonly peers: Peers,
  ) {}

  arrived(frame: Uint8Array): void {
    this.queue.push(frame);
    this.listener.readable();
  }

  receive(list: number, max: number): number {
    const { arena, slots } = this.memory;
    for (let n = 0; n < max; n++) {
      const slot = this.queue.length === 0 ? -1 : slots.allocate();
      if (slot < 0) return n;
      const frame = this.queue.shift()!;
      const address = arena.slot(slot);
      arena.u8.set(frame, address + SLOT_FRAME);
      arena.u32[(address + S_OFF) >>> 2] = SLOT_FRAME;
      arena.u32[(address + S_LEN) >>> 2] = frame.length;
      arena.u32[(list >>> 2) + n] = slot;
      this.counted.framesIn++;
      this.counted.bytesIn += frame.length;
    }
    return max;
  }

  send(list: number, n: number): number {
    const { arena, slots } = this.memory;
    for (let i = 0; i < n; i++) {
      const slot = arena.u32[(list >>> 2) + i]!;
      const address = arena.slot(slot);
      const start = address + arena.u32[(address + S_OFF) >>> 2]!;
      const length = arena.u32[(address + S_LEN) >>> 2]!;
      const peer = this.peers.of(arena, address);
      const to = peer === NO_PEER ? undefined : this.net.at(endpointText(this.peers.endpoints[peer]!));
      if (to === undefined || to.isDeaf || to.unheard.has(this) || this.isCut) this.lost++;
      else to.arrived(arena.u8.slice(start, start + length));
      this.counted.framesOut++;
      this.counted.bytesOut += length;
      slots.free(slot);
    }
    return n;
  }

  statistics(): PortStatistics {
    return { ...this.counted, dropped: this.lost === 0 ? {} : { lost: this.lost } };
  }

  async close(): Promise<void> {
    this.isCut = this.isDeaf = true;
  }
}
