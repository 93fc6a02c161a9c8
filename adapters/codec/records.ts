import type { Commit, CommittedEvent } from '../../domain/log/commit';
import { FlowgridError } from '../../domain/base/errors';
import { hashBytes, hashText } from './hash';
import { pack, unpack } from './pack';
import { notPlain, readCount, readHex, readLength, readPlain, readText, readValue, skipText, skipValue } from './plain';

/**
 * A commit as bytes: one MessagePack array with fixed places (docs/reference/event-log.md),
 * `[format, seq, prev, epoch, commandId, at, by, cause, corr, [[type, v, data], …]]`, `prev` as 32 raw bytes.
 */
const FORMAT = 1;
const PLACES = 10;
const EVENT_PLACES = 3;
const HASH_BYTES = 32;

/** A commit is refused above this size: 16 MiB, far above the largest topology. */
export const COMMIT_BYTES_MAX = 16 * 1024 * 1024;

/**
 * Encodes a commit; the same commit gives the same bytes, always.
 *
 * @throws FlowgridError `invalid-record` when a field has no place in a record, or the record would be too big.
 */
export function encodeCommit(commit: Commit): Uint8Array {
  const fault = /^[0-9a-f]{64}$/.test(commit.prev) ? headerFault(commit) : 'prev is no SHA-256';
  if (fault !== undefined) throw new FlowgridError('invalid-record', `commit ${commit.seq}: ${fault}`);
  const bytes = pack([
    FORMAT,
    commit.seq,
    hashBytes(commit.prev),
    commit.epoch,
    commit.commandId,
    commit.at,
    commit.by,
    commit.cause,
    commit.corr,
    commit.events.map((event) => [event.type, event.v, event.data]),
  ]);
  if (bytes.length > COMMIT_BYTES_MAX) {
    throw new FlowgridError('invalid-record', `commit ${commit.seq}: ${bytes.length} bytes, over ${COMMIT_BYTES_MAX}`);
  }
  return bytes;
}

/** What decides whether a commit counts. */
export type CommitPlace = Pick<Commit, 'seq' | 'prev' | 'epoch' | 'at'>;

/**
 * Decodes a commit and checks the shape of everything but the events' data.
 *
 * @throws FlowgridError `invalid-record` naming what is wrong; `unsupported` for a format newer than this program's.
 */
export function decodeCommit(bytes: Uint8Array): Commit {
  return readPlain(bytes, plainCommit) ?? decodeAny(bytes);
}

/**
 * Decodes of a commit only what decides whether it counts; checks and throws as {@link decodeCommit} does.
 */
export function decodePlace(bytes: Uint8Array): CommitPlace {
  return readPlain(bytes, plainPlace) ?? decodeAny(bytes);
}

/** The layout of a commit as {@link encodeCommit} writes it. */
function plainCommit(): Commit {
  const seq = plainSeq();
  const prev = readHex(HASH_BYTES);
  const epoch = readCount();
  const commandId = readText();
  const at = readCount();
  const by = readText();
  const cause = readCount();
  const corr = readText();
  const events: CommittedEvent[] = [];
  for (let left = readLength(); left > 0; left--) {
    if (readLength() !== EVENT_PLACES) notPlain();
    const type = readText();
    const v = readCount();
    events.push({ type, v, data: readValue() });
  }
  return { seq, prev, epoch, commandId, at, by, cause, corr, events };
}

/** The same layout, of which only the place is wanted. */
function plainPlace(): CommitPlace {
  const seq = plainSeq();
  const prev = readHex(HASH_BYTES);
  const epoch = readCount();
  skipText();
  const at = readCount();
  skipText();
  readCount();
  skipText();
  for (let left = readLength(); left > 0; left--) {
    if (readLength() !== EVENT_PLACES) notPlain();
    skipText();
    readCount();
    skipValue();
  }
  return { seq, prev, epoch, at };
}

function plainSeq(): number {
  if (readLength() !== PLACES || readCount() !== FORMAT) notPlain();
  return readCount() || notPlain();
}

/** Decodes a commit of any encoding, and says what is wrong with one that is none. */
function decodeAny(bytes: Uint8Array): Commit {
  const places = unpack(bytes);
  if (!Array.isArray(places)) throw new FlowgridError('invalid-record', 'a commit is a MessagePack array');
  const [format, seq, prev, epoch, commandId, at, by, cause, corr, events] = places as readonly unknown[];
  if (typeof format === 'number' && format > FORMAT) {
    throw new FlowgridError('unsupported', `commit format ${format} is newer than ${FORMAT}`, {
      remedy: 'read this log with the release that wrote it, or a later one',
    });
  }
  if (format !== FORMAT || places.length !== PLACES || !isHash(prev) || !Array.isArray(events)) {
    throw new FlowgridError('invalid-record', 'not laid out as a commit');
  }
  const commit = {
    seq,
    prev: hashText(prev),
    epoch,
    commandId,
    at,
    by,
    cause,
    corr,
    events: events.map(decodeEvent),
  };
  const fault = headerFault(commit);
  if (fault !== undefined) throw new FlowgridError('invalid-record', `commit ${String(seq)}: ${fault}`);
  return commit as Commit;
}

function isHash(value: unknown): value is Uint8Array {
  return ArrayBuffer.isView(value) && value.byteLength === HASH_BYTES;
}

function decodeEvent(places: unknown): CommittedEvent {
  if (
    !Array.isArray(places) ||
    places.length !== EVENT_PLACES ||
    typeof places[0] !== 'string' ||
    !isCount(places[1])
  ) {
    throw new FlowgridError('invalid-record', 'an event of a commit is [type, version, data]');
  }
  return { type: places[0], v: places[1], data: places[2] as unknown };
}

/** What is wrong with a commit's own fields but `prev`, or undefined. */
function headerFault(commit: { readonly [field in keyof Commit]: unknown }): string | undefined {
  if (!isCount(commit.seq) || commit.seq === 0) return 'seq is no positive integer';
  if (!isCount(commit.epoch)) return 'epoch is no count';
  if (!isCount(commit.at)) return 'at is no time in milliseconds';
  if (!isCount(commit.cause)) return 'cause is no seq';
  if (typeof commit.commandId !== 'string') return 'commandId is no text';
  if (typeof commit.by !== 'string') return 'by is no text';
  if (typeof commit.corr !== 'string') return 'corr is no text';
  return undefined;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
