import { filterMask, linkControlOf, NO_LINK_CONTROL } from '../classify/link-control';
import { FRAME_MIN, S_ETHERTYPE, S_LEN, S_OFF } from '../frames/layout';
import type { TopologyView } from '../select/topology-view';
import type { GroupContext } from './context';

const NETWORKS = 256;
const PAUSE_ALONE = filterMask([]);

/** Which control protocols of the outside may cross the doors of an INODE, as the latest topology says. */
export class LinkControl {
  private readonly masks = new Uint8Array(NETWORKS).fill(PAUSE_ALONE);
  private of: TopologyView | undefined;
  private strict = false;

  constructor(private readonly ctx: GroupContext) {}

  /** Whether a network filters more than pause frames: then frames of known connections have to be looked at too. */
  get isStrict(): boolean {
    this.follow();
    return this.strict;
  }

  /** Whether a parsed frame must not cross the door to `network`, in or out. */
  refuses(address: number, network: number): boolean {
    this.follow();
    const { u8, u16, u32 } = this.ctx.arena;
    if (u32[(address + S_LEN) >>> 2] < FRAME_MIN) return false;
    const frame = address + u32[(address + S_OFF) >>> 2];
    const protocol = linkControlOf(u8, frame, u16[(address + S_ETHERTYPE) >>> 1]);
    return protocol !== NO_LINK_CONTROL && (this.masks[network] & (1 << protocol)) !== 0;
  }

  private follow(): void {
    const { latest } = this.ctx.topologies;
    if (latest === this.of) return;
    this.of = latest;
    this.masks.fill(PAUSE_ALONE);
    this.strict = false;
    for (const { id, filters = [] } of latest?.topology.networks ?? []) {
      this.masks[id] = filterMask(filters);
      this.strict ||= filters.length > 0;
    }
  }
}
