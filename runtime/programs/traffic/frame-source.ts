import { createPrng } from '../../../domain/base/prng';
import type { Micros } from '../../../domain/base/ids';
import { TrafficSource } from '../../../adapters/sim/traffic';
import { FRAME_MAX, FRAME_MIN } from '../../../dataplane/frames/layout';
import { copyAsEthernet, ethernetLength } from '../../../dataplane/packet-ports/capture/ethernet';
import { openCapture } from '../../../dataplane/packet-ports/capture/reader';
import { planSides } from '../../../dataplane/packet-ports/capture/sides';
import type { GeneratedTraffic } from '../../../interface/cli/programs';

/** Frames to be sent, one after the other. */
export interface FrameSource {
  /** Goes on to the next frame; false: there is none. */
  next(): boolean;
  /** When the frame at hand is due, by the source's own clock. */
  readonly time: Micros;
  /** 0: from the side that begins flows, 1: from the other one. */
  readonly side: number;
  /** Puts the frame at hand into `target` at `at`; returns its length. */
  write(target: Uint8Array, at: number): number;
  /** Frames left out because no port takes them: too short or too long. */
  readonly unsendable: number;
  close(): void;
}

/** @throws FlowgridError as `openCapture` does. */
export function captureSource(path: string): FrameSource {
  const sides = planSides(path);
  const reader = openCapture(path);
  const { record } = reader;
  let frames = -1;
  let unsendable = 0;
  return {
    next: () => {
      while (reader.next()) {
        frames++;
        const length = ethernetLength(record);
        if (length >= FRAME_MIN && length <= FRAME_MAX) return true;
        unsendable++;
      }
      return false;
    },
    get time() {
      return record.time;
    },
    get side() {
      return sides[frames] ?? 0;
    },
    write: (target, at) => copyAsEthernet(record, target, at, FRAME_MAX),
    get unsendable() {
      return unsendable;
    },
    close: () => reader.close(),
  };
}

/** Seeded flows, for as long as asked: the same frames in every run. */
export function generatedSource({ flowsPerSecond, seconds, payload, seed }: GeneratedTraffic): FrameSource {
  const source = new TrafficSource({
    prng: createPrng(seed),
    flows: Math.max(1, Math.round(flowsPerSecond * seconds)),
    flowsPerSecond,
    meanGapUs: 20_000,
    dataFrames: [4, 20],
    payload,
    udpShare: 0.3,
    start: 0,
  });
  const frame = source.frame();
  return {
    next: () => source.next(frame),
    get time() {
      return frame.time;
    },
    get side() {
      return frame.side;
    },
    write: (target, at) => {
      target.set(frame.bytes.subarray(0, frame.length), at);
      return frame.length;
    },
    unsendable: 0,
    close: () => undefined,
  };
}
