import { decodeCommit } from '../../adapters/codec/records';
import { retirable, type World } from '../../actors/reactions';
import type { WireId } from '../../domain/base/ids';
import type { TopologyEvent } from '../../domain/events';
import type { Commit } from '../../domain/log/commit';
import type { EventLog } from '../../domain/seams/event-log';
import {
  liveTopology,
  stampedTopology,
  wholeTopologies,
  wholeTopology,
  type TopologyState,
} from '../../domain/topology/state';
import type { PublishedTopology, Topology } from '../../domain/topology/topology';

/**
 * What nodes are told about topologies, in order. Every message may come again (a new leader repeats what holds) and
 * is idempotent at the node.
 */
export interface TopologyListener {
  /**
   * Phase one: install it, then `acknowledgeTopology`.
   *
   * @param epoch the leadership that has just published it; absent where it is repeated
   */
  published(topology: PublishedTopology, epoch?: number): void;
  /** Phase two: all live nodes have it; FNODEs stamp new flows with it. */
  applied(version: number, wireId: WireId): void;
  /** Let its flows carry the other topology's wire ID, and keep their nodes or, where told so, take its modes. */
  repin(move: WireMove): void;
  /** No FNODE's flow carries it: forget it and say so by `acknowledgeRetirement`, unless something still lives. */
  retiring(version: number, wireId: WireId): void;
  /** Its wire ID may be given to another topology after the quarantine. */
  retired(version: number, wireId: WireId): void;
}

/** Flows of one topology are to carry another's wire ID. */
export interface WireMove {
  readonly version: number;
  readonly wireId: WireId;
  readonly toVersion: number;
  readonly toWireId: WireId;
  /** They take the modes of its clusters, too. */
  readonly modes?: true;
}

/** Announces topologies: from commits as they are folded, and again on taking over. */
export class Publication {
  private readonly asked = new Set<number>();

  constructor(
    private readonly listeners: readonly TopologyListener[],
    private readonly log: EventLog,
  ) {}

  /** Announces what a commit changed; `topology` is the state after it. */
  folded(commit: Commit<TopologyEvent>, hash: string, topology: TopologyState): void {
    for (const event of commit.events) {
      switch (event.type) {
        case 'TopologyPublished': {
          const whole = wholeTopology(topology, event.data.version);
          if (whole === undefined) break;
          const published = { topology: whole, seq: commit.seq, hash, dead: event.data.dead };
          this.tell((listener) => listener.published(published, commit.epoch));
          break;
        }
        case 'TopologyRepinRequested':
          this.tell((listener) => listener.repin(event.data));
          break;
        case 'TopologyRetired':
          this.asked.delete(event.data.version);
          this.tell((listener) => listener.retired(event.data.version, event.data.wireId));
          break;
        default:
      }
    }
  }

  /** Announces the second phase, once the state knows which wire ID the version has. */
  applied(commit: Commit<TopologyEvent>, topology: TopologyState): void {
    for (const event of commit.events) {
      if (event.type !== 'TopologyApplied') continue;
      const live = liveTopology(topology, event.data.version);
      if (live !== undefined) this.tell((listener) => listener.applied(live.version, live.wireId));
    }
  }

  /** Repeats what holds, for nodes that missed it under an earlier leader. */
  async repeat(topology: TopologyState): Promise<void> {
    this.asked.clear();
    for (const published of await this.all(topology)) this.tell((listener) => listener.published(published));
    const stamped = stampedTopology(topology);
    if (stamped !== undefined) this.tell((listener) => listener.applied(stamped.version, stamped.wireId));
    for (const { version, wireId, repinTo, repinModes } of topology.live) {
      const target = repinTo === 0 ? undefined : liveTopology(topology, repinTo);
      if (target === undefined) continue;
      const move = {
        version,
        wireId,
        toVersion: target.version,
        toWireId: target.wireId,
        ...(repinModes && { modes: repinModes }),
      };
      this.tell((listener) => listener.repin(move));
    }
  }

  /** Asks nodes once to forget each topology that no flow carries any more. */
  askForRetirement(world: World): void {
    for (const { version, wireId } of retirable(world)) {
      if (this.asked.has(version)) continue;
      this.asked.add(version);
      this.tell((listener) => listener.retiring(version, wireId));
    }
  }

  /** A live topology whole; undefined if it is not live. */
  async published(topology: TopologyState, version: number): Promise<PublishedTopology | undefined> {
    const whole = wholeTopology(topology, version);
    return whole === undefined ? undefined : this.asPublished(topology, whole);
  }

  /** Every live topology, whole, oldest first. */
  private async all(topology: TopologyState): Promise<PublishedTopology[]> {
    const published: PublishedTopology[] = [];
    for (const whole of wholeTopologies(topology)) {
      const found = await this.asPublished(topology, whole);
      if (found !== undefined) published.push(found);
    }
    return published.reverse();
  }

  /** With what its commit says of it. */
  private async asPublished(state: TopologyState, topology: Topology): Promise<PublishedTopology | undefined> {
    const [stored] = await this.log.read(liveTopology(state, topology.version)?.seq ?? 0, 1);
    if (stored === undefined) return undefined;
    const { events } = decodeCommit(stored.bytes) as Commit<TopologyEvent>;
    for (const event of events) {
      if (event.type !== 'TopologyPublished' || event.data.version !== topology.version) continue;
      return { topology, seq: stored.seq, hash: stored.hash, dead: event.data.dead };
    }
    return undefined;
  }

  private tell(message: (listener: TopologyListener) => void): void {
    for (const listener of this.listeners) message(listener);
  }
}
