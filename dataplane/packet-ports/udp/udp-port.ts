import { createSocket, type Socket } from 'node:dgram';
import { isIP } from 'node:net';
import { endpointText, type Endpoint } from '../../../domain/base/endpoint';
import { FlowgridError } from '../../../domain/base/errors';
import type { Arena } from '../../frames/arena';
import { S_LEN, S_OFF } from '../../frames/layout';
import type { OpenPort, PacketPort, PortListener, PortMemory, PortStatistics } from '../port';
import { DATAGRAM_MAX } from './datagram';
import { Incoming } from './incoming';
import { Names } from './names';
import { Outgoing } from './outgoing';
import { NO_PEER, type Peers } from './peers';

export interface UdpPortOptions {
  /** Where it listens, and what it sends from. Port 0: any free one. */
  readonly local: Endpoint;
  readonly peers: Peers;
  /**
   * Longest datagram; a frame that fits into none is dropped as `too-long`. By default every frame fits, and those that
   * fit into a jumbo frame together travel together.
   */
  readonly datagramBytes?: number;
  /** Makes numbers of streams: different ones for each peer and life of this process. */
  readonly newStream: () => number;
}

/** Bytes that the operating system is asked to hold in each direction; it may allow less. */
const SOCKET_BYTES = 4 * 1024 * 1024;

/**
 * A packet port over UDP: several frames a datagram (docs/reference/datagram.md). Needs no rights and runs on any host.
 * Who sends is not asked: frames of the underlay prove by their signature where they come from, and what arrives for an
 * external network is what anybody may send there.
 */
export class UdpPort implements PacketPort {
  private readonly arena: Arena;
  private readonly incoming: Incoming;
  private readonly outgoing: Outgoing;
  private tooLong = 0;
  private unknownPeer = 0;
  private socketErrors = 0;
  private busy = false;
  private closed = false;

  private constructor(
    private readonly memory: PortMemory,
    private readonly listener: PortListener,
    private readonly options: UdpPortOptions,
    private readonly socket: Socket,
    datagramBytes: number,
  ) {
    this.arena = memory.arena;
    this.incoming = new Incoming(memory);
    this.outgoing = new Outgoing(
      memory.arena,
      datagramBytes,
      options.peers.endpoints,
      options.newStream,
      (view, length, { host, port }, done) => {
        if (!this.closed) socket.send(view, 0, length, port, host, done);
      },
      () => this.freed(),
    );
    socket.on('message', (datagram) => {
      this.incoming.arrived(datagram);
      listener.readable();
    });
    // A datagram that the network refused ends nothing: it is lost, as any may be.
    socket.on('error', () => this.socketErrors++);
  }

  /** @throws FlowgridError `usage` when the address cannot be listened on. */
  static async open(memory: PortMemory, listener: PortListener, options: UdpPortOptions): Promise<UdpPort> {
    const { host, port } = options.local;
    const datagramBytes = options.datagramBytes ?? DATAGRAM_MAX;
    const socket = createSocket({
      type: isIP(host) === 6 ? 'udp6' : 'udp4',
      lookup: new Names().lookup as never,
    });
    await new Promise<void>((resolve, reject) => {
      socket.once('error', (cause: NodeJS.ErrnoException) => {
        socket.close();
        reject(
          new FlowgridError('usage', `UDP ${endpointText(options.local)}: cannot be listened on (${cause.code})`, {
            remedy: 'Name an address of this host and a port that nobody uses.',
            cause,
          }),
        );
      });
      socket.bind(port, host, resolve);
    });
    socket.removeAllListeners('error');
    socket.setRecvBufferSize(SOCKET_BYTES);
    socket.setSendBufferSize(SOCKET_BYTES);
    return new UdpPort(memory, listener, options, socket, datagramBytes);
  }

  /** For {@link OpenPort}. */
  static opener(options: UdpPortOptions): OpenPort {
    return (memory, listener) => UdpPort.open(memory, listener, options);
  }

  /** Where it listens: the port that was free, where any was asked for. */
  get local(): Endpoint {
    const { address, port } = this.socket.address();
    return { host: address, port };
  }

  /** Whether it has taken frames that the operating system does not have yet: a name is being looked up, say. */
  get isSending(): boolean {
    return this.outgoing.isSending;
  }

  receive(list: number, max: number): number {
    return this.incoming.receive(list, max);
  }

  send(list: number, n: number): number {
    const { u32 } = this.arena;
    let taken = 0;
    while (taken < n && this.take(u32[(list >>> 2) + taken])) taken++;
    this.outgoing.flush();
    this.busy = taken < n;
    return taken;
  }

  statistics(): PortStatistics {
    const { incoming, outgoing } = this;
    const dropped = {
      malformed: incoming.malformed,
      overrun: incoming.overrun,
      missing: incoming.streams.missing,
      'too-long': this.tooLong,
      'unknown-peer': this.unknownPeer,
      'send-failed': outgoing.failed,
      'socket-error': this.socketErrors,
    };
    return {
      framesIn: incoming.frames,
      framesOut: outgoing.frames - outgoing.failed,
      bytesIn: incoming.bytes,
      bytesOut: outgoing.bytes,
      datagramsIn: incoming.datagrams,
      datagramsOut: outgoing.datagrams,
      dropped: Object.fromEntries(Object.entries(dropped).filter(([, n]) => n > 0)),
    };
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    await new Promise<void>((resolve) => this.socket.close(resolve));
  }

  /** Sends a frame, or drops it for good; false when there is no room for it now. */
  private take(slot: number): boolean {
    const { u32 } = this.arena;
    const address = this.arena.slot(slot);
    const length = u32[(address + S_LEN) >>> 2];
    const peer = this.options.peers.of(this.arena, address);
    if (peer === NO_PEER) this.unknownPeer++;
    else if (!this.outgoing.takes(length)) this.tooLong++;
    else if (!this.outgoing.add(peer, address + u32[(address + S_OFF) >>> 2], length)) return false;
    this.memory.slots.free(slot);
    return true;
  }

  private freed(): void {
    if (!this.busy) return;
    this.busy = false;
    this.listener.writable();
  }
}
