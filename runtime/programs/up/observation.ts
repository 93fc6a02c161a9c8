import { chainId, clusterOf, nodeOf, nodeRef, type Micros, type NodeRef } from '../../../domain/base/ids';
import { nodesOf } from '../../../domain/cluster/state';
import type { TopologyEvent } from '../../../domain/events';
import type { GridState } from '../../../domain/grid-state';
import type { Commit } from '../../../domain/log/commit';
import type { NodeStatistics } from '../../../domain/node/statistics';
import type { TapRecord } from '../../../domain/seams/tap';
import type { Topology } from '../../../domain/topology/topology';
import { nodeKey } from '../../../dataplane/descriptor/node-table';
import { sealedFrameText, type DescriptorNames } from '../../../dataplane/descriptor/text';
import { CONTROL_NAMES } from '../../../dataplane/node/control-frames';
import { LINK_ETHERNET } from '../../../dataplane/packet-ports/capture/link-types';
import { PcapngWriter } from '../../../dataplane/packet-ports/capture/pcapng-writer';
import {
  chainNode,
  failuresOf,
  withNotices,
  FlowsProjection,
  StatisticsProjection,
  type Failure,
  type Kill,
} from '../../../projections';
import { createChecker, type Checker, type Evidence, type Verdicts } from '../../../projections/verdicts';
import type { Detection } from '../../../dataplane/node/node-group';
import type { GridHarvest } from '../../agent/dataplane-host';
import type { Fleet } from './fleet';

export interface ObservationOptions {
  readonly secret: Uint8Array;
  readonly out?: string;
  readonly internalOut?: string;
  /** Say in `internalOut`, with each frame, what its descriptor says. */
  readonly internalComments: boolean;
}

/** Everything that watches a run without taking part: checker, projections, and the capture files of what crossed links. */
export class Observation {
  readonly checker: Checker;
  readonly flows = new FlowsProjection();
  readonly statistics = new StatisticsProjection();
  readonly commits: Commit<TopologyEvent>[] = [];
  readonly kills: Kill[] = [];
  /** Deaths as the nodes themselves noticed them. */
  private readonly detections: Detection[] = [];
  /** Frames that came in and went out, both as of the last harvest, for the status. */
  entered = 0;
  left = 0;
  /** Told the number of each frame that leaves, by whoever feeds the grid. */
  onLeft: ((frameNo: number) => void) | undefined;
  /** Statistics of lives that ended, as they were when the node died. */
  private readonly deadLives: NodeStatistics[] = [];
  private outFile: PcapngWriter | undefined;
  private internalFile: PcapngWriter | undefined;
  /** Names for the comments in that file; undefined: it gets none. */
  private commentNames: DescriptorNames | undefined;
  private readonly interfaceOfNetwork = new Map<number, number>();
  private readonly interfaceOfLink = new Map<number, number>();

  constructor(private readonly options: ObservationOptions) {
    this.checker = createChecker({
      keysOf: (ref) => [nodeKey(options.secret, clusterOf(ref), nodeOf(ref), 1)],
    });
  }

  /** Opens the capture files, once the grid's networks and links are known. */
  openFiles(state: GridState): void {
    const { out, internalOut } = this.options;
    const describe = (items: readonly { id: number; name: string }[], places: Map<number, number>) =>
      items.map(({ id, name }, index) => {
        places.set(id, index);
        return { name, linkType: LINK_ETHERNET };
      });
    const { latest } = state.topology;
    if (out !== undefined) {
      this.outFile = new PcapngWriter(out, { interfaces: describe(state.grid!.networks, this.interfaceOfNetwork) });
    }
    if (internalOut !== undefined) {
      this.internalFile = new PcapngWriter(internalOut, {
        interfaces: describe(latest?.links ?? [], this.interfaceOfLink),
      });
      if (this.options.internalComments) this.commentNames = namesIn(state);
    }
  }

  /** What stood before this run: it tells the checker which grid it looks at, and is no part of the run's story. */
  past(state: GridState, live: readonly Topology[]): void {
    this.checker.observeStanding(live, failedIn(state));
  }

  commit(commit: Commit<TopologyEvent>): void {
    this.commits.push(commit);
    this.checker.observeCommit(commit);
  }

  harvest(harvest: GridHarvest, fleet: Fleet): void {
    for (const record of harvest.taps) this.tap(record);
    this.detections.push(...harvest.detections);
    for (const { node, events } of harvest.events) {
      const life = fleet.get(node);
      if (life?.alive !== true) continue;
      const chain = chainId(node, life.incarnation);
      for (const event of events) {
        this.flows.apply(chain, event);
        this.checker.observeFlowEvent(chain, event);
        this.statistics.observeFlowEvent(event);
      }
    }
  }

  /** A frame has left the grid. */
  frameLeft(network: number, at: Micros, frameNo: number, bytes: Uint8Array, start: number, length: number): void {
    this.onLeft?.(frameNo);
    const place = this.interfaceOfNetwork.get(network);
    if (place !== undefined) this.outFile?.write(place, at, 0, bytes, start, length);
  }

  died(node: NodeRef, at: Micros, atFrame: number, last: NodeStatistics | undefined): void {
    this.kills.push({ node, at, atFrame });
    this.checker.observeDeath(node);
    if (last !== undefined) this.deadLives.push(last);
  }

  revived(node: NodeRef): void {
    this.checker.observeRevival(node);
  }

  failures(): Failure[] {
    return withNotices(failuresOf(this.commits, this.flows.records(), this.kills), this.detections);
  }

  verdicts(statistics: readonly NodeStatistics[], rest: Omit<Evidence, 'nodes' | 'dead'>): Verdicts {
    const isDead = ({ node, incarnation }: NodeStatistics): boolean =>
      this.deadLives.some((dead) => dead.node === node && dead.incarnation === incarnation);
    const nodes = statistics.filter((each) => !isDead(each));
    const dead = this.deadLives.map(
      (old) => statistics.find((each) => each.node === old.node && each.incarnation === old.incarnation) ?? old,
    );
    for (const each of [...nodes, ...dead]) this.statistics.observe(each);
    return this.checker.verdicts({ nodes, dead, inTransit: 0, ...rest });
  }

  close(): void {
    this.outFile?.close();
    this.internalFile?.close();
    this.outFile = this.internalFile = undefined;
  }

  private tap(record: TapRecord): void {
    this.checker.observe(record);
    this.statistics.observeTap(record);
    if (record.kind === 'entered') this.entered++;
    if (record.kind === 'left') this.left++;
    if (record.kind !== 'sent') return;
    const place = this.interfaceOfLink.get(record.link);
    if (place !== undefined) this.writeInternal(place, record);
  }

  private writeInternal(place: number, { at, bytes }: TapRecord): void {
    const comment = this.commentNames === undefined ? undefined : sealedFrameText(bytes, this.commentNames);
    this.internalFile?.write(place, at, 0, bytes, 0, bytes.length, bytes.length, comment);
  }
}

function namesIn({ clusters }: GridState): DescriptorNames {
  const names = new Map(Object.values(clusters).map(({ settings }) => [settings.id, settings.name]));
  return { cluster: (id) => names.get(id) ?? String(id), control: (kind) => CONTROL_NAMES[kind] };
}

/** Nodes that are down, and those of which a live topology still names a life that is over. */
function failedIn({ clusters, topology }: GridState): NodeRef[] {
  const down = Object.values(clusters).flatMap((cluster) =>
    nodesOf(cluster)
      .filter(({ status }) => status === 'failed' || status === 'recovering')
      .map(({ node }) => nodeRef(cluster.settings.id, node)),
  );
  return [...down, ...topology.dead.map(({ chain }) => chainNode(chain))];
}

/** The node with most live flows as primary, among those of a cluster that live. */
export function busiest(
  statistics: readonly NodeStatistics[],
  cluster: number,
  isAlive: (ref: NodeRef) => boolean,
): NodeRef {
  let best = 0;
  let most = -1;
  for (const { node, flowsPrimary } of statistics) {
    if (clusterOf(node) !== cluster || !isAlive(node) || flowsPrimary <= most) continue;
    best = node;
    most = flowsPrimary;
  }
  return best;
}
