import {
  D_FIXED,
  F_COUNT,
  F_NET_FWD,
  F_NET_REV,
  S_ETHERTYPE,
  S_FLOW,
  S_IP,
  S_L3,
  S_LEN,
  S_NETWORK,
  S_REVERSE,
  S_TAGS,
} from '../frames/layout';
import { reason } from '../frames/reasons';
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from '../headers/numbers';
import { announcesMss, clampMss } from '../mtu/clamp-mss';
import { fragmentIpv4, type FragmentSource } from '../mtu/fragment-ipv4';
import { destinationAt, ipHeaderAt, takeHop } from '../layer3/forwarding';
import { TOO_BIG } from '../layer3/icmp-error';
import type { Routing } from '../layer3/routing';
import { CREATED, FRAGMENTED, MSS_CLAMPED, TOO_BIG_ANSWERED } from './counters';
import type { IcmpAnswers } from './icmp-answers';
import type { Node } from './node';

const LINK_MTU = reason('link-mtu');
const NO_SLOT = reason('no-slot');
const ETHERNET_HEADER = 14;
const IPV6_HEADER = 40;
const DONT_FRAGMENT = 0x40;

/** Tells the sender of the packet in a slot the MTU that it has to keep to; whether it was told. */
export type TellMtu = (address: number, mtu: number) => boolean;

/**
 * Keeps packets that do not fit through a narrow link of their path, or out by the network that they are routed to, out of
 * the grid, where they enter it, and makes TCP's ends send such that all fit. Asked for every frame only while a topology
 * with a narrow link is installed, and for long ones while one with the MTU of a layer-3 network is.
 */
export class PathMtu {
  private readonly source: FragmentSource;
  private readonly answer: TellMtu;
  private fragments: readonly number[] = [];

  constructor(
    private readonly node: Node,
    answers: IcmpAnswers,
  ) {
    const { ctx } = node;
    const { arena } = ctx;
    this.answer = (address, mtu) => {
      const routing = this.routingFrom(address);
      // The packet is told of as it came.
      if (routing !== undefined) takeHop(arena.u8, ipHeaderAt(arena, address), arena.u8[address + S_IP], -1);
      return answers.answer(address, TOO_BIG, mtu);
    };
    this.source = {
      arena: ctx.arena,
      copyOf: (slot) => {
        const copy = ctx.slots.allocate();
        if (copy >= 0) ctx.kernels.copySlot(slot, copy);
        return copy;
      },
      free: (slot) => ctx.slots.free(slot),
    };
  }

  /** Whether a frame of a list, parsed, may be too long for the network by which it leaves, or is to announce less. */
  mayConcern(list: number, n: number): boolean {
    const { ctx } = this.node;
    const { arena } = ctx;
    const { narrowestExit } = ctx.topologies;
    if (narrowestExit === Infinity) return false;
    for (let i = 0; i < n; i++) {
      const address = ctx.slot(arena.u32[(list >>> 2) + i]);
      if (arena.u32[(address + S_LEN) >>> 2] - ETHERNET_HEADER > narrowestExit || announcesMss(arena, address))
        return true;
    }
    return false;
  }

  /** Whether {@link passes} is to be asked about a classified frame; most are so short that nothing narrow matters. */
  concerns(address: number): boolean {
    const { arena, topologies } = this.node.ctx;
    const { narrowest, narrowestExit } = topologies;
    if (narrowest === Infinity && narrowestExit === Infinity) return false;
    const descriptor = D_FIXED + 2 * arena.u8[arena.u32[(address + S_FLOW) >>> 2] + F_COUNT];
    const bytes = arena.u32[(address + S_LEN) >>> 2] - ETHERNET_HEADER;
    return bytes + descriptor > narrowest || bytes > narrowestExit || announcesMss(arena, address);
  }

  /**
   * Whether a classified frame of a known flow goes on as one; a segment size that it announces has then been lowered to
   * what fits. False: its slot is taken over; {@link takeFragments} tells what goes on in its place, if anything.
   */
  passes(slot: number, address: number): boolean {
    const { ctx } = this.node;
    const { u8, u16, u32 } = ctx.arena;
    const flow = u32[(address + S_FLOW) >>> 2];
    const l3 = u16[(address + S_L3) >>> 1];
    const links = this.narrowestOf(flow) - D_FIXED - 2 * u8[flow + F_COUNT] - (l3 - ETHERNET_HEADER);
    const routing = this.routingFrom(address);
    const mtu = Math.min(links, routing === undefined ? Infinity : this.exitMtu(flow, address, routing));
    // What is sent in answer leaves where the announcement came in.
    const back = Math.min(links, routing === undefined ? Infinity : routing.mtuOf(u16[(address + S_NETWORK) >>> 1]));
    if (back < Infinity && announcesMss(ctx.arena, address) && clampMss(ctx.arena, address, back))
      this.node.counters.values[MSS_CLAMPED]++;
    if (u32[(address + S_LEN) >>> 2] - l3 <= mtu) return true;
    this.refuse(slot, address, mtu, this.answer);
    return false;
  }

  /** The fragments of the frame that did not pass last, in order; they are the caller's. */
  takeFragments(): readonly number[] {
    const { fragments } = this;
    this.fragments = [];
    return fragments;
  }

  /** How frames are routed, for one that entered from a layer-3 network; undefined for others. */
  private routingFrom(address: number): Routing | undefined {
    const { arena, topologies } = this.node.ctx;
    const routing = topologies.latest?.routing;
    return routing?.port(arena.u16[(address + S_NETWORK) >>> 1]) === undefined ? undefined : routing;
  }

  /**
   * MTU of the network by which a routed frame leaves; Infinity where it is not known. At its far end a flow's entry does not
   * tell where the flow began: the route back to there says it, and if the flow came in elsewhere the way out decides.
   */
  private exitMtu(flow: number, address: number, routing: Routing): number {
    const { u8, u16 } = this.node.ctx.arena;
    const network = u16[(flow + (u8[address + S_REVERSE] === 0 ? F_NET_REV : F_NET_FWD)) >>> 1];
    if (network !== 0) return routing.mtuOf(network);
    const version = u8[address + S_IP];
    return routing.mtuOf(
      routing.networkFor(version, u8, destinationAt(ipHeaderAt(this.node.ctx.arena, address), version)),
    );
  }

  /** MTU of the narrowest link on a flow's path; Infinity when none is narrow. */
  private narrowestOf(flow: number): number {
    const view = this.node.viewOf(flow);
    let narrowest = Infinity;
    for (let i = 1; i < this.node.ctx.arena.u8[flow + F_COUNT]; i++) {
      const mtu = view.narrowBetween(this.node.clusterAt(flow, i - 1), this.node.clusterAt(flow, i));
      narrowest = Math.min(narrowest, mtu);
    }
    return narrowest;
  }

  /**
   * A parsed frame whose packet is longer than `mtu`; its slot is taken over. IPv4 that may be cut is cut, into what
   * {@link takeFragments} tells; of other packets the sender is told; what is not IP has nobody to tell.
   */
  refuse(slot: number, address: number, mtu: number, tell: TellMtu): void {
    const { arena } = this.node.ctx;
    const { u8, u16, u32 } = arena;
    const l3 = u16[(address + S_L3) >>> 1];
    const etherType = u16[(address + S_ETHERTYPE) >>> 1];
    const isPlain =
      l3 === ETHERNET_HEADER + 4 * u8[address + S_TAGS] &&
      (etherType === ETHERTYPE_IPV4 || etherType === ETHERTYPE_IPV6);
    if (!isPlain) {
      this.node.drop(slot, LINK_MTU);
      return;
    }
    const ip = ipHeaderAt(arena, address);
    const isV4 = u8[address + S_IP] === 4;
    const present = u32[(address + S_LEN) >>> 2] - l3;
    const said = isV4 ? (u8[ip + 2] << 8) | u8[ip + 3] : IPV6_HEADER + ((u8[ip + 4] << 8) | u8[ip + 5]);
    const total = said === 0 || said === IPV6_HEADER ? present : said;
    // Padding alone makes the frame too long: nobody can send less of the packet.
    if (total <= mtu) {
      this.node.drop(slot, LINK_MTU);
      return;
    }
    if (isV4 && (u8[ip + 6] & DONT_FRAGMENT) === 0) {
      this.cut(slot, total, present, mtu);
      return;
    }
    if (tell(address, mtu)) this.node.counters.values[TOO_BIG_ANSWERED]++;
    this.node.drop(slot, LINK_MTU);
  }

  /** A packet of which the frame holds less than it says (the capture was cut) cannot be cut. */
  private cut(slot: number, total: number, present: number, mtu: number): void {
    const { counters } = this.node;
    if (total > present) {
      this.node.drop(slot, LINK_MTU);
      return;
    }
    const fragments = fragmentIpv4(this.source, slot, total, mtu);
    if (fragments === undefined) {
      this.node.drop(slot, NO_SLOT);
      return;
    }
    counters.values[FRAGMENTED]++;
    counters.values[CREATED] += fragments.length - 1;
    this.fragments = fragments;
  }
}
