/** ARP over Ethernet for IPv4 (RFC 826): reads and writes packets behind untagged Ethernet headers. */

export const ETHERTYPE_ARP = 0x0806;
export const ARP_REQUEST = 1;
export const ARP_REPLY = 2;
/** Bytes of a frame with an ARP packet; what stands behind is padding. */
export const ARP_FRAME = 42;

/** Offsets from the frame's start. */
export const ARP_SENDER_MAC = 22;
export const ARP_SENDER_IP = 28;
export const ARP_TARGET_MAC = 32;
export const ARP_TARGET_IP = 38;

const HARDWARE = 14;
const OPERATION = 20;
/** Ethernet, IPv4, and the lengths of their addresses. */
const FORMAT = [0, 1, 8, 0, 6, 4];

/**
 * The operation of the ARP packet in a frame; 0 for one that is cut, of another format, of another operation, or whose
 * sender is a group.
 */
export function arpOperation(u8: Uint8Array, frame: number, length: number): number {
  if (length < ARP_FRAME) return 0;
  for (let i = 0; i < FORMAT.length; i++) if (u8[frame + HARDWARE + i] !== FORMAT[i]) return 0;
  if ((u8[frame + ARP_SENDER_MAC] & 1) !== 0) return 0;
  const operation = (u8[frame + OPERATION] << 8) | u8[frame + OPERATION + 1];
  return operation === ARP_REQUEST || operation === ARP_REPLY ? operation : 0;
}

/** An end of an ARP packet: a MAC address, or undefined where it is not known, and an IPv4 address. */
export interface ArpEnd {
  readonly mac: Uint8Array | undefined;
  readonly ip: Uint8Array;
  readonly ipAt: number;
}

const BROADCAST = new Uint8Array(6).fill(0xff);
const UNKNOWN = new Uint8Array(6);

/** Writes an ARP frame of {@link ARP_FRAME} bytes; to everybody where the target's MAC address is not known. */
export function writeArp(u8: Uint8Array, out: number, operation: number, sender: ArpEnd, target: ArpEnd): void {
  u8.set(target.mac ?? BROADCAST, out);
  u8.set(sender.mac ?? UNKNOWN, out + 6);
  u8[out + 12] = ETHERTYPE_ARP >>> 8;
  u8[out + 13] = ETHERTYPE_ARP & 0xff;
  u8.set(FORMAT, out + HARDWARE);
  u8[out + OPERATION] = 0;
  u8[out + OPERATION + 1] = operation;
  u8.set(sender.mac ?? UNKNOWN, out + ARP_SENDER_MAC);
  u8.set(sender.ip.subarray(sender.ipAt, sender.ipAt + 4), out + ARP_SENDER_IP);
  u8.set(target.mac ?? UNKNOWN, out + ARP_TARGET_MAC);
  u8.set(target.ip.subarray(target.ipAt, target.ipAt + 4), out + ARP_TARGET_IP);
}
