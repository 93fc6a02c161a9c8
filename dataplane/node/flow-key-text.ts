import type { FlowKeyText } from '../../domain/flow/events';
import { formatAddress } from '../classify/addresses';
import type { Arena } from '../frames/arena';
import { K_ADDR_A, K_ADDR_B, K_IP, K_PORT_A, K_PORT_B, K_PROTO, K_VLAN_1, S_KEY, S_SRC_IS_B } from '../frames/layout';

const NO_VLAN = 0xffff;

/** The 5-tuple of a parsed frame as text, its sender first; MAC addresses and EtherType for layer-2 keys. */
export function flowKeyText(arena: Arena, slot: number): FlowKeyText {
  const { u8, u16 } = arena;
  const key = slot + S_KEY;
  const version = u8[key + K_IP];
  const vlan = u16[(key + K_VLAN_1) >>> 1];
  const fromB = u8[slot + S_SRC_IS_B] === 1;
  const a = { address: endText(u8, key + K_ADDR_A, version), port: u16[(key + K_PORT_A) >>> 1] };
  const b = {
    address: endText(u8, key + K_ADDR_B, version),
    port: version === 0 ? a.port : u16[(key + K_PORT_B) >>> 1],
  };
  const [from, to] = fromB ? [b, a] : [a, b];
  return {
    proto: u8[key + K_PROTO],
    a: from.address,
    aPort: from.port,
    b: to.address,
    bPort: to.port,
    vlan: vlan === NO_VLAN ? 0 : vlan & 0xfff,
  };
}

function endText(u8: Uint8Array, at: number, version: number): string {
  if (version !== 0) return formatAddress(u8, at, version);
  return Array.from(u8.subarray(at + 10, at + 16), (byte) => byte.toString(16).padStart(2, '0')).join(':');
}
