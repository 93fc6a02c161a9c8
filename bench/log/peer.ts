import { join } from 'node:path';
import { openLmdbLog } from '../../adapters/log/lmdb';
import { decodeCommit } from '../../adapters/codec/records';
import type { BenchResult } from '../result';
import { inTemporaryDir, seconds, sideBySide } from './measure';
import { nodeCommits } from './workload';

/** Installed by who wants the comparison: the peer's own dependency is native, and no install of ours shall hang on it. */
export const PEER = '@event-driven-io/emmett-sqlite';
export const PEER_INSTALL =
  'npm install --no-save @event-driven-io/emmett@0.38.5 @event-driven-io/emmett-sqlite@0.38.5 sqlite3@5.1.7 uuid@10 async-retry@1';

const STREAM = 'topology';
const GROUPS = [
  { size: 1, groups: 200 },
  { size: 32, groups: 60 },
];

/** What is used of the peer. */
interface Peer {
  sqliteConnection(options: { readonly fileName: string }): PeerConnection;
  createEventStoreSchema(connection: PeerConnection): Promise<void>;
  appendToStream(
    connection: PeerConnection,
    stream: string,
    streamType: string,
    events: readonly { readonly type: string; readonly data: object }[],
  ): Promise<{ readonly success: boolean }>;
}

interface PeerConnection {
  command(sql: string): Promise<unknown>;
  querySingle<Row>(sql: string): Promise<Row | null>;
  close(): void;
}

/**
 * Durable commits per second beside another event store in the same run: the same events, in groups of the same size,
 * every group synced (write-ahead log with `synchronous = FULL`), over one open connection.
 */
export async function besidePeer(smoke: boolean): Promise<BenchResult[]> {
  const peer = await load();
  if (peer === undefined) {
    const name = 'durable commits beside emmett-sqlite: absent';
    return [{ name, unit: '', value: 0, note: `not installed; ${PEER_INSTALL}` }];
  }
  const results: BenchResult[] = [];
  for (const { size, groups } of GROUPS) {
    const { ours, theirs } = await inTemporaryDir((dir) => measure(peer, dir, size, smoke ? 2 : groups));
    results.push({
      name: `durable commits beside emmett-sqlite, groups of ${size}`,
      unit: 'commits/s',
      value: size / ours,
      ratio: { of: 'the peer', value: theirs / ours },
    });
  }
  return results;
}

async function load(): Promise<Peer | undefined> {
  try {
    return (await import(PEER)) as Peer;
  } catch {
    return undefined;
  }
}

/** Median seconds of one group, ours and the peer's in turn. */
async function measure(peer: Peer, dir: string, size: number, groups: number) {
  const log = await openLmdbLog({ dir: join(dir, 'ours'), mode: 'writer' });
  const connection = peer.sqliteConnection({ fileName: join(dir, 'peer.db') });
  await connection.command('PRAGMA synchronous = FULL');
  await assertDurable(connection);
  await peer.createEventStoreSchema(connection);
  let records: Uint8Array[] = [];
  try {
    return await sideBySide(
      groups,
      () => {
        ({ records } = nodeCommits(log.head(), size));
        return seconds(() => log.append(records));
      },
      () => {
        const events = records.flatMap((record) =>
          decodeCommit(record).events.map(({ type, data }) => ({ type, data: data as object })),
        );
        return seconds(() => peer.appendToStream(connection, STREAM, STREAM, events));
      },
    );
  } finally {
    await log.close();
    connection.close();
  }
}

/** A peer that does not sync would be compared with one that does. */
async function assertDurable(connection: PeerConnection): Promise<void> {
  const mode = await connection.querySingle<{ journal_mode: string }>('PRAGMA journal_mode');
  const sync = await connection.querySingle<{ synchronous: number }>('PRAGMA synchronous');
  if (mode?.journal_mode !== 'wal' || sync?.synchronous !== 2) {
    throw new Error(`bench: the peer runs with ${JSON.stringify({ ...mode, ...sync })}, not with WAL and full sync`);
  }
}
