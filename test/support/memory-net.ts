import { endpointText } from '../../domain/base/endpoint';
import type { OpenPort, PortListener, PortMemory, PortStatistics } from '../../dataplane/packet-ports/port';
import { NO_PEER, type Peers } from '../../dataplane/packet-ports/udp/peers';
import { QueuedPort } from './queued-port';

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

class MemoryPort extends QueuedPort {
  isCut = false;
  isDeaf = false;
  readonly unheard = new Set<MemoryPort>();
  private lost = 0;

  constructor(
    private readonly net: MemoryNet,
    memory: PortMemory,
    listener: PortListener,
    private readonly peers: Peers,
  ) {
    super(memory, listener);
  }

  protected leave(address: number, frame: Uint8Array): void {
    const peer = this.peers.of(this.memory.arena, address);
    const to = peer === NO_PEER ? undefined : this.net.at(endpointText(this.peers.endpoints[peer]!));
    if (to === undefined || to.isDeaf || to.unheard.has(this) || this.isCut) this.lost++;
    else to.arrived(frame.slice());
  }

  override statistics(): PortStatistics {
    return { ...super.statistics(), dropped: this.lost === 0 ? {} : { lost: this.lost } };
  }

  async close(): Promise<void> {
    this.isCut = this.isDeaf = true;
  }
}
