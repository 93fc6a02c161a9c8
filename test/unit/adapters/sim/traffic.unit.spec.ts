import { createPrng } from '../../../../domain/base/prng';
import { TrafficSource, type TrafficOptions } from '../../../../adapters/sim/traffic';

const options = (seed: number): TrafficOptions => ({
  prng: createPrng(seed),
  flows: 200,
  flowsPerSecond: 1000,
  meanGapUs: 2000,
  dataFrames: [2, 8],
  payload: 32,
  udpShare: 0.3,
  start: 1_000_000,
});

interface Seen {
  time: number;
  side: number;
  flow: number;
  bytes: Buffer;
}

function run(seed: number): Seen[] {
  const source = new TrafficSource(options(seed));
  const frame = source.frame();
  const seen: Seen[] = [];
  while (source.next(frame)) {
    seen.push({
      time: frame.time,
      side: frame.side,
      flow: frame.flow,
      bytes: Buffer.from(frame.bytes.slice(0, frame.length)),
    });
  }
  return seen;
}

/** Folded sum of a checksummed region, 0xffff when the checksum is right. */
function sum(bytes: Buffer, at: number, length: number, start = 0): number {
  let total = start;
  for (let i = 0; i < length; i += 2) total += (bytes[at + i]! << 8) | (i + 1 < length ? bytes[at + i + 1]! : 0);
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
  return total;
}

describe('seeded traffic', () => {
  it('is in time order, complete, and the same for the same seed', () => {
    const seen = run(7);
    expect(new Set(seen.map((frame) => frame.flow)).size).toBe(200);
    expect(seen.every((frame, index) => index === 0 || seen[index - 1]!.time <= frame.time)).toBe(true);
    expect(run(7).map((frame) => frame.bytes.toString('hex'))).toEqual(
      seen.map((frame) => frame.bytes.toString('hex')),
    );
    expect(run(8).map((frame) => frame.time)).not.toEqual(seen.map((frame) => frame.time));
  });

  it('carries right lengths and checksums', () => {
    for (const { bytes } of run(3)) {
      const length = bytes.readUInt16BE(16);
      expect(length).toBe(bytes.length - 14);
      expect(sum(bytes, 14, 20)).toBe(0xffff);
      const pseudo = sum(bytes, 26, 8) + bytes[23]! + (length - 20);
      expect(sum(bytes, 34, length - 20, pseudo)).toBe(0xffff);
    }
  });

  it('opens and closes each TCP connection as TCP does', () => {
    const byFlow = new Map<number, Seen[]>();
    for (const frame of run(5)) byFlow.set(frame.flow, [...(byFlow.get(frame.flow) ?? []), frame]);
    for (const frames of byFlow.values()) {
      if (frames[0]!.bytes[23] !== 6) continue;
      const flags = frames.map((frame) => frame.bytes[47]);
      expect(flags.slice(0, 3)).toEqual([0x02, 0x12, 0x10]);
      expect(flags.slice(-3)).toEqual([0x11, 0x11, 0x10]);
      const next: [number, number] = [frames[0]!.bytes.readUInt32BE(38), frames[1]!.bytes.readUInt32BE(38)];
      for (const { side, bytes } of frames) {
        expect(bytes.readUInt32BE(38)).toBe(next[side as 0 | 1]);
        next[side as 0 | 1] = (next[side as 0 | 1] + bytes.length - 54 + ((bytes[47]! & 3) !== 0 ? 1 : 0)) >>> 0;
      }
    }
  });
});
