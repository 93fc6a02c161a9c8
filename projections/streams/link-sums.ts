import { clusterOf, nodeRef, type ClusterId, type NodeRef } from '../../domain/base/ids';
import type { HopTraffic } from '../../domain/node/statistics';
import { linkBetween } from '../../domain/topology/links';
import type { Topology, VirtualLink } from '../../domain/topology/topology';
import type { LinkDirection, LinkRates, LinkStream, StreamHead } from './messages';
import { rounded } from './summary';

/** Directions that one message lists, at most; its sums are of all. */
export const DIRECTIONS_MAX = 1_000;

interface Sum {
  frames: number;
  bytes: number;
  framesPerSecond: number;
  bytesPerSecond: number;
}

/** What went over each link, made of what nodes sent to each other: one way between two clusters after the other. */
export class LinkSums {
  private readonly links = new Map<number, Map<number, Sum>>();

  constructor(
    private readonly topology: Topology,
    private readonly between: LinkFinder,
  ) {}

  /** What a node sent in all, and sends in a second to some of the same nodes. */
  add(from: NodeRef, totals: readonly HopTraffic[], perSecond: readonly HopTraffic[]): void {
    totals.forEach(({ to, frames, bytes }, i) => {
      const sum = this.sumFor(from, to);
      if (sum === undefined) return;
      sum.frames += frames;
      sum.bytes += bytes;
      // Mostly both name the same nodes in the same order.
      const rate = perSecond[i]?.to === to ? perSecond[i] : perSecond.find((hop) => hop.to === to);
      sum.framesPerSecond += rate?.frames ?? 0;
      sum.bytesPerSecond += rate?.bytes ?? 0;
    });
  }

  /** One message for every link that may carry frames. */
  streams(head: StreamHead, clusterName: (id: ClusterId) => string): LinkStream[] {
    return this.topology.links
      .filter(({ kind }) => kind !== 'external')
      .map(({ id, name, kind }) => {
        const sums = [...(this.links.get(id) ?? [])].sort(([a], [b]) => a - b);
        const directions = sums.map(([pair, sum]): LinkDirection => {
          const [from, to] = [pair >>> 8, pair & 0xff];
          const { frames, bytes } = sum;
          return { from: clusterName(from), to: clusterName(to), frames, bytes, perSecond: ratesOf([sum]) };
        });
        const all = sums.map(([, sum]) => sum);
        return {
          ...head,
          link: name,
          kind,
          frames: all.reduce((total, { frames }) => total + frames, 0),
          bytes: all.reduce((total, { bytes }) => total + bytes, 0),
          perSecond: ratesOf(all),
          directions: directions.slice(0, DIRECTIONS_MAX),
        };
      });
  }

  private sumFor(from: NodeRef, to: NodeRef): Sum | undefined {
    const link = this.between.find(from, to);
    if (link === undefined) return undefined;
    let ways = this.links.get(link.id);
    if (ways === undefined) this.links.set(link.id, (ways = new Map()));
    const pair = (clusterOf(from) << 8) | clusterOf(to);
    let sum = ways.get(pair);
    if (sum === undefined) ways.set(pair, (sum = { frames: 0, bytes: 0, framesPerSecond: 0, bytesPerSecond: 0 }));
    return sum;
  }
}

/** Which link joins two nodes, remembered for one topology. */
export class LinkFinder {
  /** Null: none does. */
  private readonly known = new Map<number, VirtualLink | null>();

  constructor(readonly topology: Topology) {}

  find(from: NodeRef, to: NodeRef): VirtualLink | undefined {
    const pair = from * nodeRef(0x100, 0) + to;
    let link = this.known.get(pair);
    if (link === undefined) this.known.set(pair, (link = linkBetween(this.topology, from, to, true) ?? null));
    return link ?? undefined;
  }
}

function ratesOf(sums: readonly Sum[]): LinkRates {
  return {
    frames: rounded(sums.reduce((total, { framesPerSecond }) => total + framesPerSecond, 0)),
    bits: rounded(8 * sums.reduce((total, { bytesPerSecond }) => total + bytesPerSecond, 0)),
  };
}
