import { clusterOf, nodeRef, type NodeRef } from '../../domain/base/ids';
import type { LinkMember } from '../../domain/topology/topology';

const NOBODY = 0;
const ALL = 1;
const SOME = 2;

/** Which nodes an interface may hear: asked once a frame. */
export class Senders {
  /** By cluster: nobody, all of its nodes, or those that are listed. */
  private readonly clusters = new Uint8Array(256);
  private readonly listed: Uint16Array;

  constructor(members: readonly LinkMember[]) {
    const nodes: number[] = [];
    for (const member of members) {
      if ('network' in member) continue;
      const { cluster } = member;
      if (!('node' in member)) this.clusters[cluster] = ALL;
      else {
        nodes.push(nodeRef(cluster, member.node));
        if (this.clusters[cluster] === NOBODY) this.clusters[cluster] = SOME;
      }
    }
    this.listed = Uint16Array.from(nodes);
  }

  has(ref: NodeRef): boolean {
    const whole = this.clusters[clusterOf(ref)];
    if (whole !== SOME) return whole === ALL;
    for (let i = 0; i < this.listed.length; i++) if (this.listed[i] === ref) return true;
    return false;
  }
}
