import { join } from 'node:path';
import { open } from 'lmdb';
import type { BenchResult } from '../result';
import { sha256 } from '../../adapters/codec/hash';
import { encodeCommit } from '../../adapters/codec/records';
import { openLmdbLog } from '../../adapters/log/lmdb';
import type { Head } from '../../domain/seams/event-log';
import { inTemporaryDir, seconds, sideBySide } from './measure';

/** What the budget is stated for. */
export const RECORD_BYTES = 200;
const GROUPS = [
  { size: 1, groups: 600, budget: 0.7 },
  { size: 32, groups: 200, budget: 0.7 },
  { size: 1000, groups: 30, budget: undefined },
];

/** Durable commits per second, against raw LMDB puts of the same bytes with the same grouping and sync. */
export async function commitsPerSecond(smoke: boolean): Promise<BenchResult[]> {
  const results: BenchResult[] = [];
  for (const { size, groups, budget } of GROUPS) {
    const { ours, theirs, oursP99 } = await inTemporaryDir((dir) => measure(dir, size, smoke ? 2 : groups));
    const ratio = theirs / ours;
    results.push({
      name: `durable commits of ${RECORD_BYTES} bytes, groups of ${size}`,
      unit: 'commits/s',
      value: size / ours,
      ratio: {
        of: 'raw LMDB puts',
        value: ratio,
        ...(budget !== undefined && { budget: `≥ ${budget}`, ok: ratio >= budget }),
      },
      note: `p50 ${(ours * 1e3).toFixed(2)} ms, p99 ${(oursP99 * 1e3).toFixed(2)} ms a group`,
    });
  }
  return results;
}

/**
 * Median seconds of one group, made durable by the log and by raw puts in turn, group after group: a disk that others
 * use stalls for longer than a group takes, and so for both.
 */
async function measure(dir: string, size: number, groups: number) {
  const log = await openLmdbLog({ dir: join(dir, 'ours'), mode: 'writer' });
  const raw = open<Uint8Array, number>({
    path: join(dir, 'raw'),
    noSubdir: false,
    encoding: 'binary',
    keyEncoding: 'uint32',
    cache: false,
    compression: false,
    overlappingSync: false,
  });
  let batch: Uint8Array[] = [];
  let key = 0;
  try {
    return await sideBySide(
      groups,
      () => {
        batch = batchAfter(log.head(), size);
        return seconds(() => log.append(batch));
      },
      () =>
        seconds(async () => {
          let last: Promise<boolean> | undefined;
          for (const bytes of batch) last = raw.put(++key, bytes);
          await last;
        }),
    );
  } finally {
    await log.close();
    await raw.close();
  }
}

/** The next `size` records, each extending the one before. */
export function batchAfter(from: Head, size: number): Uint8Array[] {
  let head = from;
  return Array.from({ length: size }, () => {
    const bytes = recordAfter(head);
    head = { ...head, seq: head.seq + 1, hash: sha256(bytes) };
    return bytes;
  });
}

/** A commit of exactly {@link RECORD_BYTES}, once seq and time need their full width. */
function recordAfter(head: Head): Uint8Array {
  const encode = (filler: string): Uint8Array =>
    encodeCommit({
      seq: head.seq + 1,
      prev: head.hash,
      epoch: 1,
      commandId: `bench/${head.seq}`,
      at: 1_700_000_000_000,
      by: 'operator:bench',
      cause: 0,
      corr: 'bench',
      events: [{ type: 'NodeSuspected', v: 1, data: filler }],
    });
  const short = encode('x'.repeat(40)).length;
  return encode('x'.repeat(40 + RECORD_BYTES - short));
}
