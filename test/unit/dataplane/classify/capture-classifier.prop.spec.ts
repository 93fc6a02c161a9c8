import fc from 'fast-check';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CaptureClassifier } from '../../../../dataplane/classify/capture-classifier';
import type { ClassifySummary, TrackedRow } from '../../../../dataplane/classify/connection-row';
import { openCapture } from '../../../../dataplane/packet-ports/capture/reader';
import { planSides } from '../../../../dataplane/packet-ports/capture/sides';
import {
  concat,
  interfaceBlock,
  packetBlock,
  pcapHeader,
  pcapRecord,
  sectionHeader,
  withDirectory,
} from '../packet-ports/capture/capture-bytes';
import { ACK, FIN, PSH, RST, SYN, answer, arp, icmp, later, tcp, udp } from './frames';

const ends = fc
  .record({
    client: fc.nat(3),
    server: fc.nat(2),
    fromPort: fc.integer({ min: 1, max: 4 }),
    toPort: fc.constantFrom(21, 80, 443),
  })
  .chain(({ client, server, fromPort, toPort }) => {
    const one = { from: `10.0.0.${client}`, to: `10.0.1.${server}`, fromPort, toPort };
    return fc.boolean().map((back) => (back ? answer(one) : one));
  });
const text = fc.constantFrom(
  '',
  '220 hi\r\n',
  'USER x\r\n',
  'PORT 10,0,0,1,0,80\r\n',
  '227 (10,0,1,1,0,3)\r\n',
  'AUTH TLS\r\n',
  '234 ok\r\n',
  '\x16\x03\x01',
  'GET / HTTP/1.1\r\n',
);
const place = fc.record({ id: fc.nat(2), offset: fc.constantFrom(0, 5), more: fc.boolean() });
const segment = fc
  .tuple(ends, fc.constantFrom(SYN, SYN | ACK, ACK, ACK | PSH, FIN | ACK, RST, 0), fc.nat(60), text)
  .map(([one, flags, seq, said]) => tcp({ ...one, flags, seq, ack: seq, text: said }));
const frame: fc.Arbitrary<Uint8Array> = fc.oneof(
  { weight: 6, arbitrary: segment },
  fc.tuple(ends, text, place).map(([one, said, where]) => udp(one, said, where)),
  fc.tuple(ends, place).map(([one, where]) => later(one, where)),
  fc.tuple(ends, segment).map(([one, quoted]) => icmp(one, 3, quoted)),
  fc.tuple(fc.nat(3), fc.nat(3)).map(([a, b]) => arp(a, b)),
  fc.uint8Array({ maxLength: 80 }),
);
/** A frame as it is, cut, or with bytes changed. */
const hostile = fc
  .tuple(frame, fc.option(fc.nat(60)), fc.array(fc.tuple(fc.nat(80), fc.nat(255)), { maxLength: 3 }))
  .map(([bytes, cut, changes]) => {
    const result = bytes.slice(0, cut ?? bytes.length);
    for (const [at, value] of changes) if (at < result.length) result[at] = value;
    return result;
  });
/** Bytes of a section header; a file is opened only if it begins properly. */
const HEADER = 28;
const step = fc.constantFrom(0, 1, 20, 61, 4000);
const records = fc.array(fc.tuple(hostile, step), { maxLength: 60, size: 'max' });
const linkType = fc.constantFrom(1, 1, 1, 101, 113, 0, 276, 147);
const idle = fc.constantFrom<(number | 'none' | undefined)[]>(undefined, 'none', 5);

function classifyFile(
  path: string,
  after: number | 'none' | undefined,
): { records: number; rows: TrackedRow[]; summary: ClassifySummary } {
  const reader = openCapture(path);
  const classifier = new CaptureClassifier({
    captureBytes: 4000,
    kernels: 'ts',
    ...(after === undefined ? {} : { idle: after }),
  });
  let count = 0;
  for (; reader.next(); count++) classifier.add(reader.record);
  reader.close();
  classifier.finish();
  return { records: count, rows: classifier.rows, summary: classifier.summary };
}

/** Every record is accounted for: in a row, or in the summary by what it was. */
function expectAccounted({ records: count, rows, summary }: ReturnType<typeof classifyFile>): void {
  expect(summary.frames).toBe(count);
  expect(summary.ip + summary.nonIp + summary.malformed).toBe(count);
  const inRows = rows.reduce(
    (sum, row) => sum + row.packetsAB + row.packetsBA + row.laterFragmentsAB + row.laterFragmentsBA,
    0,
  );
  expect(inRows + summary.orphanFragments + summary.withoutPorts + summary.withoutHeader).toBe(summary.ip);
}

function pcapOf(list: readonly (readonly [Uint8Array, number])[], link: number): Uint8Array {
  let seconds = 1_700_000_000;
  const parts = list.map(([bytes, wait]) => pcapRecord((seconds += wait), 0, bytes, true));
  return concat(pcapHeader(0xa1b2c3d4, link, true), ...parts);
}

function pcapngOf(list: readonly (readonly [Uint8Array, number])[], link: number): Uint8Array {
  const parts = list.map(([bytes, wait], i) => packetBlock(i % 2, 400_000 + i, wait, bytes));
  return concat(sectionHeader(), interfaceBlock(link), interfaceBlock(1), ...parts);
}

describe('captures of any content', () => {
  it('FG-62: every frame is in a row or named by the summary, and has a side', () => {
    withDirectory((directory) => {
      const path = join(directory, 'random');
      let fragments = 0;
      let connections = 0;
      fc.assert(
        fc.property(records, linkType, idle, fc.boolean(), (list, link, after, isNg) => {
          writeFileSync(path, isNg ? pcapngOf(list, link) : pcapOf(list, link));
          const result = classifyFile(path, after);
          expect(result.records).toBe(list.length);
          expectAccounted(result);
          expect(planSides(path)).toHaveLength(list.length);
          fragments += result.summary.fragments;
          connections += result.rows.length;
        }),
        { numRuns: 150 },
      );
      // The generator reaches what it is meant to reach.
      expect(fragments).toBeGreaterThan(10);
      expect(connections).toBeGreaterThan(100);
    });
  });

  it('FG-62: a file with any bytes changed or cut off is read as far as it makes sense', () => {
    withDirectory((directory) => {
      const path = join(directory, 'mutated');
      const changes = fc.array(fc.tuple(fc.double({ min: 0, max: 0.999, noNaN: true }), fc.nat(255)), {
        minLength: 1,
        maxLength: 6,
      });
      let stopped = 0;
      fc.assert(
        fc.property(
          records,
          fc.boolean(),
          changes,
          fc.double({ min: 0.3, max: 1, noNaN: true }),
          (list, isNg, edits, keep) => {
            const bytes = isNg ? pcapngOf(list, 1) : pcapOf(list, 1);
            for (const [share, value] of edits) bytes[HEADER + Math.floor(share * (bytes.length - HEADER))] = value;
            writeFileSync(path, bytes.subarray(0, Math.max(HEADER, Math.floor(bytes.length * keep))));
            expectAccounted(classifyFile(path, undefined));
            const reader = openCapture(path);
            while (reader.next());
            if (reader.readError !== null) stopped++;
            reader.close();
          },
        ),
        { numRuns: 150 },
      );
      expect(stopped).toBeGreaterThan(3);
    });
  });
});
