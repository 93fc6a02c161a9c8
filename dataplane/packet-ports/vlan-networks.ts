import type { Topology } from '../../domain/topology/topology';
import type { Arena } from '../frames/arena';
import { S_LEN, S_OFF } from '../frames/layout';
import { isVlanTag } from '../headers/numbers';

const VLANS = 4096;
/** Where the entry of frames without a tag stands; a priority tag names no VLAN either (IEEE 802.1Q 6.9.1). */
const UNTAGGED = 0;
/** The shortest frame with a tag and an EtherType behind it. */
const TAGGED_MIN = 18;
/** Several networks have it: it is nobody's, so that none hears what is another's. */
const CONTESTED = 0x100;

/**
 * Which of the networks that share a port ([0035 a]) a frame is of: the one whose external links name its outer VLAN ID, the
 * untagged one without a tag.
 */
export class VlanNetworks {
  private readonly byVlan = new Uint16Array(VLANS);

  constructor(names: readonly string[], { networks, links }: Pick<Topology, 'networks' | 'links'>) {
    for (const { id, name, tagged } of networks) {
      if (!names.includes(name)) continue;
      if (!tagged) this.give(UNTAGGED, id);
      for (const { kind, members, vlans = [] } of links) {
        const isOfIt = kind === 'external' && members.some((member) => 'network' in member && member.network === id);
        if (isOfIt && tagged) for (const vlan of vlans) this.give(vlan, id);
      }
    }
  }

  /** ID of the network of the frame in a slot; 0 = of none. */
  of(arena: Arena, address: number): number {
    const { u8, u32 } = arena;
    const frame = address + u32[(address + S_OFF) >>> 2];
    const type = (u8[frame + 12] << 8) | u8[frame + 13];
    const isTagged = u32[(address + S_LEN) >>> 2] >= TAGGED_MIN && isVlanTag(type);
    const network = this.byVlan[isTagged ? ((u8[frame + 14] << 8) | u8[frame + 15]) & 0xfff : UNTAGGED];
    return network === CONTESTED ? 0 : network;
  }

  private give(vlan: number, network: number): void {
    const before = this.byVlan[vlan];
    this.byVlan[vlan] = before === 0 || before === network ? network : CONTESTED;
  }
}
