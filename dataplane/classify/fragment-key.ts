import type { Arena } from '../frames/arena';
import { K_ADDR_A, K_HERE, K_PORT_A, S_IP_ID, S_KEY, S_SRC_IS_B } from '../frames/layout';
import { hashKey } from '../headers/key-hash';

const ADDRESS_UNITS = 16;
/** Behind addresses and ports: protocol and version, network, two VLAN IDs. */
const SCOPE_AT = 18;
const SCOPE_UNITS = 4;

/**
 * What all fragments of a datagram share: both addresses, direction, protocol, network, VLANs and identification, as a
 * string of 16-bit units that a Map can look up. Ports are left out, as later fragments have none.
 */
export class FragmentKey {
  private readonly units = new Array<number>(ADDRESS_UNITS + SCOPE_UNITS + 3).fill(0);

  /** The key of the fragment in a slot, which `parse` has read. */
  of(arena: Arena, slot: number): string {
    const { units } = this;
    const words = (slot + S_KEY + K_ADDR_A) >>> 1;
    for (let i = 0; i < ADDRESS_UNITS; i++) units[i] = arena.u16[words + i];
    for (let i = 0; i < SCOPE_UNITS; i++) units[ADDRESS_UNITS + i] = arena.u16[words + SCOPE_AT + i];
    const id = arena.u32[(slot + S_IP_ID) >>> 2];
    units[ADDRESS_UNITS + SCOPE_UNITS] = id & 0xffff;
    units[ADDRESS_UNITS + SCOPE_UNITS + 1] = id >>> 16;
    units[ADDRESS_UNITS + SCOPE_UNITS + 2] = arena.u8[slot + S_SRC_IS_B];
    return String.fromCharCode(...units);
  }
}

/** The hash that `parse` gives the later fragments of the first one in a slot, which have no ports. */
export function laterFragmentHash(arena: Arena, slot: number, seed: Uint32Array): number {
  const ports = (slot + S_KEY + K_PORT_A) >>> 2;
  const end = (slot + S_KEY + K_HERE) >>> 2;
  const before = arena.u32[ports];
  const here = arena.u32[end];
  arena.u32[ports] = 0;
  arena.u32[end] = 0;
  const hash = hashKey(arena.u32, slot + S_KEY, seed);
  arena.u32[ports] = before;
  arena.u32[end] = here;
  return hash;
}
