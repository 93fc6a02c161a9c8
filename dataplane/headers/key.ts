import {
  KEY_SIZE,
  K_ADDR_A,
  K_ADDR_B,
  K_IP,
  K_NETWORK,
  K_PORT_A,
  K_PORT_B,
  K_PROTO,
  K_VLAN_1,
  K_VLAN_2,
} from '../frames/layout';

/** A connection as seen from the end that a frame comes from; see `K_*` for the fields' meaning. */
export interface ConnectionKey {
  readonly ip: 4 | 6 | 0;
  readonly proto: number;
  /** 16 bytes each: IPv4 in the last 4, a MAC in the last 6. */
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly network: number;
  readonly vlan1: number;
  readonly vlan2: number;
}

/**
 * Writes the canonical key of a connection at `at`, as kernel `parse` does for a frame: for keys that no frame shows,
 * such as expected connections. Returns S_SRC_IS_B: 1 if the source is end B.
 */
export function writeKey(bytes: Uint8Array, at: number, key: ConnectionKey): 0 | 1 {
  const swapped = compareEnds(key) > 0;
  const layer2 = key.ip === 0;
  bytes.fill(0, at, at + KEY_SIZE);
  bytes.set(swapped ? key.destination : key.source, at + K_ADDR_A);
  bytes.set(swapped ? key.source : key.destination, at + K_ADDR_B);
  put16(bytes, at + K_PORT_A, swapped && !layer2 ? key.destinationPort : key.sourcePort);
  put16(bytes, at + K_PORT_B, swapped && !layer2 ? key.sourcePort : key.destinationPort);
  bytes[at + K_PROTO] = key.proto;
  bytes[at + K_IP] = key.ip;
  put16(bytes, at + K_NETWORK, key.network);
  put16(bytes, at + K_VLAN_1, key.vlan1);
  put16(bytes, at + K_VLAN_2, key.vlan2);
  return swapped ? 1 : 0;
}

/** Reads a canonical key; `sourceIsB` says which end is the source. */
export function readKey(bytes: Uint8Array, at: number, sourceIsB: number): ConnectionKey {
  const a = bytes.slice(at + K_ADDR_A, at + K_ADDR_A + 16);
  const b = bytes.slice(at + K_ADDR_B, at + K_ADDR_B + 16);
  const ip = bytes[at + K_IP] as 4 | 6 | 0;
  const portA = get16(bytes, at + K_PORT_A);
  const portB = get16(bytes, at + K_PORT_B);
  const turned = sourceIsB === 1;
  return {
    ip,
    proto: bytes[at + K_PROTO],
    source: turned ? b : a,
    destination: turned ? a : b,
    sourcePort: turned && ip !== 0 ? portB : portA,
    destinationPort: turned && ip !== 0 ? portA : portB,
    network: get16(bytes, at + K_NETWORK),
    vlan1: get16(bytes, at + K_VLAN_1),
    vlan2: get16(bytes, at + K_VLAN_2),
  };
}

/** Order of (address, port); for layer-2 keys, whose port fields hold the EtherType, of the address alone. */
function compareEnds(key: ConnectionKey): number {
  for (let i = 0; i < 16; i++) {
    if (key.source[i] !== key.destination[i]) return key.source[i] - key.destination[i];
  }
  return key.ip === 0 ? 0 : key.sourcePort - key.destinationPort;
}

/** Little-endian, as the machine's words are. */
function put16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value & 0xff;
  bytes[at + 1] = value >>> 8;
}

function get16(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8);
}
