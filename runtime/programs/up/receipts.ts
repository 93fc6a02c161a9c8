import { closeSync, openSync, writeSync } from 'node:fs';
import { sha256, stateHash } from '../../../adapters/codec/hash';
import { decodeCommit } from '../../../adapters/codec/records';
import { FlowgridError } from '../../../domain/base/errors';
import type { Seq } from '../../../domain/base/ids';
import type { TopologyEvent } from '../../../domain/events';
import { canonicalState, type GridState } from '../../../domain/grid-state';
import type { Commit } from '../../../domain/log/commit';
import type { AppendResult, EventLog, FlowBatchRecord } from '../../../domain/seams/event-log';

/** One line of a receipts file. `chain` is `topology` or a flow chain; `seq` a commit's, or a batch's number. */
export type Receipt =
  | { readonly receipt: 'begun'; readonly chain: string; readonly seq: number }
  | {
      readonly receipt: 'acknowledged';
      readonly chain: string;
      readonly seq: number;
      readonly hash: string;
      /** Of commits: the command, and the hash of the state that the commit made. */
      readonly commandId?: string;
      readonly stateHash?: string;
    };

/**
 * Keeps, outside the log, what the log has acknowledged: whoever holds it can tell whether a log found later, after a
 * crash or on a restored disk, is whole. Lines are written at once, so that they outlive the process.
 */
export class Receipts {
  private readonly file: number;
  private from: Seq = Infinity;

  /** @throws FlowgridError `usage` when the file cannot be written. */
  constructor(path: string) {
    try {
      this.file = openSync(path, 'a', 0o600);
    } catch (error) {
      throw new FlowgridError('usage', `--receipts ${path}: ${(error as Error).message}`, {
        remedy: 'Name a file in a directory that exists and that you may write to.',
      });
    }
  }

  /** The same log; appends through it leave receipts. */
  around(log: EventLog): EventLog {
    this.from = log.head().seq + 1;
    return {
      kind: log.kind,
      head: () => log.head(),
      append: (records) => this.append(log, records),
      read: (from, limit) => log.read(from, limit),
      tail: (from, listener) => log.tail(from, listener),
      orphans: () => log.orphans(),
      appendFlows: (batch) => this.appendFlows(log, batch),
      readFlows: (chain, from, limit) => log.readFlows(chain, from, limit),
      chains: () => log.chains(),
      snapshot: (atOrBefore) => log.snapshot(atOrBefore),
      putSnapshot: (snapshot) => log.putSnapshot(snapshot),
      checkpoint: (name) => log.checkpoint(name),
      putCheckpoint: (name, bytes) => log.putCheckpoint(name, bytes),
      sizeBytes: () => log.sizeBytes(),
      close: () => log.close(),
    };
  }

  /** A commit was folded: this is its acknowledgement, unless it is history from before. */
  folded({ seq, commandId }: Commit<TopologyEvent>, state: GridState, hash: string): void {
    if (seq < this.from) return;
    this.write({
      receipt: 'acknowledged',
      chain: 'topology',
      seq,
      hash,
      commandId,
      stateHash: stateHash(canonicalState(state)),
    });
  }

  close(): void {
    closeSync(this.file);
  }

  private append(log: EventLog, records: readonly Uint8Array[]): Promise<AppendResult> {
    for (const record of records) this.write({ receipt: 'begun', chain: 'topology', seq: decodeCommit(record).seq });
    return log.append(records);
  }

  private async appendFlows(log: EventLog, batch: FlowBatchRecord): ReturnType<EventLog['appendFlows']> {
    const { chain, number, bytes } = batch;
    this.write({ receipt: 'begun', chain, seq: number });
    const result = await log.appendFlows(batch);
    if (result !== 'gap') this.write({ receipt: 'acknowledged', chain, seq: number, hash: sha256(bytes) });
    return result;
  }

  private write(receipt: Receipt): void {
    writeSync(this.file, `${JSON.stringify(receipt)}\n`);
  }
}
