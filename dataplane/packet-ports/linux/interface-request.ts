/** `struct ifreq`, by which the system is asked about an interface or told of it, and what it is sent with (64-bit, little-endian). */

/** linux/sockios.h */
export const SIOCGIFFLAGS = 0x8913;
export const SIOCSIFFLAGS = 0x8914;
export const SIOCGIFMTU = 0x8921;
export const SIOCSIFMTU = 0x8922;
export const SIOCGIFHWADDR = 0x8927;
export const SIOCGIFINDEX = 0x8933;
/** linux/if.h */
export const IFF_UP = 0x1;
export const IFF_NOARP = 0x80;

const REQUEST_BYTES = 40;
const NAME_BYTES = 16;
/** Longest name of an interface. */
export const NAME_MAX = NAME_BYTES - 1;

/** A request about the interface of a name, and a number that it is told; a name that is too long is cut. */
export function interfaceRequest(name: string, value = 0): Uint8Array {
  const bytes = new Uint8Array(REQUEST_BYTES);
  bytes.set(Buffer.from(name).subarray(0, NAME_MAX));
  viewOf(bytes).setInt32(NAME_BYTES, value, true);
  return bytes;
}

/** The name in a request, which the system may have put there. */
export function requestedName(request: Uint8Array): string {
  return Buffer.from(request.subarray(0, NAME_BYTES)).toString('latin1').replace(/\0.*$/, '');
}

/** The answer of calls that give a `short`: flags, and the type of a hardware address. */
export function shortOf(request: Uint8Array): number {
  return viewOf(request).getUint16(NAME_BYTES, true);
}

/** The answer of calls that give an `int`. */
export function intOf(request: Uint8Array): number {
  return viewOf(request).getInt32(NAME_BYTES, true);
}

function viewOf({ buffer, byteOffset, length }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, length);
}
