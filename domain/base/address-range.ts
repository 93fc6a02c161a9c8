/** A range of IP addresses: those that begin with the first `bits` bits of `bytes` (4 or 16 of them). */
export interface AddressRange {
  readonly bytes: readonly number[];
  readonly bits: number;
}

/**
 * Reads an address (`host`) or a network in CIDR form (`net`; without a length all bits count); undefined for anything
 * else, also for a network with bits set behind its length, which are a slip more often than not.
 */
export function parseAddress(text: string, kind: 'host' | 'net'): AddressRange | undefined {
  const [address = '', length, more] = text.split('/');
  const bytes = address.includes(':') ? parseIpv6(address) : parseIpv4(address);
  if (bytes === undefined || more !== undefined) return undefined;
  if (length === undefined) return { bytes, bits: 8 * bytes.length };
  const bits = /^\d{1,3}$/.test(length) ? Number(length) : Infinity;
  if (kind === 'host' || bits > 8 * bytes.length || hasBitsBehind(bytes, bits)) return undefined;
  return { bytes, bits };
}

function hasBitsBehind(bytes: readonly number[], bits: number): boolean {
  return bytes.some((byte, i) => {
    const counted = Math.min(8, Math.max(0, bits - 8 * i));
    return (byte & (0xff >>> counted)) !== 0;
  });
}

function parseIpv4(text: string): number[] | undefined {
  if (!/^\d{1,3}(\.\d{1,3}){3}$/.test(text)) return undefined;
  const bytes = text.split('.').map(Number);
  return bytes.every((byte) => byte < 256) ? bytes : undefined;
}

/** RFC 4291 section 2.2, the form with a dotted IPv4 tail included. */
function parseIpv6(text: string): number[] | undefined {
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  if (dotted !== null) {
    const tail = parseIpv4(dotted[2]!);
    if (tail === undefined) return undefined;
    const [a, b, c, d] = tail as [number, number, number, number];
    return parseIpv6(`${dotted[1]}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`);
  }
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map((half) => (half === '' ? [] : half.split(':')));
  const given = [...head!, ...(tail ?? [])];
  if (!given.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return undefined;
  const missing = 8 - given.length;
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined;
  const groups = [...head!, ...new Array<string>(missing).fill('0'), ...(tail ?? [])];
  return groups.flatMap((group) => {
    const value = parseInt(group, 16);
    return [value >>> 8, value & 0xff];
  });
}
