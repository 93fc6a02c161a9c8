import * as fc from 'fast-check';
import { Arena } from '../../../../dataplane/frames/arena';
import {
  CaptureReader,
  CaptureWriter,
  createCaptureRing,
  IN,
  ringSize,
} from '../../../../dataplane/probes/capture-ring';
import { capturedFrames } from '../../../../dataplane/probes/captured-frames';

const BYTES = 4096;
const arena = Arena.create({ slots: 1, bytes: 1 << 20 });
const ring = arena.allocate(ringSize(BYTES));
const source = arena.allocate(2048);

describe('a ring of captured frames', () => {
  it('FG-523: gives what was captured in order and whole, counts what found no room, and loses nothing else', () => {
    const action = fc.oneof(
      { weight: 3, arbitrary: fc.record({ write: fc.integer({ min: 0, max: 1500 }) }) },
      { weight: 1, arbitrary: fc.record({ take: fc.integer({ min: 0, max: 6000 }) }) },
    );
    let wrapped = 0;
    let refused = 0;
    fc.assert(
      fc.property(fc.array(action, { minLength: 20, maxLength: 120, size: 'max' }), (actions) => {
        createCaptureRing(arena, ring, BYTES);
        const writer = new CaptureWriter(arena, ring, 9);
        const reader = new CaptureReader(arena, ring);
        const expected: number[] = [];
        const got: number[] = [];
        let number = 0;
        let kept = 0;
        const take = (room: number): void => {
          const target = new Uint8Array(room);
          const records = target.subarray(0, reader.take(target, 0));
          for (const { time, bytes, probe, direction } of capturedFrames(records)) {
            expect([probe, direction]).toEqual([9, 'in']);
            expect(bytes.every((byte) => byte === (time & 0xff))).toBe(true);
            got.push(time * 10_000 + bytes.length);
          }
        };
        for (const each of actions) {
          if ('take' in each) {
            take(each.take);
            continue;
          }
          number++;
          arena.u8.fill(number & 0xff, source, source + each.write);
          const before = reader.counts().captured;
          writer.write(source, each.write, number, IN, 1, 2);
          if (reader.counts().captured === before) continue;
          kept++;
          expected.push(number * 10_000 + each.write);
        }
        take(2 * BYTES);
        expect(got).toEqual(expected);
        expect(reader.counts()).toEqual({ captured: kept, dropped: number - kept });
        expect(reader.pending).toBe(0);
        if (kept > 8) wrapped++;
        refused += number - kept;
      }),
    );
    expect(wrapped).toBeGreaterThan(0);
    expect(refused).toBeGreaterThan(0);
  });
});
