import { S_LEN, S_OFF, SLOT_FRAME } from '../frames/layout';
import {
  ARP_FRAME,
  ARP_REPLY,
  ARP_REQUEST,
  ARP_SENDER_IP,
  ARP_SENDER_MAC,
  ARP_TARGET_IP,
  writeArp,
} from '../layer3/arp';
import { ND_FRAME, ND_SOURCE, ND_TARGET, writeAdvertisement, writeSolicitation } from '../layer3/neighbour-discovery';
import { INCOMPLETE, type Neighbours } from '../layer3/neighbours';
import type { RouterPort } from '../layer3/routing';
import type { Node } from './node';
import { sendOwn } from './own-frames';

/** What a router says to the stations on its networks, and how often: questions, answers and announcements. */
export class NeighbourWords {
  readonly counts = { arpAnswered: 0, solicitationsAnswered: 0, neighboursAsked: 0, announced: 0 };

  constructor(private readonly node: Node) {}

  /** Asks who has a neighbour's address, or, where its MAC address is known, whether it is still there. */
  ask(table: Neighbours, entry: number, port: RouterPort): void {
    this.counts.neighboursAsked++;
    const { addresses } = table;
    const at = table.addressAt(entry);
    const mac = table.stateOf(entry) === INCOMPLETE ? undefined : table.macs.subarray(6 * entry, 6 * entry + 6);
    if (table.versionOf(entry) === 4) {
      const own = { mac: port.mac, ip: port.ipv4, ipAt: sourceFor(port, addresses, at) };
      const target = { mac, ip: addresses, ipAt: at };
      if (own.ipAt >= 0) this.send(port, ARP_FRAME, (u8, out) => writeArp(u8, out, ARP_REQUEST, own, target));
      return;
    }
    const own = { mac: port.mac, ip: port.ipv6, ipAt: port.neighbourSource6 };
    if (own.ipAt >= 0) this.send(port, ND_FRAME, (u8, out) => writeSolicitation(u8, out, own, addresses, at, mac));
  }

  /** Answers the ARP request in a frame, for an address of the router's. */
  answerArp(frame: number, port: RouterPort): void {
    const { u8 } = this.node.ctx.arena;
    this.counts.arpAnswered++;
    const own = { mac: port.mac, ip: u8, ipAt: frame + ARP_TARGET_IP };
    const mac = u8.slice(frame + ARP_SENDER_MAC, frame + ARP_SENDER_MAC + 6);
    this.send(port, ARP_FRAME, (bytes, out) =>
      writeArp(bytes, out, ARP_REPLY, own, { mac, ip: u8, ipAt: frame + ARP_SENDER_IP }),
    );
  }

  /** Answers the solicitation in a frame, for an address of the router's: to its sender at `mac`, or to all nodes. */
  advertise(frame: number, port: RouterPort, mac: Uint8Array | undefined): void {
    const { u8 } = this.node.ctx.arena;
    this.counts.solicitationsAnswered++;
    const own = { mac: port.mac, ip: u8, ipAt: frame + ND_TARGET };
    const to = mac === undefined ? undefined : { mac, ip: u8, ipAt: frame + ND_SOURCE };
    this.send(port, ND_FRAME, (bytes, out) => writeAdvertisement(bytes, out, own, to));
  }

  /** Tells the stations on a network where the router is now: another INODE, which had its address, is dead. */
  announce(port: RouterPort): void {
    for (let at = 0; at < port.ipv4.length; at += 4) {
      const own = { mac: port.mac, ip: port.ipv4, ipAt: at };
      this.send(port, ARP_FRAME, (u8, out) => writeArp(u8, out, ARP_REQUEST, own, { ...own, mac: undefined }));
      this.counts.announced++;
    }
    for (let at = 0; at < port.ipv6.length; at += 16) {
      const own = { mac: port.mac, ip: port.ipv6, ipAt: at };
      this.send(port, ND_FRAME, (u8, out) => writeAdvertisement(u8, out, own, undefined));
      this.counts.announced++;
    }
  }

  private send(port: RouterPort, length: number, write: (u8: Uint8Array, out: number) => void): void {
    const { ctx } = this.node;
    const slot = ctx.takeSlot();
    if (slot < 0) {
      this.node.count('no-slot');
      return;
    }
    const address = ctx.slot(slot);
    write(ctx.arena.u8, address + SLOT_FRAME);
    ctx.arena.u32[(address + S_OFF) >>> 2] = SLOT_FRAME;
    ctx.arena.u32[(address + S_LEN) >>> 2] = length;
    sendOwn(this.node, slot, port.network);
  }
}

/** The router's IPv4 address on the prefix of a neighbour, else the first; negative = it has none. */
function sourceFor(port: RouterPort, bytes: Uint8Array, at: number): number {
  for (let i = 0; i < port.bits4.length; i++) {
    let same = true;
    for (let bit = 0; bit < port.bits4[i]; bit++) {
      const differs = (port.ipv4[4 * i + (bit >>> 3)] ^ bytes[at + (bit >>> 3)]) & (0x80 >>> (bit & 7));
      if (differs !== 0) same = false;
    }
    if (same) return 4 * i;
  }
  return port.source4;
}
