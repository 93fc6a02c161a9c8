import type { Arena } from '../frames/arena';
import { K_ADDR_A, K_ADDR_B, K_NETWORK, K_PORT_A, K_PORT_B, K_PROTO, K_VLAN_1, K_VLAN_2 } from '../frames/layout';

/**
 * One end of a canonical key (a slot's at `S_KEY`, a connection's at `C_KEY`), as slow paths handle it: text and
 * numbers. Addresses are 32 hex digits, the 16 bytes of the key, so that they compare and travel as strings.
 */
export interface KeyEnd {
  readonly address: string;
  readonly port: number;
}

/** End A (`b` false) or B of the key at byte address `key`. */
export function keyEnd(arena: Arena, key: number, b: boolean): KeyEnd {
  return {
    address: addressText(arena.u8, key + (b ? K_ADDR_B : K_ADDR_A)),
    port: arena.u16[(key + (b ? K_PORT_B : K_PORT_A)) >>> 1],
  };
}

/** What a key holds besides its ends. */
export interface KeyScope {
  readonly network: number;
  readonly vlan1: number;
  readonly vlan2: number;
  readonly proto: number;
}

export function keyScope(arena: Arena, key: number): KeyScope {
  return {
    network: arena.u16[(key + K_NETWORK) >>> 1],
    vlan1: arena.u16[(key + K_VLAN_1) >>> 1],
    vlan2: arena.u16[(key + K_VLAN_2) >>> 1],
    proto: arena.u8[key + K_PROTO],
  };
}

const hexDigits = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** 16 bytes at `at` as 32 hex digits. */
export function addressText(bytes: Uint8Array, at: number): string {
  let text = '';
  for (let i = 0; i < 16; i++) text += hexDigits[bytes[at + i]];
  return text;
}

/** The key form of an IPv4 address, given as its four bytes. */
export function ipv4Text(a: number, b: number, c: number, d: number): string {
  return '0'.repeat(24) + hexDigits[a] + hexDigits[b] + hexDigits[c] + hexDigits[d];
}
