import type { Arena } from '../../frames/arena';
import { S_LEN, S_OFF, SLOT_FRAME } from '../../frames/layout';
import type { SlotPool } from '../../frames/slots';
import type { PortMemory } from '../port';
import {
  DATAGRAM_HEADER,
  DATAGRAM_MAX,
  FRAME_LENGTH,
  frameCount,
  get16,
  get32,
  G_SEQUENCE,
  G_STREAM,
  isDatagram,
} from './datagram';
import { Streams } from './streams';

/** Datagrams that wait for the user of the port; more are dropped, as a network card would. A power of two. */
const BACKLOG = 1024;
/** A datagram of ours is no longer than this, however its sender packs: what UDP carries at most. */
const UDP_PAYLOAD_MAX = 65_507;

/**
 * The way in of a UDP port: datagrams wait in a bounded queue until they are asked for, are checked whole, and are then
 * taken apart into slots. A wrong one is dropped whole.
 */
export class Incoming {
  readonly streams = new Streams();
  frames = 0;
  bytes = 0;
  /** Datagrams that were ours, and read. */
  datagrams = 0;
  /** Datagrams that could not be read, and that found the queue full. */
  malformed = 0;
  overrun = 0;
  private readonly waiting = new Array<Uint8Array | undefined>(BACKLOG).fill(undefined);
  private first = 0;
  private count = 0;
  private readonly arena: Arena;
  private readonly slots: SlotPool;
  /** Where the datagram at hand lies: one copy for all its frames, so that none needs a view of its own. */
  private readonly scratch: number;
  private next = 0;
  private left = 0;

  constructor({ arena, slots }: PortMemory) {
    this.arena = arena;
    this.slots = slots;
    this.scratch = arena.allocate(Math.max(DATAGRAM_MAX, UDP_PAYLOAD_MAX));
  }

  /** A datagram arrived; its bytes are this object's. */
  arrived(datagram: Uint8Array): void {
    if (this.count === BACKLOG) {
      this.overrun++;
      return;
    }
    this.waiting[(this.first + this.count++) & (BACKLOG - 1)] = datagram;
  }

  /** As `PacketPort.receive`; frames for which no slot is free wait. */
  receive(list: number, max: number): number {
    const { u32 } = this.arena;
    for (let n = 0; n < max; n++) {
      if (this.left === 0 && !this.open()) return n;
      const slot = this.slots.allocate();
      if (slot < 0) return n;
      this.takeFrame(this.arena.slot(slot));
      u32[(list >>> 2) + n] = slot;
    }
    return max;
  }

  private takeFrame(address: number): void {
    const { u8, u32 } = this.arena;
    const length = get16(u8, this.next);
    const frame = this.next + FRAME_LENGTH;
    u8.copyWithin(address + SLOT_FRAME, frame, frame + length);
    u32[(address + S_OFF) >>> 2] = SLOT_FRAME;
    u32[(address + S_LEN) >>> 2] = length;
    this.next = frame + length;
    this.left--;
    this.frames++;
    this.bytes += length;
  }

  /** Goes on to the next datagram that can be read; false when none waits. */
  private open(): boolean {
    const { u8 } = this.arena;
    for (let datagram = this.shift(); datagram !== undefined; datagram = this.shift()) {
      if (datagram.length <= UDP_PAYLOAD_MAX) u8.set(datagram, this.scratch);
      if (datagram.length > UDP_PAYLOAD_MAX || !isDatagram(u8, this.scratch, datagram.length)) {
        this.malformed++;
        continue;
      }
      this.datagrams++;
      this.streams.arrived(get32(u8, this.scratch + G_STREAM), get32(u8, this.scratch + G_SEQUENCE));
      this.next = this.scratch + DATAGRAM_HEADER;
      this.left = frameCount(u8, this.scratch);
      return true;
    }
    return false;
  }

  private shift(): Uint8Array | undefined {
    if (this.count === 0) return undefined;
    const datagram = this.waiting[this.first];
    this.waiting[this.first] = undefined;
    this.first = (this.first + 1) & (BACKLOG - 1);
    this.count--;
    return datagram;
  }
}
