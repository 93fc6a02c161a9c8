/** A tag: VLAN, priority and EtherType. */
export interface Tag {
  readonly vlan: number;
  readonly priority: number;
  readonly type: number;
}

/** A frame by what a switch looks at. A station is its number, or an address in hex. */
export interface EthernetFrame {
  readonly from: number | string;
  readonly to: number | string;
  /** Outermost first. */
  readonly tags?: readonly Tag[];
  /** Tells frames apart. */
  readonly number?: number;
}

export const BROADCAST = 'ffffffffffff';
/** For experiments within one network (IEEE 802, local experimental EtherType 1). */
const ETHERTYPE_LOCAL = 0x88b5;

export function tag(vlan: number, priority = 0, type = 0x8100): Tag {
  return { vlan, priority, type };
}

/** Station n has the address 02:00:00:00:00:n. */
function addressOf(station: number | string): string {
  return typeof station === 'string' ? station : `0200000000${station.toString(16).padStart(2, '0')}`;
}

export function hexOf({ from, to, tags = [], number = 0 }: EthernetFrame): string {
  const word = (value: number): string => value.toString(16).padStart(4, '0');
  const inserted = tags.map(({ vlan, priority, type }) => word(type) + word((priority << 13) | vlan)).join('');
  return `${addressOf(to)}${addressOf(from)}${inserted}${word(ETHERTYPE_LOCAL)}${word(number)}${'00'.repeat(44)}`;
}

export function frameOf(frame: EthernetFrame): Uint8Array {
  return new Uint8Array(Buffer.from(hexOf(frame), 'hex'));
}
