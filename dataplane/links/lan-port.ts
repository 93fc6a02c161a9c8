import { NODE_REF_COUNT } from '../../domain/base/ids';
import type { LinkInterface } from '../../domain/link/interfaces';
import { refOfMac } from '../descriptor/node-table';
import { descriptorAt, isControl } from '../descriptor/place';
import { S_LEN, S_OFF, S_TO } from '../frames/layout';
import type { Kernels } from '../kernels/kernels';
import type { PacketPort, PortMemory, PortStatistics } from '../packet-ports/port';
import { LINK_DROPS, DROPPED } from './counters';
import { LanInterfaces } from './lan-interfaces';
import { LinkRoutes, NO_ROUTE } from './link-routes';

/** Frames that were received and are not asked for yet, at most. */
const WAITING_MAX = 1024;
/** Beside the reasons of interfaces: there is no link from the sender to the receiver. */
const NO_LINK = LINK_DROPS.length;
/** Frames that are readied at once. */
const BATCH = 64;

/**
 * The underlay of nodes whose links are VLANs of a LAN: a port for sealed frames, over a port that is plugged into the LAN
 * switch. What goes to a node leaves by the sender's virtual interface on the link that joins the two; what comes from the
 * LAN is taken by the interfaces that hear it and are meant, and has its node's address then. No link, no way: a frame for which there is
 * none is dropped as `no-link`.
 */
export class LanPort implements PacketPort {
  private readonly interfaces: LanInterfaces;
  private routes = new LinkRoutes([]);
  private readonly batch: number;
  private readonly copies: number;
  private readonly waiting: Uint32Array = new Uint32Array(WAITING_MAX);
  private first = 0;
  private count = 0;
  private noLink = 0;
  private overflow = 0;

  constructor(
    private readonly memory: PortMemory,
    kernels: Pick<Kernels, 'copySealed'>,
    private readonly lan: PacketPort,
  ) {
    this.interfaces = new LanInterfaces(memory, kernels, true);
    this.batch = memory.arena.allocate(4 * BATCH, 4);
    this.copies = memory.arena.allocate(8 * WAITING_MAX, 4);
  }

  /** Has these interfaces of the nodes here from now on, in the order in which they are to be preferred. */
  install(wanted: readonly LinkInterface[]): void {
    this.interfaces.install(wanted);
    this.routes = new LinkRoutes(this.interfaces.all);
  }

  /** The interfaces that it has. */
  get installed(): readonly LinkInterface[] {
    return this.interfaces.all.map(({ settings }) => settings);
  }

  receive(list: number, max: number): number {
    const { u32 } = this.memory.arena;
    if (this.count === 0) this.take(Math.min(max, BATCH));
    const n = Math.min(max, this.count);
    for (let i = 0; i < n; i++) u32[(list >>> 2) + i] = this.waiting[(this.first + i) % WAITING_MAX];
    this.first = (this.first + n) % WAITING_MAX;
    this.count -= n;
    return n;
  }

  send(list: number, n: number): number {
    const { u32 } = this.memory.arena;
    let taken = 0;
    while (taken < n) {
      const from = taken;
      let ready = 0;
      let why = 0;
      // A frame that cannot be sent ends a run, because the port takes frames in order, and perhaps not all of a run.
      for (; taken < n && ready < BATCH && why === 0; taken++) {
        const slot = u32[(list >>> 2) + taken];
        why = this.ready(slot);
        if (why === 0) u32[(this.batch >>> 2) + ready++] = slot;
      }
      const sent = ready === 0 ? 0 : this.lan.send(this.batch, ready);
      if (sent < ready) {
        for (let i = sent; i < ready; i++) this.withdraw(u32[(this.batch >>> 2) + i]);
        if (why !== 0) this.forget(u32[(list >>> 2) + taken - 1], why);
        return from + sent;
      }
      if (why !== 0) this.memory.slots.free(u32[(list >>> 2) + taken - 1]);
    }
    return taken;
  }

  /** The port's figures, with what came to nothing between it and the nodes, by reason. */
  statistics(): PortStatistics {
    const counted = this.lan.statistics();
    const dropped: { [reason: string]: number } = { ...counted.dropped };
    const add = (reason: string, count: number): void => {
      if (count > 0) dropped[reason] = (dropped[reason] ?? 0) + count;
    };
    for (const values of [...this.interfaces.all.map((each) => each.counted), this.interfaces.gone])
      for (let drop = 1; drop < LINK_DROPS.length; drop++) add(LINK_DROPS[drop], values[DROPPED + drop]);
    for (const [reason, count] of Object.entries(this.interfaces.statistics())) add(reason, count);
    add('no-link', this.noLink);
    add('overflow', this.overflow);
    return { ...counted, dropped };
  }

  get mtu(): number | undefined {
    return this.lan.mtu;
  }

  mend(): boolean {
    return this.lan.mend?.() ?? false;
  }

  close(): Promise<void> {
    return this.lan.close();
  }

  /** Tags a frame for the link that it goes by; else why not: a reason of its interface, or {@link NO_LINK}. */
  private ready(slot: number): number {
    const address = this.memory.arena.slot(slot);
    const place = this.placeOf(address);
    if (place !== NO_ROUTE) return this.interfaces.at(place).egress(address);
    this.noLink++;
    return NO_LINK;
  }

  /** The port is busy, and a readied frame will be given again. */
  private withdraw(slot: number): void {
    const address = this.memory.arena.slot(slot);
    this.interfaces.at(this.placeOf(address)).withdraw(address);
  }

  /** … and so will one that was refused, which is counted then. */
  private forget(slot: number, why: number): void {
    if (why === NO_LINK) this.noLink--;
    else this.interfaces.at(this.placeOf(this.memory.arena.slot(slot))).forget(why);
  }

  private placeOf(address: number): number {
    const { arena } = this.memory;
    const frame = address + arena.u32[(address + S_OFF) >>> 2];
    const to = arena.u16[(address + S_TO) >>> 1] & (NODE_REF_COUNT - 1);
    const descriptor = descriptorAt(arena.u8, frame, arena.u32[(address + S_LEN) >>> 2]);
    const isOfControl = descriptor !== 0 && isControl(arena.u8, descriptor);
    return this.routes.place(refOfMac(arena.u8, frame + 6), to, isOfControl);
  }

  private take(max: number): void {
    const { arena, slots } = this.memory;
    const { u8, u32 } = arena;
    const n = this.lan.receive(this.batch, max);
    for (let i = 0; i < n; i++) {
      const got = this.interfaces.receive(u32[(this.batch >>> 2) + i], this.copies);
      for (let k = 0; k < got; k++) {
        const slot = u32[(this.copies >>> 2) + 2 * k];
        if (this.count === WAITING_MAX) {
          this.overflow++;
          slots.free(slot);
          continue;
        }
        // What was for everybody by its address is for this node: its own addresses stand in the descriptor.
        const address = arena.slot(slot);
        const { nic } = this.interfaces.at(u32[(this.copies >>> 2) + 2 * k + 1]);
        u8.set(nic, address + u32[(address + S_OFF) >>> 2]);
        this.waiting[(this.first + this.count++) % WAITING_MAX] = slot;
      }
    }
  }
}
