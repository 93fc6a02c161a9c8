import type { ChainId } from '../../domain/base/ids';
import type { FlowEvent } from '../../domain/flow/events';
import type { FlowBatchRecord } from '../../domain/seams/event-log';
import { FlowgridError } from '../../domain/base/errors';
import { ByteReader, ByteWriter } from './bytes';
import { ListDictionary, readDeltas, readWords, TextDictionary, writeDeltas, writeWords } from './columns';
import { columnsOf, TYPES } from './flow-columns';
import { hashBytes } from './hash';

/**
 * Flow events in columns (docs/reference/event-log.md): format, chain, number, hash of the batch before, count of lost
 * events, then the dictionaries and the columns. What the chain is verified by stands inside the hashed bytes.
 */
const FORMAT = 1;

/** Events in one batch, at most. */
export const FLOW_BATCH_EVENTS_MAX = 8192;

/** One batch of a chain. */
export interface FlowBatch {
  readonly chain: ChainId;
  /** From 1, without gaps. */
  readonly number: number;
  /** SHA-256 of the bytes of the batch before, hex; 64 zeros for the first. */
  readonly prev: string;
  /** Flow events that a full spool let go of between the batch before and this one. */
  readonly lost: number;
  /** In the order in which they were observed. */
  readonly events: readonly FlowEvent[];
}

/**
 * Encodes a batch; the same batch gives the same bytes.
 *
 * @throws FlowgridError `invalid-record` when an event has a value that a column cannot hold, or there are too many.
 */
export function encodeFlowBatch(batch: FlowBatch): FlowBatchRecord {
  const { chain, number, prev, lost, events } = batch;
  if (events.length > FLOW_BATCH_EVENTS_MAX) {
    throw new FlowgridError('invalid-record', `${events.length} events in a batch, over ${FLOW_BATCH_EVENTS_MAX}`);
  }
  const head = new ByteWriter();
  head.u8(FORMAT);
  head.text(chain);
  head.varint(number);
  head.raw(hashBytes(prev));
  head.varint(lost);
  head.varint(events.length);

  const dictionaries = { texts: new TextDictionary(), lists: new ListDictionary() };
  const columns = new ByteWriter();
  const byType: FlowEvent[][] = TYPES.map(() => []);
  for (const event of events) {
    const code = TYPES.indexOf(event.type);
    const rows = byType[code];
    if (rows === undefined) throw new FlowgridError('invalid-record', `${String(event.type)} is no flow event`);
    columns.u8(code);
    rows.push(event);
  }
  byType.forEach((rows, code) => {
    if (rows.length === 0) return;
    writeDeltas(columns, rows, (row) => row.at);
    writeWords(columns, rows, (row) => row.flow);
    writeDeltas(columns, rows, (row) => row.topologySeq);
    columnsOf(code).write(columns, rows, dictionaries);
  });
  dictionaries.texts.write(head);
  dictionaries.lists.write(head);
  head.raw(columns.finish());
  return { chain, number, prev, bytes: head.finish() };
}

/**
 * Decodes a batch to exactly what was encoded.
 *
 * @throws FlowgridError `invalid-record` on damaged bytes, `unsupported` for a later release's format.
 */
export function decodeFlowBatch(bytes: Uint8Array): FlowBatch {
  const input = new ByteReader(bytes);
  const { count, ...head } = readHead(input);
  if (count > FLOW_BATCH_EVENTS_MAX) throw new FlowgridError('invalid-record', `${count} events in a batch`);
  const dictionaries = { texts: TextDictionary.read(input), lists: ListDictionary.read(input) };
  const codes = input.raw(count);
  const rows = new Array<number>(TYPES.length).fill(0);
  for (const code of codes) {
    if (code >= TYPES.length) throw new FlowgridError('invalid-record', `event type ${code} in a batch`);
    rows[code] = (rows[code] as number) + 1;
  }
  const byType = rows.map((of, code) => {
    if (of === 0) return [];
    const common = { at: readDeltas(input, of), flow: readWords(input, of), topologySeq: readDeltas(input, of) };
    return columnsOf(code).read(input, common, dictionaries);
  });
  if (input.remaining > 0) throw new FlowgridError('invalid-record', 'a batch goes on after its last column');
  const next = new Array<number>(TYPES.length).fill(0);
  const events = Array.from(codes, (code) => {
    const row = next[code] as number;
    next[code] = row + 1;
    return (byType[code] as FlowEvent[])[row] as FlowEvent;
  });
  return { ...head, events };
}

/** The batch's own chain, number and predecessor, without decoding its events: what verification compares. */
export function flowBatchHead(bytes: Uint8Array): Omit<FlowBatch, 'events'> & { readonly count: number } {
  return readHead(new ByteReader(bytes));
}

function readHead(input: ByteReader): Omit<FlowBatch, 'events'> & { readonly count: number } {
  const format = input.u8();
  if (format > FORMAT) {
    throw new FlowgridError('unsupported', `flow batch format ${format} is newer than ${FORMAT}`, {
      remedy: 'read this log with the release that wrote it, or a later one',
    });
  }
  if (format !== FORMAT) throw new FlowgridError('invalid-record', 'not laid out as a flow batch');
  const chain = input.text();
  const number = input.varint();
  const prev = Buffer.from(input.raw(32)).toString('hex');
  const lost = input.varint();
  return { chain, number, prev, lost, count: input.varint() };
}
