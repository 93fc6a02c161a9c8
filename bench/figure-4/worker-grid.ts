import { nodeRef } from '../../domain/base/ids';
import type { PublishedTopology } from '../../domain/topology/topology';
import { MemoryNetwork } from '../../dataplane/packet-ports/memory-port';
import { standingAlong } from '../../runtime/agent/placement';
import { WorkerHost } from '../../runtime/agent/worker-host';
import { ofSide, type Traffic } from './recording';
import { BEGIN_MS, NETWORKS } from './topology';

/** Frames between two hello rounds. */
const ROUND_FRAMES = 2500;
/** How long nothing may move before frames count as lost, milliseconds. */
const PATIENCE_MS = 5000;
const FRAME_MAX = 1518;

/** A side of the traffic: the network at which it enters. */
interface Side {
  readonly network: MemoryNetwork;
  /** Frames of handshakes, by the turn in which they enter. */
  readonly turns: readonly number[];
  /** The part of the established traffic that enters here. */
  readonly share: number;
}

/**
 * Figure 4 hosted by workers, its external networks attached to them: this thread only says how many frames may enter,
 * and when hello rounds are due.
 */
export class WorkerGrid {
  private now = BEGIN_MS * 1000;
  private entered = 0;

  private constructor(
    private readonly host: WorkerHost,
    private readonly sides: readonly [Side, Side],
    private readonly roundUs: number,
  ) {}

  static async start(
    workers: number,
    published: PublishedTopology,
    traffic: Traffic,
    places: number,
  ): Promise<WorkerGrid> {
    const { clusters, networks, paths, timing, version } = published.topology;
    const sides = [sideOf(traffic, 0), sideOf(traffic, 1)] as const;
    const placed = clusters.map(({ id, failure, members }) => ({
      id,
      failure,
      nodes: members.map(({ node }) => node),
    }));
    const host = await WorkerHost.start(
      {
        secret: new Uint8Array(32).fill(7),
        workers,
        slots: 1 << 15,
        bytes: 768 << 20,
        limits: { flows: places, connections: places },
        baseDirectory: process.cwd(),
        taps: false,
        standing: standingAlong(placed, paths),
        output: () => undefined,
      },
      sides.map(({ network }, side) => ({
        name: networks.find(({ id }) => id === NETWORKS[side])?.name ?? '',
        port: network.share,
      })),
    );
    for (const { id, role, members } of clusters) {
      if (role === 'mnode') continue;
      for (const { node, incarnation } of members) await host.add(nodeRef(id, node), incarnation, role);
    }
    await host.install(published);
    await host.activate(version);
    const grid = new WorkerGrid(host, [...sides], timing.helloMs * 1000);
    // What enters is timed by the workers, which must know the time before anything does.
    host.push(grid.now);
    return grid;
  }

  /** First frames, then answers, then the rest: what answers a frame enters after that has left. */
  async establish(): Promise<void> {
    for (const turn of [0, 1, 2]) {
      await this.play(this.sides.map(({ turns }) => turns[turn]!));
    }
  }

  /** Plays `frames` frames of the established traffic, each side its part, until all have left. */
  async send(frames: number): Promise<void> {
    const first = Math.round(frames * this.sides[0].share);
    await this.play([first, frames - first]);
  }

  /** @throws Error unless every frame that entered has left. */
  check(): void {
    const left = this.sides.reduce((sum, { network }) => sum + network.left, 0);
    if (this.entered !== left) throw new Error(`bench: ${this.entered} frames entered the workers and ${left} left`);
  }

  close(): Promise<void> {
    return this.host.close();
  }

  /**
   * Lets so many frames of each side enter, with a hello round whenever ROUND_FRAMES have; those of the next round may
   * enter before this one is over, so that no port waits for it.
   */
  private async play(parts: readonly number[]): Promise<void> {
    const frames = parts.reduce((sum, n) => sum + n, 0);
    const before = this.sides.map(({ network }) => network.granted);
    const upTo = (side: number, rounds: number): number =>
      before[side]! + Math.floor(parts[side]! * Math.min(1, (rounds * ROUND_FRAMES) / frames));
    for (let round = 1; (round - 1) * ROUND_FRAMES < frames; round++) {
      this.sides.forEach(({ network }, side) => network.grant(upTo(side, round + 1) - network.granted));
      this.host.push(this.now);
      this.sides.forEach(({ network }, side) => network.awaitEntered(upTo(side, round), PATIENCE_MS));
      this.now += this.roundUs;
      await this.host.tick(this.now);
    }
    this.entered += frames;
    // What one side sends leaves at the other's network.
    this.sides.forEach(({ network }, side) => network.awaitLeft(this.sides[1 - side]!.network.entered, PATIENCE_MS));
    await this.host.settle(this.now);
  }
}

function sideOf({ first, handshake, established }: Traffic, side: 0 | 1): Side {
  const opening = ofSide(first, side);
  const answering = ofSide(handshake, side);
  const data = ofSide(established, side);
  return {
    network: MemoryNetwork.create([opening, answering], data, FRAME_MAX),
    turns: side === 0 ? [opening.length, 0, answering.length] : [0, answering.length, 0],
    share: data.length / established.length,
  };
}
