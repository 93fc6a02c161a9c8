import { clusterOf, nodeOf, nodeRef, type NodeRef } from '../../domain/base/ids';
import type { LinkInterface } from '../../domain/link/interfaces';
import { refOfMac } from '../descriptor/node-table';
import { descriptorAt, isControl, isMarked } from '../descriptor/place';
import type { Arena } from '../frames/arena';
import {
  D_COUNT,
  D_FIXED,
  D_FLAGS,
  D_LIST,
  D_MACS,
  DF_UNICAST,
  S_DESCRIPTOR,
  S_LEN,
  S_LINK,
  S_OFF,
  S_TO,
} from '../frames/layout';
import { COUNTERS, DELIVERED, DROPPED, GIVEN, linkDrop, RECEIVED, SENT, type LinkDrop } from './counters';
import { Senders } from './senders';
import { popTag, pushTag, UNTAGGED, vlanAt } from './vlan-tag';

const NOT_A_SENDER = linkDrop('not-a-sender');
const OWN = linkDrop('own');
const OTHER_STATION = linkDrop('other-station');
const IDLE = linkDrop('idle');
const ONE_WAY = linkDrop('one-way');
const FOREIGN_VLAN = linkDrop('foreign-vlan');
const NO_DESCRIPTOR = linkDrop('no-descriptor');
const NO_SLOT = linkDrop('no-slot');

/** To whom frames for one station are addressed on the LAN: to it, to everybody (Table 1, Mb), or as they are. */
const TO_STATION = 0;
const TO_EVERYBODY = 1;
const AS_IT_IS = 2;

/**
 * A virtual interface of a node (VLI, [0030], [0034]): between the frames that the node seals and opens, and the LAN, on which
 * they travel in the VLANs of one link. What it does by kind is said in its {@link LinkInterface}; whether a frame's
 * descriptor is true is for the node to verify, which frames reach that may be from a member by what they say.
 *
 * Slots are byte addresses. Nothing is allocated per frame.
 */
export class VirtualInterface {
  readonly ref: NodeRef;
  /** See {@link RECEIVED} and the other places. */
  readonly counted: Float64Array;
  /** The node's address on the grid. */
  readonly nic: Uint8Array;
  /** The address of the node's cluster on a virtual hub; the NIC's where there is none. */
  private readonly own: Uint8Array;
  private readonly senders: Senders | undefined;
  private readonly vlan: number;
  private readonly addressing: number;
  private readonly takesAll: boolean;
  private readonly heard = new Uint8Array(4096);

  constructor(
    private readonly arena: Arena,
    readonly settings: LinkInterface,
    /** What the node's interface on this link had counted before. */
    counted?: Float64Array,
    /**
     * Each frame is for one node, or those that share its flow: who only overhears it drops it, also where applications see
     * every frame, because each node that is to process a frame is sent one.
     */
    isForStations = false,
  ) {
    this.counted = counted ?? new Float64Array(COUNTERS);
    const { node, kind, senders, sends, hears, address } = settings;
    this.ref = nodeRef(node.cluster, node.node);
    this.nic = macBytes(settings.nic);
    this.own = macBytes(address ?? settings.nic);
    this.senders = senders === undefined ? undefined : new Senders(senders);
    this.vlan = sends ?? UNTAGGED;
    const isEverybodys = kind === 'hub' || (kind === 'clustered' && !isForStations);
    this.takesAll = settings.takesAll && !isForStations;
    this.addressing = kind === 'external' ? AS_IT_IS : isEverybodys ? TO_EVERYBODY : TO_STATION;
    for (const each of hears) this.heard[each] = 1;
  }

  hears(vlan: number): boolean {
    return this.heard[vlan] === 1;
  }

  /**
   * Readies a sealed frame for the LAN: its addresses by Table 1, and the tag of the VLAN in which the node's side sends.
   * With `S_TO` it is for that node; without, for whom the frame itself was for, which its descriptor says. On an external
   * link the frame is one without a descriptor, and leaves as it is ([0044]).
   *
   * @returns 0, or why it is not sent (a {@link LinkDrop}): then it is as it was
   */
  egress(slot: number): LinkDrop {
    this.counted[GIVEN]++;
    const why = this.settings.isIdle ? IDLE : this.ready(slot);
    this.counted[why === 0 ? SENT : DROPPED + why]++;
    return why;
  }

  /**
   * Takes a frame from the LAN that came in a VLAN which the interface hears, without its tag. Who it is from is believed
   * only as far as that a member may send here: the node verifies it.
   *
   * @returns 0, with `S_TO` and `S_LINK` set, or why it goes no further: then it is as it was
   */
  ingress(slot: number): LinkDrop {
    this.counted[RECEIVED]++;
    const why = this.settings.isIdle ? IDLE : this.refusal(slot);
    this.counted[why === 0 ? DELIVERED : DROPPED + why]++;
    if (why !== 0) return why;
    if (!this.settings.keepsTags) popTag(this.arena, slot);
    this.arena.u16[(slot + S_TO) >>> 1] = this.ref;
    this.arena.u16[(slot + S_LINK) >>> 1] = this.settings.link;
    return 0;
  }

  /** Takes back a frame that was readied, because the port is busy: it is given again. */
  withdraw(slot: number): void {
    popTag(this.arena, slot);
    this.counted[GIVEN]--;
    this.counted[SENT]--;
  }

  /** Takes back that a frame was refused, which is given again. */
  forget(why: LinkDrop): void {
    this.counted[GIVEN]--;
    this.counted[DROPPED + why]--;
  }

  /** Counts a frame from the LAN for which there was no slot. */
  missed(): void {
    this.counted[RECEIVED]++;
    this.counted[DROPPED + NO_SLOT]++;
  }

  /**
   * Of a frame that was opened, for an application at this interface: on clustered and replicated links one that was for a
   * single station is for this node ([0036 d], [0036 f]); all others keep the addresses that they had.
   */
  substitute(slot: number): void {
    if (!this.settings.substitutes) return;
    const { u8, u32 } = this.arena;
    if ((u8[slot + S_DESCRIPTOR + D_FLAGS] & DF_UNICAST) === 0) return;
    const frame = slot + u32[(slot + S_OFF) >>> 2];
    for (let i = 0; i < 6; i++) u8[frame + i] = this.nic[i];
  }

  private ready(slot: number): LinkDrop {
    const { arena, vlan } = this;
    if (this.settings.keepsTags) return this.heard[Math.max(0, vlanAt(arena, slot))] === 1 ? 0 : FOREIGN_VLAN;
    if (vlan === UNTAGGED) return ONE_WAY;
    const why = this.addressing === AS_IT_IS ? 0 : this.address(slot);
    if (why === 0) pushTag(arena, slot, vlan);
    return why;
  }

  private address(slot: number): LinkDrop {
    const { u8, u16, u32 } = this.arena;
    const frame = slot + u32[(slot + S_OFF) >>> 2];
    const to = u16[(slot + S_TO) >>> 1];
    const isForNode = to !== 0 && (this.addressing === TO_STATION || this.isAside(slot, frame, to));
    if (!isForNode) {
      const descriptor = this.descriptorOf(slot, frame);
      if (descriptor === 0) return NO_DESCRIPTOR;
      const isEverybodys = this.addressing === TO_EVERYBODY && (u8[descriptor + D_FLAGS] & DF_UNICAST) !== 0;
      for (let i = 0; i < 6; i++) u8[frame + i] = isEverybodys ? 0xff : u8[descriptor + D_MACS + i];
    }
    for (let i = 0; i < 6; i++) u8[frame + 6 + i] = this.nic[i];
    return 0;
  }

  /**
   * Whether a frame on a hub is for a node that it does not name: control, or the copy for a backup. Everybody has the frame
   * itself, and nothing in the copy but its address says whom it is for.
   */
  private isAside(slot: number, frame: number, to: NodeRef): boolean {
    if (this.settings.kind !== 'hub') return false;
    const descriptor = this.descriptorOf(slot, frame);
    return descriptor !== 0 && !this.names(descriptor, to);
  }

  private refusal(slot: number): LinkDrop {
    if (this.senders === undefined) return 0;
    const { u8, u32 } = this.arena;
    const frame = slot + u32[(slot + S_OFF) >>> 2];
    const from = refOfMac(u8, frame + 6);
    if (from === this.ref) return OWN;
    if (from === 0 || !this.senders.has(from)) return NOT_A_SENDER;
    return this.takesAll || this.isForUs(slot, frame) ? 0 : OTHER_STATION;
  }

  /** Whether a frame is for this node, for a group, or for everybody. */
  private isForUs(slot: number, frame: number): boolean {
    const { u8 } = this.arena;
    if ((u8[frame] & 1) === 0) return isAt(u8, frame, this.nic);
    if (this.addressing !== TO_EVERYBODY) return true;
    // Everything on a hub is for everybody by its address: whom it is for, its descriptor says.
    const descriptor = this.descriptorOf(slot, frame);
    if (descriptor === 0) return false;
    if ((u8[descriptor + D_FLAGS] & DF_UNICAST) === 0) return true;
    const original = descriptor + D_MACS;
    return isAt(u8, original, this.nic) || isAt(u8, original, this.own) || this.names(descriptor, this.ref);
  }

  /** Whether a flow's frame names a node for its cluster. */
  private names(descriptor: number, ref: NodeRef): boolean {
    const { u8 } = this.arena;
    if (isControl(u8, descriptor)) return false;
    const end = descriptor + D_LIST + 2 * u8[descriptor + D_COUNT];
    for (let at = descriptor + D_LIST; at < end; at += 2) {
      if (u8[at] === clusterOf(ref)) return (u8[at + 1] & 0x7f) === nodeOf(ref);
    }
    return false;
  }

  /** Where the frame's descriptor begins, by its length, marker and count; 0 = it has none. */
  private descriptorOf(slot: number, frame: number): number {
    const { u8, u32 } = this.arena;
    const length = u32[(slot + S_LEN) >>> 2];
    const descriptor = descriptorAt(u8, frame, length);
    if (descriptor === 0 || !isMarked(u8, descriptor)) return 0;
    return descriptor + D_FIXED + 2 * u8[descriptor + D_COUNT] === frame + length ? descriptor : 0;
  }
}

function isAt(u8: Uint8Array, at: number, mac: Uint8Array): boolean {
  for (let i = 0; i < 6; i++) if (u8[at + i] !== mac[i]) return false;
  return true;
}

function macBytes(text: string): Uint8Array {
  return Uint8Array.from(text.split(':'), (part) => Number.parseInt(part, 16));
}
