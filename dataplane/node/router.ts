import type { NodeRef } from '../../domain/base/ids';
import {
  S_CONN,
  S_ETHERTYPE,
  S_FRAME_NO,
  S_IP,
  S_L3,
  S_LEN,
  S_NETWORK,
  S_OFF,
  S_PROTO,
  S_REASON,
  S_TAGS,
} from '../frames/layout';
import { reason } from '../frames/reasons';
import { NO_FRAME_NUMBER } from '../frames/slots';
import { PROTO_UDP } from '../headers/numbers';
import { ETHERTYPE_ARP } from '../layer3/arp';
import { destinationAt, hopsOf, ipHeaderAt, isRoutable, sourceAt, takeHop } from '../layer3/forwarding';
import {
  isEchoRequest,
  NO_ROUTE as NO_ROUTE_ERROR,
  PORT_UNREACHABLE,
  TIME_EXCEEDED,
  TOO_BIG,
  turnEcho,
  type IcmpError,
} from '../layer3/icmp-error';
import type { RouterPort, Routing } from '../layer3/routing';
import type { ControlCursor } from './control-frames';
import { CREATED } from './counters';
import type { IcmpAnswers } from './icmp-answers';
import { Neighbourhood } from './neighbourhood';
import type { Node } from './node';
import { letOut, sendOwn } from './own-frames';
import type { PathMtu, TellMtu } from './path-mtu';

const NOT_ROUTED = reason('not-routed');
const NO_ROUTE = reason('no-route');
const HOP_LIMIT = reason('hop-limit');
const ICMP_ERROR = reason('icmp-error');
const LINK_MTU = reason('link-mtu');
const FIRST_DROP = reason('runt');
const ETHERNET_HEADER = 14;

/**
 * Layer-3 mode ([0049]): what an INODE does to frames of networks on which the grid is a router. Where they enter: takes
 * what is for the router itself, refuses what it may not pass on, and counts down hops; the network by which a new flow
 * leaves is chosen with its path. Where they leave: addresses them to the next hop.
 */
export class Router {
  readonly neighbours: Neighbourhood;
  private timeExceeded = 0;
  private unreachable = 0;
  private echoes = 0;
  /** Errors about frames that were too long where they leave, which enter after the batch at hand. */
  private readonly told: number[] = [];

  constructor(
    private readonly node: Node,
    private readonly answers: IcmpAnswers,
    private readonly mtu: PathMtu,
    private readonly peers: () => readonly NodeRef[],
    private readonly enter: (slot: number) => void,
  ) {
    this.neighbours = new Neighbourhood(node, answers, peers, (slot) => {
      this.unreachable++;
      node.counters.values[CREATED]++;
      enter(slot);
    });
  }

  /** How the latest topology routes; undefined where it has no layer-3 network. */
  get routing(): Routing | undefined {
    const routing = this.node.ctx.topologies.latest?.routing;
    return routing?.isOn === true ? routing : undefined;
  }

  /**
   * Takes those frames out of a list that do not go on; returns how many are left, in order. They were parsed, and looked
   * for in the connection table: of an address of the router's a function may make others, and what answers that goes on.
   */
  admit(routing: Routing, list: number, n: number): number {
    const { ctx } = this.node;
    const { u16, u32 } = ctx.arena;
    let m = 0;
    for (let i = 0; i < n; i++) {
      const slot = u32[(list >>> 2) + i];
      const address = ctx.slot(slot);
      const port = routing.port(u16[(address + S_NETWORK) >>> 1]);
      if (port === undefined || this.passes(slot, address, port, routing)) u32[(list >>> 2) + m++] = slot;
    }
    return m;
  }

  /**
   * Addresses a parsed frame that leaves for `network` to its next hop; nothing where that is bridged. False: it waits, or
   * was dropped; its slot is taken over.
   */
  lead(routing: Routing, slot: number, address: number, network: number): boolean {
    const port = routing.port(network);
    if (port === undefined) return true;
    const { u8, u16, u32 } = this.node.ctx.arena;
    const version = u8[address + S_IP];
    const l3 = u16[(address + S_L3) >>> 1];
    if (version === 0 || l3 !== ETHERNET_HEADER) {
      this.node.drop(slot, NOT_ROUTED);
      return false;
    }
    const ip = ipHeaderAt(this.node.ctx.arena, address);
    const to = destinationAt(ip, version);
    if (this.isNoHost(routing, version, to)) {
      this.node.drop(slot, NOT_ROUTED);
      return false;
    }
    if (u32[(address + S_LEN) >>> 2] - l3 > port.mtu) {
      this.shorten(routing, slot, address, port);
      return false;
    }
    const hop = routing.hopBy(network, version, u8, to);
    if (hop !== undefined) return this.neighbours.lead(slot, address, port, hop);
    this.node.drop(slot, NO_ROUTE);
    return false;
  }

  /** A frame that was admitted has found no route: its sender is told, with the packet as it came. */
  refused(address: number): void {
    const { arena } = this.node.ctx;
    if (this.routing?.port(arena.u16[(address + S_NETWORK) >>> 1]) === undefined) return;
    takeHop(arena.u8, ipHeaderAt(arena, address), arena.u8[address + S_IP], -1);
    this.tell(address, NO_ROUTE_ERROR);
  }

  /** Another INODE of the cluster has heard a neighbour. */
  onNeighbour(body: ControlCursor): void {
    this.neighbours.onTold(body, this.routing);
  }

  /** An INODE of the cluster died: the one with the lowest number tells the stations on its networks who is there now. */
  siblingDied(): void {
    const { routing } = this;
    const { latest } = this.node.ctx.topologies;
    if (routing === undefined || this.peers().some((peer) => peer < this.node.ref)) return;
    for (const { id, cluster } of latest?.topology.networks ?? []) {
      const port = cluster === this.node.cluster ? routing.port(id) : undefined;
      if (port !== undefined) this.neighbours.announce(port);
    }
  }

  tick(): void {
    for (let slot = this.told.shift(); slot !== undefined; slot = this.told.shift()) {
      this.node.inFlight--;
      this.enter(slot);
    }
    this.neighbours.tick(this.routing);
  }

  /** The node dies: gives up every slot it holds to `lose`. */
  abandon(lose: (slot: number) => void): void {
    for (const slot of this.told.splice(0)) {
      this.node.inFlight--;
      lose(slot);
    }
    this.neighbours.abandon(lose);
  }

  /** What was counted, by name; only what occurred. */
  counted(): { readonly [name: string]: number } {
    const { timeExceeded, unreachable, echoes } = this;
    const counts = { ...this.neighbours.counts, timeExceeded, unreachable, echoesAnswered: echoes };
    return Object.fromEntries(Object.entries(counts).filter(([, n]) => n > 0));
  }

  /** Whether a frame from a layer-3 network goes on; it has a hop less then. Else its slot is taken over. */
  private passes(slot: number, address: number, port: RouterPort, routing: Routing): boolean {
    const { u8, u16, u32 } = this.node.ctx.arena;
    // Runts and frames that are too long have their own end.
    const why = u16[(address + S_REASON) >>> 1];
    if (why >= FIRST_DROP) return true;
    const frame = address + u32[(address + S_OFF) >>> 2];
    const version = u8[address + S_IP];
    const isPlain = u8[address + S_TAGS] === 0;
    if (isPlain && u16[(address + S_ETHERTYPE) >>> 1] === ETHERTYPE_ARP) {
      this.neighbours.onArp(slot, address, port, routing);
      return false;
    }
    const isIp = isPlain && version !== 0 && u16[(address + S_L3) >>> 1] === ETHERNET_HEADER;
    if (isIp && version === 6 && this.neighbours.onDiscovery(slot, address, port, routing)) return false;
    const ip = frame + ETHERNET_HEADER;
    const length = u32[(address + S_LEN) >>> 2] - ETHERNET_HEADER;
    if (!isIp || !isFor(port, u8, frame)) return this.drop(slot, NOT_ROUTED);
    const to = destinationAt(ip, version);
    const from = sourceAt(ip, version);
    const isSound = isRoutable(u8, ip, length, version);
    // The router's link-local address is its own, although nothing is routed to it.
    const isOwn = (isSound || version === 6) && routing.ownNetwork(version, u8, to) !== 0;
    const isMapped = isOwn && (why === ICMP_ERROR || u32[(address + S_CONN) >>> 2] !== 0);
    if (isOwn && !isMapped) return this.takeOwn(slot, address, port);
    const isNoHost = !isMapped && this.isNoHost(routing, version, to);
    if (!isSound || isNoHost || this.isNoHost(routing, version, from)) return this.drop(slot, NOT_ROUTED);
    if (hopsOf(u8, ip, version) <= 1) {
      this.tell(address, routing.networkFor(version, u8, to) === 0 ? NO_ROUTE_ERROR : TIME_EXCEEDED);
      return this.drop(slot, HOP_LIMIT);
    }
    takeHop(u8, ip, version);
    return true;
  }

  /**
   * A frame is too long for the network that it leaves for, because a function made it, or because where it entered it was
   * not known to leave here. Its pieces leave, or its sender is told as of a neighbour that does not answer.
   */
  private shorten(routing: Routing, slot: number, address: number, port: RouterPort): void {
    this.mtu.refuse(slot, address, port.mtu, this.tellThrough);
    for (const part of this.mtu.takeFragments())
      if (this.lead(routing, part, this.node.ctx.slot(part), port.network)) letOut(this.node, part, port.network);
  }

  private readonly tellThrough: TellMtu = (address, mtu) => {
    const { ctx, counters } = this.node;
    const error = this.answers.write(address, TOO_BIG, mtu, this.neighbours.portTowards(address, this.routing));
    if (error < 0) return false;
    ctx.arena.u16[(ctx.slot(error) + S_NETWORK) >>> 1] = ctx.arena.u16[(address + S_NETWORK) >>> 1];
    this.told.push(error);
    counters.values[CREATED]++;
    this.node.inFlight++;
    return true;
  };

  /** A packet for the router: an echo request is answered, and a datagram with that nobody takes it; nothing else is said. */
  private takeOwn(slot: number, address: number, port: RouterPort): boolean {
    const { arena } = this.node.ctx;
    if (!isEchoRequest(arena, address)) {
      if (arena.u8[address + S_PROTO] === PROTO_UDP) this.tell(address, PORT_UNREACHABLE);
      return this.drop(slot, NOT_ROUTED);
    }
    // The reply would be as long.
    if (arena.u32[(address + S_LEN) >>> 2] - ETHERNET_HEADER > port.mtu) return this.drop(slot, LINK_MTU);
    this.echoes++;
    const reply = this.node.copyOf(slot);
    if (reply >= 0) {
      turnEcho(arena, this.node.ctx.slot(reply));
      arena.u32[(this.node.ctx.slot(reply) + S_FRAME_NO) >>> 2] = NO_FRAME_NUMBER;
      sendOwn(this.node, reply, port.network);
    }
    this.node.consume(slot);
    return false;
  }

  /** Whether no other station can have the address at `at`: it is the router's, or a prefix's broadcast address or name. */
  private isNoHost(routing: Routing, version: number, at: number): boolean {
    const { u8 } = this.node.ctx.arena;
    return routing.ownNetwork(version, u8, at) !== 0 || routing.isNobodys(version, u8, at);
  }

  private tell(address: number, error: IcmpError): void {
    if (!this.answers.answer(address, error, 0)) return;
    if (error === TIME_EXCEEDED) this.timeExceeded++;
    else this.unreachable++;
  }

  private drop(slot: number, why: number): false {
    this.node.drop(slot, why);
    return false;
  }
}

/** Whether a frame is for the router's MAC address. */
function isFor(port: RouterPort, u8: Uint8Array, frame: number): boolean {
  for (let i = 0; i < 6; i++) if (u8[frame + i] !== port.mac[i]) return false;
  return true;
}
