import { encodeCheckpoint } from '../../../../../adapters/codec/checkpoint';
import { encodeFlowBatch } from '../../../../../adapters/codec/flow-batch';
import { sha256 } from '../../../../../adapters/codec/hash';
import { createMemoryLog, type MemoryLog } from '../../../../../adapters/log/memory';
import type { FlowEvent } from '../../../../../domain/flow/events';
import { NO_HASH, type FlowBatchRecord } from '../../../../../domain/seams/event-log';
import { FlowLedger } from '../../../../../runtime/programs/up/flow-ledger';

const CHAIN = '1/1@1';

/** A log that counts what is read of its chains. */
class CountedLog {
  batchesRead = 0;
  readonly log: MemoryLog = createMemoryLog();
  private number = 0;
  private prev = NO_HASH;

  constructor() {
    const read = this.log.readFlows.bind(this.log);
    this.log.readFlows = async (...args) => {
      const batches = await read(...args);
      this.batchesRead += batches.length;
      return batches;
    };
  }

  async append(...events: readonly FlowEvent[]): Promise<FlowBatchRecord> {
    const batch = encodeFlowBatch({ chain: CHAIN, number: ++this.number, prev: this.prev, lost: 0, events });
    this.prev = sha256(batch.bytes);
    await this.log.appendFlows(batch);
    return batch;
  }
}

const repinned = (flow: number, at: number): FlowEvent => {
  return { type: 'FlowRepinned', at, flow, topologySeq: 1, fromWireId: 1, toWireId: 2 };
};
const ended = (flow: number, at: number): FlowEvent => {
  return { type: 'FlowEnded', at, flow, topologySeq: 1, end: 'fin', packets: [1, 1], bytes: [1, 1] };
};
const openIn = ({ told }: FlowLedger): number[] => [...told.open()].map(({ flow }) => flow);

describe('the ledger of open flows', () => {
  test('FG-211: a start reads the batches that came after the checkpoint, and no others', async () => {
    const counted = new CountedLog();
    const before = await FlowLedger.open(counted.log);
    for (let flow = 1; flow <= 50; flow++) await before.took(await counted.append(repinned(flow, flow)));
    await before.took(await counted.append(ended(1, 60), ended(2, 61)));
    await before.keep();
    await counted.append(ended(3, 70), repinned(51, 71));

    counted.batchesRead = 0;
    const after = await FlowLedger.open(counted.log);
    expect(counted.batchesRead).toBe(1);
    expect(openIn(after)).toEqual(Array.from({ length: 48 }, (_, i) => i + 4));
    expect(after.told.latest).toBe(71);
  });

  test('keeps a checkpoint by itself once enough has come', async () => {
    const counted = new CountedLog();
    const ledger = await FlowLedger.open(counted.log);
    const many = Array.from({ length: 8_192 }, (_, i) => ended(1 + (i % 100), i));
    for (let i = 0; i < 7; i++) await ledger.took(await counted.append(...many));
    expect(await counted.log.checkpoint('open-flows')).toBeUndefined();
    await ledger.took(await counted.append(...many));
    expect(await counted.log.checkpoint('open-flows')).toBeDefined();
  });

  test.each<[string, (counted: CountedLog) => Promise<void>]>([
    ['is damaged', ({ log }) => log.putCheckpoint('open-flows', Buffer.from([1, 2, 3]))],
    ['is of another version', ({ log }) => keep(log, { version: 0, latest: 99, positions: [], lives: [] })],
    ['is ahead of the log', ({ log }) => keep(log, checkpointAt({ number: 9, hash: NO_HASH }))],
    ['is of another log, as far', ({ log }) => keep(log, checkpointAt({ number: 3, hash: 'ab'.repeat(32) }))],
    ['is of another log, not as far', ({ log }) => keep(log, checkpointAt({ number: 2, hash: 'ab'.repeat(32) }))],
  ])('FG-211: a checkpoint that %s is ignored, and everything is read', async (_, spoil) => {
    const counted = new CountedLog();
    for (const flow of [1, 2, 3]) await counted.append(repinned(flow, flow));
    await spoil(counted);
    const ledger = await FlowLedger.open(counted.log);
    expect(openIn(ledger)).toEqual([1, 2, 3]);
    expect(ledger.told.latest).toBe(3);
  });

  test('what was trimmed meanwhile is not missed', async () => {
    const counted = new CountedLog();
    const before = await FlowLedger.open(counted.log);
    await before.took(await counted.append(repinned(1, 1)));
    await before.keep();
    for (const flow of [2, 3, 4]) await counted.append(repinned(flow, flow));
    await counted.log.trimFlows(CHAIN, 4);
    expect(openIn(await FlowLedger.open(counted.log))).toEqual([1, 4]);
  });
});

function keep(log: MemoryLog, state: object): Promise<void> {
  return log.putCheckpoint('open-flows', encodeCheckpoint(state));
}

function checkpointAt(position: { readonly number: number; readonly hash: string }): object {
  return { version: 1, latest: 99, positions: [{ chain: CHAIN, ...position }], lives: [[77, 1, 0, 1, 0]] };
}
