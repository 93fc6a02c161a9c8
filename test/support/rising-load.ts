import { createPrng } from '../../domain/base/prng';
import { TrafficSource } from '../../adapters/sim/traffic';
import { LINK_ETHERNET } from '../../dataplane/packet-ports/capture/link-types';
import { PcapWriter } from '../../dataplane/packet-ports/capture/pcap-writer';

/** When frames of the capture begin, microseconds since 1970. */
export const START = 1_700_000_000_000_000;
/** New flows a second at the foot of the load. */
const LEAST = 60;
const FOLD = 4;

/** Seconds: level, rise, level, fall, level. */
export const PHASES = { foot: 20, rise: 60, top: 20, fall: 60, foot2: 20 };
export const SECONDS = Object.values(PHASES).reduce((sum, each) => sum + each, 0);

/** New flows a second: fourfold at the top, by the same share every second on the way. */
function rateAt(seconds: number): number {
  const { foot, rise, top, fall } = PHASES;
  const up = Math.min(1, Math.max(0, (seconds - foot) / rise));
  const down = Math.min(1, Math.max(0, (seconds - foot - rise - top) / fall));
  return LEAST * FOLD ** (up - down);
}

/**
 * Writes TCP connections of 5 s mean, whose number rises and falls fourfold, as a capture.
 *
 * @returns how many there are
 */
export function writeRisingLoad(path: string, seed: number): number {
  let flows = 0;
  for (let second = 0; second < SECONDS; second++) flows += rateAt(second);
  const source = new TrafficSource({
    prng: createPrng(seed),
    flows: Math.round(flows),
    flowsPerSecond: (at) => rateAt((at - START) / 1e6),
    // Six to eight frames, the first and the last 5 s apart in the mean.
    meanGapUs: 833_333,
    dataFrames: [0, 2],
    payload: 64,
    udpShare: 0,
    start: START,
  });
  const writer = new PcapWriter(path, { linkType: LINK_ETHERNET });
  const frame = source.frame();
  while (source.next(frame)) writer.write(frame.time, 0, frame.bytes, 0, frame.length);
  writer.close();
  return Math.round(flows);
}
