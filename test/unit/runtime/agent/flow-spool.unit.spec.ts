import { decodeFlowBatch, FLOW_BATCH_EVENTS_MAX } from '../../../../adapters/codec/flow-batch';
import { sha256 } from '../../../../adapters/codec/hash';
import type { FlowEvent } from '../../../../domain/flow/events';
import { FlowSpool } from '../../../../runtime/agent/flow-spool';

const event = (n: number): FlowEvent => ({
  type: 'FlowEnded',
  at: 1_000_000 + n,
  flow: n,
  topologySeq: 1,
  end: 'fin',
  packets: [1, 2],
  bytes: [3, 4],
});

describe('a flow spool', () => {
  it('ships batches that are numbered from 1 and linked by hash', () => {
    const spool = new FlowSpool('4/1@1');
    spool.add([event(1), event(2)]);
    const first = spool.next()!;
    spool.acknowledge(1);
    spool.add([event(3)]);
    const second = spool.next()!;
    expect([first.number, second.number]).toEqual([1, 2]);
    expect(first.prev).toBe('0'.repeat(64));
    expect(second.prev).toBe(sha256(first.bytes));
    expect(decodeFlowBatch(second.bytes).events).toEqual([event(3)]);
  });

  it('ships the same bytes again until they are acknowledged', () => {
    const spool = new FlowSpool('4/1@1');
    spool.add([event(1)]);
    const first = spool.next()!;
    spool.add([event(2)]);
    spool.acknowledge(7);
    expect(spool.next()).toBe(first);
    spool.acknowledge(1);
    expect(decodeFlowBatch(spool.next()!.bytes).events).toEqual([event(2)]);
    spool.acknowledge(2);
    expect(spool.next()).toBeUndefined();
  });

  it('sheds what does not fit and says so in the next batch, though nothing else happened', () => {
    const spool = new FlowSpool('4/1@1', 2);
    spool.add([event(1), event(2), event(3)]);
    expect(spool.shed).toBe(1);
    const batch = decodeFlowBatch(spool.next()!.bytes);
    expect(batch.events).toEqual([event(1), event(2)]);
    expect(batch.lost).toBe(1);
    spool.acknowledge(1);
    spool.add([], 5);
    expect(decodeFlowBatch(spool.next()!.bytes)).toMatchObject({ number: 2, lost: 5, events: [] });
  });

  it('splits what is too much for one batch', () => {
    const spool = new FlowSpool('4/1@1');
    spool.add(Array.from({ length: FLOW_BATCH_EVENTS_MAX + 1 }, (_, n) => event(n)));
    expect(decodeFlowBatch(spool.next()!.bytes).events.length).toBe(FLOW_BATCH_EVENTS_MAX);
    spool.acknowledge(1);
    expect(decodeFlowBatch(spool.next()!.bytes).events).toEqual([event(FLOW_BATCH_EVENTS_MAX)]);
  });
});
