import { constants } from 'node:os';
import type { Arena } from '../../frames/arena';
import { DESCRIPTOR_MAX, FRAME_MAX, FRAME_MIN, S_LEN, S_OFF, SLOT_FRAME } from '../../frames/layout';
import { NO_SLOT } from '../../frames/slots';
import { ETHERTYPE_VLAN } from '../../headers/numbers';
import type { OpenPort, PacketPort, PortListener, PortMemory, PortStatistics } from '../port';
import { isNotReady, loadLibc } from './libc';
import { PACKET_AUXDATA, PacketSocket, SOL_PACKET } from './packet-socket';
import { Readiness } from './readiness';

/** Frames that one system call moves at most. */
const BATCH = 64;
/** `struct mmsghdr`, `struct iovec` and room for one ancillary message, of 64-bit systems. */
const MESSAGE = 64;
const M_VECTOR = 16;
const M_VECTORS = 24;
const M_CONTROL = 32;
const M_CONTROL_LENGTH = 40;
const M_FLAGS = 48;
const M_LENGTH = 56;
const VECTOR = 16;
const V_LENGTH = 8;
const CONTROL = 64;
/** `struct cmsghdr`, and behind it `struct tpacket_auxdata`. */
const C_LEVEL = 8;
const C_TYPE = 12;
const C_STATUS = 16;
const C_TAG = 32;
const C_ETHERTYPE = 34;
const MSG_TRUNC = 0x20;
const STATUS_TAGGED = 0x10;
const STATUS_ETHERTYPE = 0x40;
/** Longest frame that is received, but for its tag: with a descriptor, as long as any. */
const ROOM = FRAME_MAX + DESCRIPTOR_MAX;
const ADDRESSES = 12;
const TAG = 4;

const { ENOBUFS, EMSGSIZE, ENETDOWN, ENXIO, ENODEV } = constants.errno;

/**
 * A packet port on an Ethernet interface of Linux: a raw socket that hears every frame, whomever it is addressed to, and moves
 * batches straight between the kernel and slots. The kernel takes a frame's outer VLAN tag off and tells it aside; it is put
 * back, so that frames arrive as they were on the wire.
 *
 * Frames that are as long as the interface allows (its MTU, the Ethernet header, and a tag) leave; longer ones are dropped as
 * `too-long`.
 */
export class LinuxPacketPort implements PacketPort {
  private readonly arena: Arena;
  /** Where the shared memory lies. */
  private readonly base: number;
  private readonly messages: number;
  private readonly vectors: number;
  private readonly controls: number;
  private readonly arrivals: Readiness;
  private readonly room: Readiness;
  private readonly taken = new Int32Array(BATCH);
  private readonly counted = { framesIn: 0, framesOut: 0, bytesIn: 0, bytesOut: 0 };
  private readonly dropped = { oversize: 0, runt: 0, 'too-long': 0, 'no-interface': 0, 'send-failed': 0 };
  private isClosed = false;

  private constructor(
    private readonly memory: PortMemory,
    listener: PortListener,
    private readonly socket: PacketSocket,
  ) {
    this.arena = memory.arena;
    this.base = socket.libc.addressOf(this.arena.u8);
    this.messages = this.arena.allocate(BATCH * MESSAGE);
    this.vectors = this.arena.allocate(BATCH * VECTOR);
    this.controls = this.arena.allocate(BATCH * CONTROL);
    const { libc, descriptor } = socket;
    const failed = (): void => void socket.takeError();
    const readable = (): void => listener.readable();
    const writable = (): void => listener.writable();
    this.arrivals = new Readiness(libc, this.arena, this.base, descriptor, 'read', readable, failed);
    this.room = new Readiness(libc, this.arena, this.base, descriptor, 'write', writable, failed);
    for (let i = 0; i < BATCH; i++) {
      this.point(this.messages + i * MESSAGE + M_VECTOR, this.vectors + i * VECTOR);
      this.arena.u32[(this.messages + i * MESSAGE + M_VECTORS) >>> 2] = 1;
    }
    this.arrivals.wait();
  }

  /** @throws FlowgridError see {@link loadLibc} and {@link PacketSocket.open} */
  static opener(name: string, purpose: string): OpenPort {
    return async (memory, listener) =>
      new LinuxPacketPort(memory, listener, PacketSocket.open(await loadLibc(purpose), name));
  }

  receive(list: number, max: number): number {
    const { slots } = this.memory;
    let ready = 0;
    for (const most = Math.min(max, BATCH); ready < most; ready++) {
      const slot = slots.allocate();
      if (slot === NO_SLOT) break;
      this.taken[ready] = slot;
      this.offer(ready, this.arena.slot(slot) + SLOT_FRAME, ROOM, CONTROL);
    }
    if (ready === 0) return 0;
    const result = this.socket.libc.receiveMany(this.socket.descriptor, this.base + this.messages, ready);
    const arrived = Math.max(0, result);
    let kept = 0;
    for (let i = 0; i < ready; i++) {
      const slot = this.taken[i];
      if (i < arrived && this.accept(i, slot)) this.arena.u32[(list >>> 2) + kept++] = slot;
      else slots.free(slot);
    }
    if (arrived < ready) this.arrivals.wait();
    return kept;
  }

  send(list: number, n: number): number {
    const { u32 } = this.arena;
    for (let done = 0; done < n;) {
      const ready = Math.min(n - done, BATCH);
      for (let i = 0; i < ready; i++) {
        const address = this.arena.slot(u32[(list >>> 2) + done + i]);
        this.offer(i, address + u32[(address + S_OFF) >>> 2], u32[(address + S_LEN) >>> 2], 0);
      }
      const result = this.socket.libc.sendMany(this.socket.descriptor, this.base + this.messages, ready);
      if (isNotReady(result) || result === -ENOBUFS) {
        this.room.wait();
        return done;
      }
      if (result < 0) this.lose(-result);
      else this.sent(list + 4 * done, result);
      // What could not be sent is gone as well: it would keep everything behind it.
      const gone = Math.max(1, result);
      for (let i = 0; i < gone; i++) this.memory.slots.free(u32[(list >>> 2) + done + i]);
      done += gone;
    }
    return n;
  }

  statistics(): PortStatistics {
    const dropped = { ...this.dropped, overrun: this.isClosed ? 0 : this.socket.overruns() };
    return { ...this.counted, dropped: Object.fromEntries(Object.entries(dropped).filter(([, count]) => count > 0)) };
  }

  get mtu(): number {
    return this.socket.mtu;
  }

  mend(): boolean {
    return !this.isClosed && this.socket.rebind();
  }

  async close(): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    await Promise.all([this.arrivals.close(), this.room.close()]);
    this.socket.close();
  }

  /** Points message `i` to bytes of the memory. */
  private offer(i: number, at: number, length: number, control: number): void {
    const { u32 } = this.arena;
    const [message, vector] = [this.messages + i * MESSAGE, this.vectors + i * VECTOR];
    this.point(vector, at);
    u32[(vector + V_LENGTH) >>> 2] = length;
    this.point(message + M_CONTROL, this.controls + i * CONTROL);
    u32[(message + M_CONTROL_LENGTH) >>> 2] = control;
  }

  private point(pointer: number, at: number): void {
    const address = this.base + at;
    this.arena.u32[pointer >>> 2] = address;
    this.arena.u32[(pointer >>> 2) + 1] = address / 2 ** 32;
  }

  /** Makes a received message the frame that it was on the wire; false if it is none that a slot can hold. */
  private accept(i: number, slot: number): boolean {
    const { u32 } = this.arena;
    const message = this.messages + i * MESSAGE;
    const address = this.arena.slot(slot);
    if ((u32[(message + M_FLAGS) >>> 2] & MSG_TRUNC) !== 0) this.dropped.oversize++;
    else if (u32[(message + M_LENGTH) >>> 2] < FRAME_MIN) this.dropped.runt++;
    else {
      u32[(address + S_OFF) >>> 2] = SLOT_FRAME;
      u32[(address + S_LEN) >>> 2] = u32[(message + M_LENGTH) >>> 2];
      if (u32[(message + M_CONTROL_LENGTH) >>> 2] > C_ETHERTYPE) this.restoreTag(this.controls + i * CONTROL, address);
      this.counted.framesIn++;
      this.counted.bytesIn += u32[(address + S_LEN) >>> 2];
      return true;
    }
    return false;
  }

  private restoreTag(control: number, address: number): void {
    const { u8, u16, u32 } = this.arena;
    if (u32[(control + C_LEVEL) >>> 2] !== SOL_PACKET || u32[(control + C_TYPE) >>> 2] !== PACKET_AUXDATA) return;
    const status = u32[(control + C_STATUS) >>> 2];
    if ((status & STATUS_TAGGED) === 0) return;
    const type = (status & STATUS_ETHERTYPE) === 0 ? ETHERTYPE_VLAN : u16[(control + C_ETHERTYPE) >>> 1];
    const tag = u16[(control + C_TAG) >>> 1];
    const frame = address + SLOT_FRAME - TAG;
    u8.copyWithin(frame, frame + TAG, frame + TAG + ADDRESSES);
    u8[frame + ADDRESSES] = type >> 8;
    u8[frame + ADDRESSES + 1] = type & 0xff;
    u8[frame + ADDRESSES + 2] = tag >> 8;
    u8[frame + ADDRESSES + 3] = tag & 0xff;
    u32[(address + S_OFF) >>> 2] = SLOT_FRAME - TAG;
    u32[(address + S_LEN) >>> 2] += TAG;
  }

  private sent(list: number, n: number): void {
    const { u32 } = this.arena;
    this.counted.framesOut += n;
    for (let i = 0; i < n; i++) this.counted.bytesOut += u32[(this.arena.slot(u32[(list >>> 2) + i]) + S_LEN) >>> 2];
  }

  private lose(error: number): void {
    if (error === EMSGSIZE) this.dropped['too-long']++;
    else if (error === ENETDOWN || error === ENXIO || error === ENODEV) this.dropped['no-interface']++;
    else this.dropped['send-failed']++;
  }
}
