import { D_FIXED, F_COUNT, S_ETHERTYPE, S_FLOW, S_IP, S_L3, S_LEN, S_OFF, S_TAGS } from '../frames/layout';
import { reason } from '../frames/reasons';
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from '../headers/numbers';
import { announcesMss, clampMss } from '../mtu/clamp-mss';
import { fragmentIpv4, type FragmentSource } from '../mtu/fragment-ipv4';
import { TOO_BIG } from '../layer3/icmp-error';
import { CREATED, FRAGMENTED, MSS_CLAMPED, TOO_BIG_ANSWERED } from './counters';
import type { IcmpAnswers } from './icmp-answers';
import type { Node } from './node';

const LINK_MTU = reason('link-mtu');
const NO_SLOT = reason('no-slot');
const ETHERNET_HEADER = 14;
const DONT_FRAGMENT = 0x40;

/**
 * Keeps packets that do not fit through a narrow link of their path out of the grid, where they enter it, and makes
 * TCP's ends send such that all fit. Asked for every frame only while a topology with a narrow link is installed.
 */
export class PathMtu {
  private readonly source: FragmentSource;
  private fragments: readonly number[] = [];

  constructor(
    private readonly node: Node,
    private readonly answers: IcmpAnswers,
  ) {
    const { ctx } = node;
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

  /** Whether {@link passes} is to be asked about a classified frame; most are too short for any narrow link to matter. */
  concerns(address: number): boolean {
    const { arena, topologies } = this.node.ctx;
    if (topologies.narrowest === Infinity) return false;
    const descriptor = D_FIXED + 2 * arena.u8[arena.u32[(address + S_FLOW) >>> 2] + F_COUNT];
    const bytes = arena.u32[(address + S_LEN) >>> 2] - ETHERNET_HEADER;
    return bytes + descriptor > topologies.narrowest || announcesMss(arena, address);
  }

  /**
   * Whether a classified frame of a known flow goes on as one; a segment size that it announces has then been lowered to
   * what fits. False: its slot is taken over; {@link takeFragments} tells what goes on in its place, if anything.
   */
  passes(slot: number, address: number): boolean {
    const { ctx } = this.node;
    const { u8, u16, u32 } = ctx.arena;
    const flow = u32[(address + S_FLOW) >>> 2];
    const bytes = u32[(address + S_LEN) >>> 2] - ETHERNET_HEADER;
    const room = this.narrowestOf(flow) - D_FIXED - 2 * u8[flow + F_COUNT];
    if (room === Infinity) return true;
    const mtu = room - (u16[(address + S_L3) >>> 1] - ETHERNET_HEADER);
    if (announcesMss(ctx.arena, address) && clampMss(ctx.arena, address, mtu)) this.node.counters.values[MSS_CLAMPED]++;
    if (bytes <= room) return true;
    this.refuse(slot, address, mtu);
    return false;
  }

  /** The fragments of the frame that did not pass last, in order; they are the caller's. */
  takeFragments(): readonly number[] {
    const { fragments } = this;
    this.fragments = [];
    return fragments;
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

  /** IPv4 that may be cut is cut; of other packets the sender is told; what is not IP has nobody to tell. */
  private refuse(slot: number, address: number, mtu: number): void {
    const { u8, u16, u32 } = this.node.ctx.arena;
    const l3 = u16[(address + S_L3) >>> 1];
    const etherType = u16[(address + S_ETHERTYPE) >>> 1];
    const isPlain =
      l3 === ETHERNET_HEADER + 4 * u8[address + S_TAGS] &&
      (etherType === ETHERTYPE_IPV4 || etherType === ETHERTYPE_IPV6);
    if (!isPlain) {
      this.node.drop(slot, LINK_MTU);
      return;
    }
    const ip = address + u32[(address + S_OFF) >>> 2] + l3;
    if (u8[address + S_IP] === 4 && (u8[ip + 6] & DONT_FRAGMENT) === 0) {
      this.cut(slot, (u8[ip + 2] << 8) | u8[ip + 3] || u32[(address + S_LEN) >>> 2] - l3, mtu);
      return;
    }
    if (this.answers.answer(address, TOO_BIG, mtu)) this.node.counters.values[TOO_BIG_ANSWERED]++;
    this.node.drop(slot, LINK_MTU);
  }

  /** A frame whose packet is not as long as it says (the capture has less of it, or it is padded) cannot be cut. */
  private cut(slot: number, total: number, mtu: number): void {
    const { ctx, counters } = this.node;
    const { u16, u32 } = ctx.arena;
    const address = ctx.slot(slot);
    const present = u32[(address + S_LEN) >>> 2] - u16[(address + S_L3) >>> 1];
    if (total > present || total <= mtu) {
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
