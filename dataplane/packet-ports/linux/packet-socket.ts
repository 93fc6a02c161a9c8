import { readdirSync } from 'node:fs';
import { constants } from 'node:os';
import { FlowgridError } from '../../../domain/base/errors';
import {
  IFF_UP,
  interfaceRequest,
  intOf,
  NAME_MAX,
  shortOf,
  SIOCGIFFLAGS,
  SIOCGIFHWADDR,
  SIOCGIFINDEX,
  SIOCGIFMTU,
} from './interface-request';
import { CLOSE_ON_EXEC, failureText, type Libc } from './libc';

/** linux/if_packet.h, and net/if_arp.h */
const AF_PACKET = 17;
const SOCK_RAW = 3;
const SOCK_NONBLOCK = 0x800;
export const SOL_PACKET = 263;
const PACKET_ADD_MEMBERSHIP = 1;
const PACKET_STATISTICS = 6;
export const PACKET_AUXDATA = 8;
const PACKET_IGNORE_OUTGOING = 23;
const PACKET_MR_PROMISC = 1;
const ETH_P_ALL = 3;
const ARPHRD_ETHER = 1;
/** asm-generic/socket.h */
const SOL_SOCKET = 1;
const SO_ERROR = 4;
const SO_SNDBUF = 7;
const SO_RCVBUF = 8;
const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;
/** Bytes that the kernel is asked to hold in each direction; without the right to more it holds less. */
const SOCKET_BYTES = 8 * 1024 * 1024;

const { EACCES, EPERM, ENODEV } = constants.errno;

/** A raw socket on an Ethernet interface: every frame that comes to it, with its tag told aside, and none that leaves by it. */
export class PacketSocket {
  private dropped = 0;
  private index: number;

  private constructor(
    readonly libc: Libc,
    readonly descriptor: number,
    readonly name: string,
  ) {
    this.index = this.ask(SIOCGIFINDEX);
  }

  /**
   * @throws FlowgridError `usage` where the interface is not there, is down or is no Ethernet, or without the right;
   *   `unsupported` on a kernel before 4.20.
   */
  static open(libc: Libc, name: string): PacketSocket {
    // With protocol 0 nothing comes before it is bound: until then it would hear every interface.
    const descriptor = libc.socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | CLOSE_ON_EXEC, 0);
    if (descriptor < 0) throw refusal(name, descriptor);
    try {
      const socket = new PacketSocket(libc, descriptor, name);
      socket.check();
      socket.setUp();
      must(name, socket.bind(socket.index));
      return socket;
    } catch (error) {
      libc.close(descriptor);
      throw error;
    }
  }

  /** Bytes behind the Ethernet header that the interface takes; a tag may come on top. */
  get mtu(): number {
    return this.ask(SIOCGIFMTU);
  }

  /** Binds itself to the interface of its name if that is another than before; true if so. */
  rebind(): boolean {
    const index = this.ask(SIOCGIFINDEX);
    if (index < 0 || index === this.index || this.bind(index) < 0) return false;
    this.index = index;
    // That the old one went is told to the first frame else.
    this.takeError();
    return true;
  }

  /** Frames that the kernel had no room for, since it was opened. */
  overruns(): number {
    const counts = new Uint8Array(8);
    // Reading sets the kernel's own counts to nought.
    if (this.libc.getOption(this.descriptor, SOL_PACKET, PACKET_STATISTICS, counts) === 0) {
      this.dropped += new DataView(counts.buffer).getUint32(4, true);
    }
    return this.dropped;
  }

  /** What befell the interface, and is told once; 0 = nothing. */
  takeError(): number {
    const error = new Uint8Array(4);
    this.libc.getOption(this.descriptor, SOL_SOCKET, SO_ERROR, error);
    return new DataView(error.buffer).getInt32(0, true);
  }

  close(): void {
    this.libc.close(this.descriptor);
  }

  private check(): void {
    const { name, index } = this;
    if (name.length > NAME_MAX || index < 0) throw refusal(name, -ENODEV);
    if (this.ask(SIOCGIFHWADDR, shortOf) !== ARPHRD_ETHER) {
      throw new FlowgridError('usage', `interface ${name} is no Ethernet interface`, {
        remedy: 'name the one that is plugged into the LAN switch',
      });
    }
    if ((this.ask(SIOCGIFFLAGS, shortOf) & IFF_UP) === 0) {
      throw new FlowgridError('usage', `interface ${name} is down`, { remedy: `ip link set ${name} up` });
    }
  }

  private setUp(): void {
    const { libc, descriptor, name } = this;
    const on = word(1);
    must(name, libc.setOption(descriptor, SOL_PACKET, PACKET_AUXDATA, on));
    if (libc.setOption(descriptor, SOL_PACKET, PACKET_IGNORE_OUTGOING, on) < 0) {
      throw new FlowgridError('unsupported', `interface ${name}: this kernel cannot leave out what it sends itself`, {
        remedy: 'use Linux 4.20 or later, or --listen',
      });
    }
    for (const [force, ask] of [
      [SO_RCVBUFFORCE, SO_RCVBUF],
      [SO_SNDBUFFORCE, SO_SNDBUF],
    ] as const) {
      if (libc.setOption(descriptor, SOL_SOCKET, force, word(SOCKET_BYTES)) < 0)
        libc.setOption(descriptor, SOL_SOCKET, ask, word(SOCKET_BYTES));
    }
  }

  /** Hears all that comes to the interface, whomever it is addressed to: nodes have addresses of their own. */
  private bind(index: number): number {
    const { libc, descriptor } = this;
    const address = new DataView(new ArrayBuffer(20));
    address.setUint16(0, AF_PACKET, true);
    address.setUint16(2, ETH_P_ALL);
    address.setInt32(4, index, true);
    const bound = libc.bind(descriptor, new Uint8Array(address.buffer));
    if (bound < 0) return bound;
    const membership = new DataView(new ArrayBuffer(16));
    membership.setInt32(0, index, true);
    membership.setUint16(4, PACKET_MR_PROMISC, true);
    return libc.setOption(descriptor, SOL_PACKET, PACKET_ADD_MEMBERSHIP, new Uint8Array(membership.buffer));
  }

  /** What the system says of the interface; or the negative number of an error. */
  private ask(call: number, read: (request: Uint8Array) => number = intOf): number {
    const request = interfaceRequest(this.name);
    const result = this.libc.ioctl(this.descriptor, call, request);
    return result < 0 ? result : read(request);
  }
}

function word(value: number): Uint8Array {
  return new Uint8Array(new Int32Array([value]).buffer);
}

function must(name: string, result: number): void {
  if (result < 0) throw refusal(name, result);
}

function refusal(name: string, result: number): FlowgridError {
  if ([EACCES, EPERM].includes(-result)) {
    return new FlowgridError('usage', `interface ${name}: it cannot be opened (${failureText(result)})`, {
      remedy: 'run as root or with CAP_NET_RAW, or use --listen, which needs no rights',
    });
  }
  if (result === -ENODEV) {
    return new FlowgridError('usage', `there is no interface ${name}`, { remedy: `name one of ${interfaces()}` });
  }
  return new FlowgridError('usage', `interface ${name}: it cannot be opened (${failureText(result)})`);
}

function interfaces(): string {
  return readdirSync('/sys/class/net')
    .filter((each) => each !== 'lo')
    .join(', ');
}
