import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { open, type Database, type RootDatabase } from 'lmdb';
import type { ChainHead, FlowBatchRecord, Head, StoredCommit, StoredSnapshot } from '../../../domain/seams/event-log';
import { EMPTY_HEAD } from '../../../domain/seams/event-log';
import { FlowgridError } from '../../../domain/base/errors';
import { asBuffer, hashBytes } from '../../codec/hash';
import { pack, unpack } from '../../codec/pack';
import { ValueBlocks } from './value-blocks';

/** Bytes of a SHA-256, which stand before the bytes of a commit (its own) and of a batch (its predecessor's). */
export const HASH_BYTES = 32;

/** The databases of one grid's environment, `<dir>/log/`; docs/reference/event-log.md gives their layout. */
export interface Environment {
  readonly root: RootDatabase<Uint8Array>;
  /**
   * `head`: {@link encodeHead}; `writer`: the fencing entry, whose version is the writer's generation; `checkpoint/…`: the
   * checkpoints by name.
   */
  readonly meta: Database<Uint8Array, string>;
  /** seq → SHA-256 of the bytes, then the bytes of the commit. */
  readonly topology: Database<Uint8Array, number>;
  /** Number from 1 → [reason, bytes]. */
  readonly orphans: Database<Uint8Array, number>;
  /** [chain, number] → SHA-256 of the batch before, then the bytes of the batch. */
  readonly flows: Database<Uint8Array, [string, number]>;
  /** chain → {@link encodeChainHead}. */
  readonly chains: Database<Uint8Array, string>;
  /** seq → {@link encodeSnapshot}. */
  readonly snapshots: Database<Uint8Array, number>;
  /** Path of the file that grows with the log. */
  readonly file: string;
}

/**
 * Opens the environment with every option that matters made explicit. `overlappingSync` is off: a write resolves when
 * its transaction was committed *and* synced (fdatasync of the pages, then a synchronous write of the meta page), and
 * no reader can see a commit before it is durable.
 *
 * @throws FlowgridError `not-found` when a reader finds no log at `dir`.
 */
export function openEnvironment(dir: string, readOnly: boolean): Environment {
  const path = join(dir, 'log');
  if (!readOnly) mkdirSync(path, { recursive: true, mode: 0o700 });
  try {
    return openDatabases(path, readOnly);
  } catch (cause) {
    if (!readOnly) throw new FlowgridError('log-failed', `cannot open the log in ${path}`, { cause });
    throw new FlowgridError('not-found', `no event log in ${path}`, {
      remedy: 'name the data directory of a grid with --data, or start one with `flowgrid up`',
      cause,
    });
  }
}

function openDatabases(path: string, readOnly: boolean): Environment {
  const root: RootDatabase<Uint8Array> = open({
    path,
    readOnly,
    encoding: 'binary',
    noSubdir: false,
    maxDbs: 8,
    maxReaders: 126,
    cache: false,
    compression: false,
    overlappingSync: false,
    separateFlushed: false,
    noSync: false,
    noMetaSync: false,
    useWritemap: false,
    noMemInit: false,
    // Every group is an explicit batch; the implicit ones leave a promise behind that nobody can catch when a disk fails.
    eventTurnBatching: false,
    commitDelay: 0,
  });
  const common = { encoding: 'binary', cache: false, compression: false } as const;
  const commits = { ...common, keyEncoding: 'uint32', encoder: copying(new ValueBlocks()) } as const;
  return {
    root,
    meta: root.openDB('meta', { ...common, useVersions: true }),
    topology: root.openDB('topology', commits),
    orphans: root.openDB('orphans', { ...common, keyEncoding: 'uint32' }),
    flows: root.openDB('flows', { ...common, keyEncoding: 'ordered-binary' }),
    chains: root.openDB('chains', { ...common, keyEncoding: 'ordered-binary' }),
    snapshots: root.openDB('snapshots', { ...common, keyEncoding: 'uint32' }),
    file: join(path, 'data.mdb'),
  };
}

/** Values as they are; what is read is copied to `blocks` and not, as lmdb would, to a buffer of its own. */
function copying(blocks: ValueBlocks) {
  return {
    encode: (value: Uint8Array) => value,
    decode: (value: Uint8Array) => blocks.copy(value),
  };
}

/** Key of a checkpoint in `meta`. */
export function checkpointKey(name: string): string {
  return `checkpoint/${name}`;
}

/** The newest commit's position as stored with it. */
export function storedHead(env: Environment): Head {
  const bytes = env.meta.get('head');
  if (bytes === undefined) return EMPTY_HEAD;
  const [seq, hash, epoch, at] = unpack(bytes) as [number, Uint8Array, number, number];
  return { seq, hash: hexOf(hash, HASH_BYTES), epoch, at };
}

/** The commit at the last place, whatever the stored head says. */
export function newestCommit(env: Environment): StoredCommit | undefined {
  for (const { key, value } of env.topology.getRange({ reverse: true, limit: 1 }))
    return decodeStoredCommit(key, value);
  return undefined;
}

/**
 * The head as a MessagePack array whose integers are doubles, so that each has its place: it is written with every
 * group, and encoding it like a record would take as long as judging one.
 */
export function encodeHead(head: Head): Uint8Array {
  const bytes = Buffer.allocUnsafe(HEAD_BYTES);
  bytes.set(HEAD_FORM);
  bytes.writeDoubleBE(head.seq, 2);
  bytes.write(head.hash, 12, HASH_BYTES, 'hex');
  bytes.writeDoubleBE(head.epoch, 45);
  bytes.writeDoubleBE(head.at, 54);
  return bytes;
}

/** An array of four: a double, 32 bytes, two doubles. */
const HEAD_FORM = Buffer.from(pack([0.5, new Uint8Array(HASH_BYTES), 0.5, 0.5]));
const HEAD_BYTES = HEAD_FORM.length;

/*
 * Small values are made in the shared pool of Buffers: lmdb asks the system for a buffer's address once for each memory
 * block it meets, and a block of their own would cost every commit that call.
 */

/** Bytes with a hash before them: the value of a commit and of a batch. */
export function withHash(hash: string, bytes: Uint8Array): Uint8Array {
  const value = Buffer.allocUnsafe(HASH_BYTES + bytes.length);
  value.write(hash, 0, HASH_BYTES, 'hex');
  value.set(bytes, HASH_BYTES);
  return value;
}

export function decodeStoredCommit(seq: number, value: Uint8Array): StoredCommit {
  return { seq, hash: hexOf(value, HASH_BYTES), bytes: value.subarray(HASH_BYTES) };
}

export function decodeStoredBatch([chain, number]: [string, number], value: Uint8Array): FlowBatchRecord {
  return { chain, number, prev: hexOf(value, HASH_BYTES), bytes: value.subarray(HASH_BYTES) };
}

export function encodeChainHead(head: ChainHead): Uint8Array {
  return pack([head.number, hashBytes(head.hash), head.oldest]);
}

export function decodeChainHead(chain: string, bytes: Uint8Array): ChainHead {
  const [number, hash, oldest] = unpack(bytes) as [number, Uint8Array, number];
  return { chain, number, hash: hexOf(hash, HASH_BYTES), oldest };
}

export function encodeSnapshot(snapshot: StoredSnapshot): Uint8Array {
  return pack([snapshot.commitHash, snapshot.foldVersion, snapshot.bytes]);
}

export function decodeSnapshot(seq: number, value: Uint8Array): StoredSnapshot {
  const [commitHash, foldVersion, bytes] = unpack(value) as [string, number, Uint8Array];
  return { seq, commitHash, foldVersion, bytes };
}

/** The first bytes as hex digits. */
function hexOf(bytes: Uint8Array, length: number): string {
  return asBuffer(bytes).toString('hex', 0, length);
}
