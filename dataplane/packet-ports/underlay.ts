import type { Micros, NodeRef } from '../../domain/base/ids';
import { refOfMac } from '../descriptor/node-table';
import { descriptorAt, isControl } from '../descriptor/place';
import type { Arena } from '../frames/arena';
import {
  D_INGRESS_TIME,
  S_FLAGS,
  S_FRAME_NO,
  S_FROM,
  S_LEN,
  S_LINK,
  S_NETWORK,
  S_OFF,
  S_REASON,
  S_TIME,
  S_TO,
} from '../frames/layout';
import { NO_FRAME_NUMBER } from '../frames/slots';
import { UPLINK, type Fabric } from '../rings/fabric';
import type { RingReader, RingWriter } from '../rings/spsc-ring';
import { Outlet } from './outlet';
import type { PacketPort, PortMemory, PortStatistics } from './port';

const WORD = 2 ** 32;

/**
 * The grid's links to nodes of other agents: what is handed to them leaves through one port, and what arrives there goes
 * to the inboxes of the nodes hosted here. Frames cross as on any link, sealed; who they are for is their destination's
 * MAC address, and whether they are believed is for the receiving node to say.
 *
 * To the fabric it is a group that hosts no nodes: it consumes the ring {@link UPLINK} and produces into every inbox.
 */
export class Underlay {
  private readonly arena: Arena;
  private readonly outlet: Outlet;
  private readonly arrived: number;
  private readonly departures: readonly RingReader[];
  private readonly writers = new Map<NodeRef, RingWriter>();
  /** Frames that arrived for no node here, and for one whose ring was full. */
  private unknownNode = 0;
  private ringFull = 0;

  constructor(
    private readonly memory: PortMemory,
    private readonly fabric: Fabric,
    /** Its number among the fabric's groups. */
    private readonly group: number,
    private readonly port: PacketPort,
    /** Frames received at once, at most. */
    private readonly batch: number,
  ) {
    this.arena = memory.arena;
    this.outlet = new Outlet(memory.arena, port);
    this.arrived = memory.arena.allocate(4 * batch, 4);
    fabric.openInbox(UPLINK);
    this.departures = fabric.readers(UPLINK);
  }

  /** Sends what was handed to nodes elsewhere, as far as the port takes it; returns how many frames it took. */
  drain(): number {
    let sent = this.flush();
    for (let i = 0; i < this.departures.length; i++) {
      for (let n = this.take(this.departures[i]); n > 0; n = this.take(this.departures[i])) {
        sent += this.flush();
        if (this.outlet.isBlocked) return sent;
      }
    }
    return sent;
  }

  /** Whether the port is busy, and frames wait for it: nothing new should be read before they have left. */
  get isBlocked(): boolean {
    return this.outlet.isBlocked;
  }

  /** Takes a batch of frames that arrived to the inboxes of their nodes; returns how many there were. */
  receive(now: Micros): number {
    const n = this.port.receive(this.arrived, this.batch);
    if (n === 0) return 0;
    let delivered = 0;
    for (let i = 0; i < n; i++) if (this.deliver(this.arena.u32[(this.arrived >>> 2) + i], now)) delivered++;
    this.fabric.countPublished(this.group, delivered);
    for (const writer of this.writers.values()) writer.publish();
    return n;
  }

  /** The port's figures, with what came to nothing between it and the nodes. */
  statistics(): PortStatistics {
    const counted = this.port.statistics();
    const dropped: { [reason: string]: number } = { ...counted.dropped };
    if (this.unknownNode > 0) dropped['unknown-node'] = this.unknownNode;
    if (this.ringFull > 0) dropped['ring-full'] = this.ringFull;
    return { ...counted, dropped };
  }

  private take(departures: RingReader): number {
    const n = departures.take(this.outlet.tail, Math.min(this.outlet.room, this.batch));
    this.outlet.added(n);
    return n;
  }

  private flush(): number {
    const sent = this.outlet.flush();
    if (sent > 0) this.fabric.countConsumed(this.group, sent);
    return sent;
  }

  private deliver(slot: number, now: Micros): boolean {
    const { u8, u16, u32, f64 } = this.arena;
    const address = this.arena.slot(slot);
    const frame = address + u32[(address + S_OFF) >>> 2];
    const to = refOfMac(u8, frame);
    const writer = to === 0 ? undefined : this.writerOf(to);
    if (writer === undefined) {
      this.unknownNode++;
      this.memory.slots.free(slot);
      return false;
    }
    u16[(address + S_REASON) >>> 1] = 0;
    u16[(address + S_FLAGS) >>> 1] = 0;
    u16[(address + S_NETWORK) >>> 1] = 0;
    u16[(address + S_LINK) >>> 1] = 0;
    u16[(address + S_FROM) >>> 1] = refOfMac(u8, frame + 6);
    u16[(address + S_TO) >>> 1] = to;
    u32[(address + S_FRAME_NO) >>> 2] = NO_FRAME_NUMBER;
    f64[(address + S_TIME) >>> 3] = this.enteredAt(frame, u32[(address + S_LEN) >>> 2], now);
    if (writer.push(slot)) return true;
    this.ringFull++;
    this.memory.slots.free(slot);
    return false;
  }

  private writerOf(ref: NodeRef): RingWriter | undefined {
    const known = this.writers.get(ref);
    if (known !== undefined) return known;
    const writer = this.fabric.writer(this.group, ref);
    if (writer !== undefined) this.writers.set(ref, writer);
    return writer;
  }

  /**
   * When a frame entered the grid: its ingress time, of which 32 bits travel, at the instant nearest to now, so that
   * every node makes the same of it whose clock is less than half an hour off. Frames that carry none enter now.
   */
  private enteredAt(frame: number, length: number, now: Micros): Micros {
    const { u8, view } = this.arena;
    const descriptor = descriptorAt(u8, frame, length);
    if (descriptor === 0 || isControl(u8, descriptor)) return now;
    const here = Math.trunc(now);
    return here - (((here % WORD) - view.getUint32(descriptor + D_INGRESS_TIME)) | 0);
  }
}
