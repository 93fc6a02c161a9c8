import { createPrng } from '../../domain/base/prng';
import { TrafficSource } from '../../adapters/sim/traffic';
import type { MemoryFrames } from '../../dataplane/packet-ports/memory-port';

/** Ethernet, IPv4 and TCP headers: a frame that is no longer carries no data. */
const HEADERS = 54;
const HANDSHAKE = 3;

/** Frames of one kind, one after another in one buffer, in the order in which they enter. */
export class Recording {
  private readonly bytes: Uint8Array;
  private readonly starts: Uint32Array;
  private readonly sides: Uint8Array;
  private used = 0;
  private count = 0;

  constructor(frames: number, frameBytes: number) {
    this.bytes = new Uint8Array(frames * frameBytes);
    this.starts = new Uint32Array(frames + 1);
    this.sides = new Uint8Array(frames);
  }

  /** Number of frames. */
  get length(): number {
    return this.count;
  }

  /** 0: the frame was sent by its flow's initiator, 1: by the responder. */
  side(index: number): 0 | 1 {
    return this.sides[index]! === 0 ? 0 : 1;
  }

  /** Writes a frame to `target` at `at`; returns its length. */
  copyTo(index: number, target: Uint8Array, at: number): number {
    const { bytes, starts } = this;
    const start = starts[index]!;
    const length = starts[index + 1]! - start;
    // Short frames are copied byte by byte: a view for each would be garbage that the figures would show.
    for (let i = 0; i < length; i++) target[at + i] = bytes[start + i]!;
    return length;
  }

  /** Adds a copy of a frame. */
  add(frame: Uint8Array, length: number, side: number): void {
    this.bytes.set(frame.subarray(0, length), this.used);
    this.used += length;
    this.sides[this.count++] = side;
    this.starts[this.count] = this.used;
  }
}

/** The frames of a recording that one side sent, in their order. */
export function ofSide(recording: Recording, side: 0 | 1): MemoryFrames {
  const indexes = Array.from({ length: recording.length }, (_, i) => i).filter((i) => recording.side(i) === side);
  return {
    length: indexes.length,
    copyTo: (index, target, at) => recording.copyTo(indexes[index]!, target, at),
  };
}

/** Seeded TCP traffic, sorted by what it does to a grid. */
export interface Traffic {
  /** The initiators' first frames: each makes a grid set up a flow. */
  readonly first: Recording;
  /** The rest of the handshakes; all of it enters after {@link first}. */
  readonly handshake: Recording;
  /** Data of established flows, flows and directions mixed at random. */
  readonly established: Recording;
  /** FIN, FIN and ACK. */
  readonly closing: Recording;
}

export interface TrafficShape {
  readonly seed: number;
  readonly flows: number;
  /** Data frames of each flow, both directions together. */
  readonly dataFrames: number;
  /** Length of a data frame, at least 64. */
  readonly frameBytes: number;
}

/** Records the traffic of `flows` flows to web servers, all alive at the same time. */
export function recordTraffic({ seed, flows, dataFrames, frameBytes }: TrafficShape): Traffic {
  const source = new TrafficSource({
    prng: createPrng(seed),
    flows,
    flowsPerSecond: 1_000_000,
    meanGapUs: flows,
    dataFrames: [dataFrames, dataFrames],
    payload: frameBytes - HEADERS,
    udpShare: 0,
    start: 0,
  });
  const traffic: Traffic = {
    first: new Recording(flows, HEADERS),
    handshake: new Recording(flows * (HANDSHAKE - 1), HEADERS),
    established: new Recording(flows * dataFrames, frameBytes),
    closing: new Recording(flows * HANDSHAKE, HEADERS),
  };
  const seen = new Uint32Array(flows);
  for (const frame = source.frame(); source.next(frame);) {
    const number = seen[frame.flow]!++;
    const part =
      number === 0
        ? traffic.first
        : number < HANDSHAKE
          ? traffic.handshake
          : number < HANDSHAKE + dataFrames
            ? traffic.established
            : traffic.closing;
    part.add(frame.bytes, frame.length, frame.side);
  }
  return traffic;
}
