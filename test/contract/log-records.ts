import type { CommittedEvent } from '../../domain/log/commit';
import type { FlowEvent } from '../../domain/flow/events';
import type { ChainHead, FlowBatchRecord, Head } from '../../domain/seams/event-log';
import { sha256 } from '../../adapters/codec/hash';
import { encodeCommit } from '../../adapters/codec/records';

export interface RecordOptions {
  readonly commandId?: string;
  readonly epoch?: number;
  readonly at?: number;
  readonly seq?: number;
  readonly prev?: string;
  readonly events?: readonly CommittedEvent[];
}

/** One encoded commit that extends `head`, but for what `options` says otherwise. */
export function commitAfter(head: Head, options: RecordOptions = {}): Uint8Array {
  const seq = options.seq ?? head.seq + 1;
  const commandId = options.commandId ?? `command-${seq}`;
  return encodeCommit({
    seq,
    prev: options.prev ?? head.hash,
    epoch: options.epoch ?? head.epoch,
    commandId,
    at: options.at ?? head.at + 1,
    by: 'operator:test',
    cause: 0,
    corr: commandId,
    events: options.events ?? [{ type: 'NodeSuspected', v: 1, data: { node: 513, incarnation: 1 } }],
  });
}

/** `count` encoded commits, each extending the one before, the first extending `head`. */
export function commitsAfter(head: Head, count: number, options: RecordOptions = {}): Uint8Array[] {
  const records: Uint8Array[] = [];
  let last = head;
  for (let i = 0; i < count; i++) {
    const bytes = commitAfter(last, options);
    records.push(bytes);
    last = { ...last, seq: last.seq + 1, hash: sha256(bytes), at: last.at + 1, epoch: options.epoch ?? last.epoch };
  }
  return records;
}

/** A flow event that is easy to tell from its neighbours. */
export function flowEnded(flow: number): FlowEvent {
  return { type: 'FlowEnded', at: 1_000_000 + flow, flow, topologySeq: 3, end: 'fin', packets: [4, 5], bytes: [6, 7] };
}

/** The next batch of a chain, of one event. */
export function batchAfter(head: Pick<ChainHead, 'chain' | 'number' | 'hash'>, payload = 'events'): FlowBatchRecord {
  const number = head.number + 1;
  return {
    chain: head.chain,
    number,
    prev: head.hash,
    bytes: Buffer.from(`${payload} ${number} of ${head.chain}`),
  };
}
