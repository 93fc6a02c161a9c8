import { decodeNodeStatistics } from '../../adapters/codec/node-statistics';
import { nodeRef, type Millis, type NodeRef } from '../../domain/base/ids';
import type { NodeAddress } from '../../domain/node/address';
import type { NodeStatistics } from '../../domain/node/statistics';
import type { Bus, BusSubscription } from '../../domain/seams/bus';
import type { Clock, Timers } from '../../domain/seams/clock';
import { StatisticsStreams, type Streams } from '../../projections';
import type { ControlPlane } from './control-plane';

/** The subjects of statistics that are folded; adapters/bus names them for a grid. */
export interface StreamSubjects {
  statsGrid(): string;
  statsCluster(cluster: string): string;
  statsLink(link: string): string;
  statsType(flowType: number): string;
}

/** With those that are folded: `statsNode` with `*` means all nodes. */
export interface TellerSubjects extends StreamSubjects {
  statsNode(node: string): string;
}

/** How often streams are told, milliseconds. */
export const STREAMS_EVERY_MS = 1_000;
/** A newer leadership that was heard so lately tells the streams itself. */
const SUCCESSOR_MS = 5 * STREAMS_EVERY_MS;

const encoder = new TextEncoder();

/** Publishes every stream, as JSON. */
export function publishStreams(bus: Bus, subjects: StreamSubjects, { grid, clusters, links, types }: Streams): void {
  const publish = (subject: string, message: object): void =>
    bus.publish(subject, encoder.encode(JSON.stringify(message)));
  publish(subjects.statsGrid(), grid);
  for (const cluster of clusters) publish(subjects.statsCluster(cluster.cluster), cluster);
  for (const link of links) publish(subjects.statsLink(link.link), link);
  for (const type of types) publish(subjects.statsType(type.flowType), type);
}

/** What became of nodes' readings, and of the rounds in which streams were due. */
export interface TellerCounts {
  /** Messages that were no reading. */
  malformed: number;
  told: number;
  /** Rounds that were left to a newer leadership. */
  passed: number;
}

/**
 * An MNODE's part in statistics: it hears what nodes count, whatever its role, so that a new leader goes on where the old
 * one stopped; the leader alone tells the streams, every second. One that was deposed and has not noticed falls silent
 * when it hears its successor's.
 */
export class StatisticsTeller {
  readonly counts: TellerCounts = { malformed: 0, told: 0, passed: 0 };
  private readonly streams: StatisticsStreams;
  /** What nodes told last. */
  private readonly latest = new Map<NodeRef, NodeStatistics>();
  private readonly subscriptions: readonly BusSubscription[];
  private successor: { readonly epoch: number; readonly at: Millis } | undefined;
  private stopTimer: () => void = () => undefined;

  constructor(
    private readonly name: string,
    private readonly plane: Pick<ControlPlane, 'isLeading' | 'state'>,
    private readonly bus: Bus,
    private readonly subjects: TellerSubjects,
    private readonly time: Clock & Timers,
  ) {
    this.streams = new StatisticsStreams(time.now());
    this.subscriptions = [
      bus.subscribe(subjects.statsNode('*'), (payload) => this.hearNode(payload)),
      bus.subscribe(subjects.statsGrid(), (payload) => this.hearLeader(payload)),
    ];
    this.wait();
  }

  /** What a node's function counted in its present life; undefined where it has not told. */
  async counted({ cluster, node }: NodeAddress): Promise<{ readonly [name: string]: number } | undefined> {
    const told = this.latest.get(nodeRef(cluster, node));
    const present = this.plane.state.clusters[cluster]?.nodes[node]?.incarnation;
    return told?.incarnation === present ? told?.counted : undefined;
  }

  close(): void {
    this.stopTimer();
    for (const subscription of this.subscriptions) subscription.unsubscribe();
  }

  private wait(): void {
    this.stopTimer = this.time.schedule(this.time.now() + STREAMS_EVERY_MS, () => {
      this.wait();
      if (this.plane.isLeading) this.tell();
    });
  }

  private tell(): void {
    const { state } = this.plane;
    const now = this.time.now();
    if (this.successor !== undefined && this.successor.epoch > state.epoch && now - this.successor.at <= SUCCESSOR_MS) {
      this.counts.passed++;
      return;
    }
    const streams = this.streams.streams(state, { name: this.name, now });
    if (streams === undefined) return;
    publishStreams(this.bus, this.subjects, streams);
    this.counts.told++;
  }

  private hearNode(payload: Uint8Array): void {
    const told = decodeNodeStatistics(payload);
    if (told === undefined) this.counts.malformed++;
    else {
      this.streams.observe(told, this.time.now());
      this.latest.set(told.node, told);
    }
  }

  private hearLeader(payload: Uint8Array): void {
    const epoch = epochOf(payload);
    if (epoch > this.plane.state.epoch) this.successor = { epoch, at: this.time.now() };
  }
}

/** 0 for what is no message of a leader. */
function epochOf(payload: Uint8Array): number {
  try {
    const { epoch } = JSON.parse(Buffer.from(payload).toString()) as { epoch?: unknown };
    return Number.isSafeInteger(epoch) ? (epoch as number) : 0;
  } catch {
    return 0;
  }
}
