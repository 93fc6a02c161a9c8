import type { NodeRef } from '../../domain/base/ids';
import { S_IP, S_LEN, S_NETWORK, S_OFF } from '../frames/layout';
import { reason } from '../frames/reasons';
import { ARP_REPLY, ARP_REQUEST, ARP_SENDER_IP, ARP_SENDER_MAC, ARP_TARGET_IP, arpOperation } from '../layer3/arp';
import { destinationAt, ipHeaderAt, isLinkLocal, sourceAt } from '../layer3/forwarding';
import { HOST_UNREACHABLE } from '../layer3/icmp-error';
import {
  advertisedFlags,
  ADVERTISEMENT,
  discoveryType,
  FLAG_OVERRIDE,
  FLAG_SOLICITED,
  isUnspecified,
  macOption,
  ND_SOURCE,
  ND_TARGET,
} from '../layer3/neighbour-discovery';
import { ASK, INCOMPLETE, LOST, Neighbours } from '../layer3/neighbours';
import type { Hop, RouterPort, Routing } from '../layer3/routing';
import { CONTROL_NEIGHBOUR, type ControlCursor } from './control-frames';
import type { IcmpAnswers } from './icmp-answers';
import { NeighbourWords } from './neighbour-words';
import type { Node } from './node';
import { letOut } from './own-frames';
import { NOBODY, WaitingFrames } from './waiting-frames';

const NOT_ROUTED = reason('not-routed');
const NO_NEIGHBOUR = reason('no-neighbour');
/** Hello rounds are short: neighbours are looked through this often, microseconds. */
const LOOK_EVERY_US = 100_000;

/**
 * The stations on the layer-3 networks of an INODE: who they are, by ARP (RFC 826) and neighbour discovery (RFC 4861).
 * Frames for one that is not known yet wait until it answers, and leave in order. What one INODE of a cluster hears the
 * others are told, because a neighbour's answer may reach another one than the one that asked.
 */
export class Neighbourhood {
  private lost = 0;
  private addressConflicts = 0;
  private known: Neighbours | undefined;
  private readonly waiting: WaitingFrames;
  private readonly words: NeighbourWords;
  private lookAt = 0;

  constructor(
    private readonly node: Node,
    private readonly answers: IcmpAnswers,
    /** The other live INODEs of the cluster. */
    private readonly peers: () => readonly NodeRef[],
    /** A frame of the router's own goes into the grid, as if it had come from the network in `S_NETWORK`. */
    private readonly enter: (slot: number) => void,
  ) {
    this.waiting = new WaitingFrames(node);
    this.words = new NeighbourWords(node);
  }

  /** What was said and heard, by name. */
  get counts(): { readonly [name: string]: number } {
    return { ...this.words.counts, neighboursLost: this.lost, addressConflicts: this.addressConflicts };
  }

  /**
   * Addresses a frame to its next hop. False: the frame waits until that is found, or was dropped; its slot is taken over.
   */
  lead(slot: number, address: number, port: RouterPort, hop: Hop): boolean {
    const { ctx } = this.node;
    const { u8 } = ctx.arena;
    const table = this.table();
    const version = u8[address + S_IP];
    const bytes = hop.via ?? u8;
    const at = hop.via === undefined ? destinationAt(ipHeaderAt(ctx.arena, address), version) : 0;
    let entry = table.find(port.network, version, bytes, at);
    if (entry < 0) entry = table.insert(port.network, version, bytes, at, ctx.now);
    if (entry < 0) {
      this.node.drop(slot, NO_NEIGHBOUR);
      return false;
    }
    if (table.stateOf(entry) === INCOMPLETE) {
      this.waiting.hold(table, entry, slot, address);
      if (table.due(entry, ctx.now) === ASK) this.words.ask(table, entry, port);
      return false;
    }
    table.use(entry, ctx.now);
    this.write(address, port, table, entry);
    return true;
  }

  /** A frame of EtherType ARP from a layer-3 network; its slot is taken over. */
  onArp(slot: number, address: number, port: RouterPort, routing: Routing): void {
    const { ctx } = this.node;
    const { u8, u32 } = ctx.arena;
    const frame = address + u32[(address + S_OFF) >>> 2];
    const operation = arpOperation(u8, frame, u32[(address + S_LEN) >>> 2]);
    if (operation === 0) {
      this.node.drop(slot, NOT_ROUTED);
      return;
    }
    const sender = frame + ARP_SENDER_IP;
    const isForUs = routing.ownNetwork(4, u8, frame + ARP_TARGET_IP) === port.network;
    if (routing.ownNetwork(4, u8, sender) !== 0) this.addressConflicts++;
    else {
      const confirms = operation === ARP_REPLY && isForUs;
      const makes = isForUs && (operation === ARP_REQUEST || this.peers().length > 0);
      this.heard(port, routing, 4, sender, frame + ARP_SENDER_MAC, { confirms, overrides: true, makes });
    }
    if (operation === ARP_REQUEST && isForUs) this.words.answerArp(frame, port);
    this.node.consume(slot);
  }

  /** An IPv6 frame from a layer-3 network that may be neighbour discovery; false: it is not, and is the caller's still. */
  onDiscovery(slot: number, address: number, port: RouterPort, routing: Routing): boolean {
    const { u8, u32 } = this.node.ctx.arena;
    const frame = address + u32[(address + S_OFF) >>> 2];
    const length = u32[(address + S_LEN) >>> 2];
    const type = discoveryType(u8, frame, length);
    if (type === 0) return false;
    const isOurs = routing.ownNetwork(6, u8, frame + ND_TARGET) === port.network;
    if (type === ADVERTISEMENT) this.onAdvertisement(frame, length, port, routing, isOurs);
    else if (isOurs) this.onSolicitation(frame, length, port, routing);
    this.node.consume(slot);
    return true;
  }

  /** Another INODE of the cluster has heard a neighbour. */
  onTold(body: ControlCursor, routing: Routing | undefined): void {
    const { u8 } = this.node.ctx.arena;
    const port = routing?.port(body.readU16());
    const version = body.readU8();
    const confirms = body.readU8() === 1;
    const mac = body.position;
    const at = mac + 6 + (version === 4 ? 12 : 0);
    if (port === undefined || routing === undefined) return;
    this.heard(port, routing, version, at, mac, { confirms, overrides: true, makes: true }, u8, false);
  }

  /** Tells the stations on a network where the router is now: another INODE, which had its address, is dead. */
  announce(port: RouterPort): void {
    this.words.announce(port);
  }

  /** At each hello round: who does not answer is asked again, or given up. */
  tick(routing: Routing | undefined): void {
    const { now } = this.node.ctx;
    const table = this.known;
    if (table === undefined || table.size === 0 || now < this.lookAt) return;
    this.lookAt = now + LOOK_EVERY_US;
    for (let entry = 0; entry < table.limit; entry++) {
      const what = table.due(entry, now);
      if (what === LOST) this.lose(table, entry, routing);
      else if (what === ASK) {
        const port = routing?.port(table.networkOf(entry));
        if (port === undefined) this.lose(table, entry, routing);
        else this.words.ask(table, entry, port);
      }
    }
  }

  /** The node dies: gives up every slot it holds to `lose`. */
  abandon(lose: (slot: number) => void): void {
    const table = this.known;
    for (let entry = 0; table !== undefined && entry < table.limit; entry++) {
      for (let slot = this.waiting.take(table, entry); slot !== NOBODY; slot = this.waiting.take(table, entry))
        lose(slot);
    }
    this.known = undefined;
  }

  private table(): Neighbours {
    return (this.known ??= new Neighbours());
  }

  private write(address: number, port: RouterPort, table: Neighbours, entry: number): void {
    const { u8, u32 } = this.node.ctx.arena;
    const frame = address + u32[(address + S_OFF) >>> 2];
    for (let i = 0; i < 6; i++) {
      u8[frame + i] = table.macs[6 * entry + i];
      u8[frame + 6 + i] = port.mac[i];
    }
  }

  /* ---- What waits ---------------------------------------------------------------------------------------------- */

  private release(table: Neighbours, entry: number, port: RouterPort): void {
    for (let slot = this.waiting.take(table, entry); slot !== NOBODY; slot = this.waiting.take(table, entry)) {
      this.write(this.node.ctx.slot(slot), port, table, entry);
      letOut(this.node, slot, port.network);
    }
    table.use(entry, this.node.ctx.now);
  }

  /** A neighbour does not answer: who sent what waits for it is told, through the grid, by the way of an answer. */
  private lose(table: Neighbours, entry: number, routing: Routing | undefined): void {
    const { ctx } = this.node;
    const network = table.networkOf(entry);
    if (table.stateOf(entry) === INCOMPLETE) this.lost++;
    for (let slot = this.waiting.take(table, entry); slot !== NOBODY; slot = this.waiting.take(table, entry)) {
      const error = this.answers.write(ctx.slot(slot), HOST_UNREACHABLE, 0, this.portTowards(ctx.slot(slot), routing));
      this.node.drop(slot, NO_NEIGHBOUR);
      if (error < 0) continue;
      ctx.arena.u16[(ctx.slot(error) + S_NETWORK) >>> 1] = network;
      this.enter(error);
    }
    table.remove(entry);
  }

  /** The router on the network from which a packet that leaves came: it is as that that the sender knows it. */
  portTowards(address: number, routing: Routing | undefined): RouterPort | undefined {
    const { arena } = this.node.ctx;
    const version = arena.u8[address + S_IP];
    const source = sourceAt(ipHeaderAt(arena, address), version);
    return routing?.port(routing.networkFor(version, arena.u8, source));
  }

  /* ---- Neighbour discovery ------------------------------------------------------------------------------------- */

  private onSolicitation(frame: number, length: number, port: RouterPort, routing: Routing): void {
    const { u8 } = this.node.ctx.arena;
    const source = frame + ND_SOURCE;
    if (isUnspecified(u8, source)) {
      this.words.advertise(frame, port, undefined);
      return;
    }
    if (routing.ownNetwork(6, u8, source) !== 0) {
      this.addressConflicts++;
      return;
    }
    const told = macOption(u8, frame, length);
    if (told !== 0) this.heard(port, routing, 6, source, told, { confirms: false, overrides: true, makes: true });
    this.words.advertise(frame, port, u8.slice(told || frame + 6, (told || frame + 6) + 6));
  }

  private onAdvertisement(frame: number, length: number, port: RouterPort, routing: Routing, isOurs: boolean): void {
    const { u8 } = this.node.ctx.arena;
    if (isOurs) {
      this.addressConflicts++;
      return;
    }
    const flags = advertisedFlags(u8, frame);
    const confirms = (flags & FLAG_SOLICITED) !== 0;
    const told = macOption(u8, frame, length);
    const target = frame + ND_TARGET;
    if (told !== 0) {
      const overrides = (flags & FLAG_OVERRIDE) !== 0;
      this.heard(port, routing, 6, target, told, { confirms, overrides, makes: confirms && this.peers().length > 0 });
      return;
    }
    // Who was asked by his MAC address need not tell it.
    const entry = this.known?.find(port.network, 6, u8, target) ?? -1;
    if (entry < 0 || this.known === undefined || this.known.stateOf(entry) === INCOMPLETE) return;
    this.heard(port, routing, 6, target, 6 * entry, { confirms, overrides: true, makes: false }, this.known.macs);
  }

  /* ---- What is heard ------------------------------------------------------------------------------------------- */

  /**
   * The station with the address at `at` has the MAC address at `macAt` (of `macs`). It is put down where it is known, or,
   * if the word `makes` an entry, where its address is one of the network's own.
   */
  private heard(
    port: RouterPort,
    routing: Routing,
    version: number,
    at: number,
    macAt: number,
    { confirms, overrides, makes }: Word,
    macs: Uint8Array = this.node.ctx.arena.u8,
    tells = true,
  ): void {
    const { ctx } = this.node;
    const { u8 } = ctx.arena;
    const table = this.table();
    let entry = table.find(port.network, version, u8, at);
    if (entry < 0 && makes && isOnLink(routing, port.network, version, u8, at))
      entry = table.insert(port.network, version, u8, at, ctx.now);
    if (entry < 0) return;
    const isNew = table.heard(entry, macs, macAt, confirms, overrides, ctx.now);
    if (tells && (isNew || confirms)) this.tell(table, entry, confirms);
    if (table.waiting[entry] > 0 && table.stateOf(entry) !== INCOMPLETE) this.release(table, entry, port);
  }

  private tell(table: Neighbours, entry: number, confirms: boolean): void {
    const { control, incarnation, ref } = this.node;
    for (const peer of this.peers()) {
      if (!control.begin(incarnation)) return;
      control.u16(table.networkOf(entry));
      control.u8(table.versionOf(entry));
      control.u8(confirms ? 1 : 0);
      control.bytes(table.macs.subarray(6 * entry, 6 * entry + 6));
      control.bytes(table.addresses.subarray(16 * entry, 16 * entry + 16));
      control.send(ref, peer, CONTROL_NEIGHBOUR, 0);
    }
  }
}

/** What is heard of a station: that it hears as well, that it is sure, that it may be new. */
interface Word {
  readonly confirms: boolean;
  readonly overrides: boolean;
  readonly makes: boolean;
}

/** Whether an address is of one of the network's own prefixes, so that no router stands between; link-local ones are. */
function isOnLink(routing: Routing, network: number, version: number, u8: Uint8Array, at: number): boolean {
  if (version === 6 && isLinkLocal(u8, at)) return true;
  const hop = routing.hopBy(network, version, u8, at);
  return hop !== undefined && hop.via === undefined;
}
