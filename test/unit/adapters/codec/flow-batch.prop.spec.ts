import * as fc from 'fast-check';
import type { FlowEvent } from '../../../../domain/flow/events';
import {
  decodeFlowBatch,
  encodeFlowBatch,
  FLOW_BATCH_EVENTS_MAX,
  flowBatchHead,
} from '../../../../adapters/codec/flow-batch';
import { flowEvents } from './flow-events.arbitrary';

const PREV = '5a'.repeat(32);

describe('flow batches', () => {
  test('decode to exactly what was encoded, and the same batch gives the same bytes', () => {
    fc.assert(
      fc.property(
        fc.array(flowEvents, { maxLength: 60 }),
        fc.string(),
        fc.nat(),
        fc.nat(),
        (events, chain, number, lost) => {
          const batch = { chain, number, prev: PREV, lost, events };
          const record = encodeFlowBatch(batch);
          expect(decodeFlowBatch(record.bytes)).toEqual(batch);
          expect(flowBatchHead(record.bytes)).toEqual({ chain, number, prev: PREV, lost, count: events.length });
          expect(Buffer.compare(record.bytes, encodeFlowBatch(structuredClone(batch)).bytes)).toBe(0);
        },
      ),
    );
  });

  test('damaged bytes are refused or decode to other events, they never hang or crash otherwise', () => {
    let refused = 0;
    fc.assert(
      fc.property(fc.array(flowEvents, { minLength: 1, maxLength: 8 }), fc.nat(), fc.nat(), (events, place, length) => {
        const { bytes } = encodeFlowBatch({ chain: '1/2@3', number: 7, prev: PREV, lost: 0, events });
        const damaged = bytes.slice(0, 1 + (length % bytes.length));
        damaged[place % damaged.length]! ^= 1 + (place % 255);
        try {
          expect(decodeFlowBatch(damaged).events).toBeDefined();
        } catch (error) {
          refused++;
          expect((error as { code?: string }).code).toMatch(/^(invalid-record|unsupported)$/);
        }
      }),
    );
    expect(refused).toBeGreaterThan(0);
  });

  test('a thousand ordinary flows take a small part of their JSON', () => {
    const events = Array.from({ length: 1000 }, (_, i) => ordinaryStart(i));
    const { bytes } = encodeFlowBatch({ chain: '1/2@3', number: 7, prev: PREV, lost: 0, events });
    expect(bytes.length).toBeLessThan(JSON.stringify(events).length / 8);
  });

  test.each([
    ['a fraction', { network: 1.5 }],
    ['a negative count', { path: -1 }],
    ['a flow ID over 32 bits', { flow: 2 ** 32 }],
    ['an unknown word', { start: 'guess' }],
    ['an unknown type', { type: 'FlowVanished' }],
  ])('%s has no place in a batch', (_, change) => {
    const event = { ...ordinaryStart(1), ...change } as FlowEvent;
    const encode = (): unknown => encodeFlowBatch({ chain: '1/2@3', number: 7, prev: PREV, lost: 0, events: [event] });
    expect(encode).toThrow(expect.objectContaining({ code: 'invalid-record' }));
  });

  test('a batch over the limit is refused', () => {
    const events = new Array<FlowEvent>(FLOW_BATCH_EVENTS_MAX + 1).fill(ordinaryStart(1));
    const encode = (): unknown => encodeFlowBatch({ chain: '1/2@3', number: 7, prev: PREV, lost: 0, events });
    expect(encode).toThrow(/over 8192/);
  });
});

function ordinaryStart(i: number): FlowEvent {
  return {
    type: 'FlowStarted',
    at: 1_700_000_000_000_000 + i * 137,
    flow: Math.imul(i, 0x9e3779b1) >>> 0,
    topologySeq: 12,
    observedAs: 'ingress',
    flowType: 3,
    wireId: 1,
    network: 1,
    key: { proto: 6, a: `10.0.0.${i % 200}`, aPort: 32_768 + (i % 20_000), b: '192.0.2.10', bPort: 443, vlan: 0 },
    path: 1,
    route: [129, 257 + (i % 3), 385, 513],
    backups: [0, 258, 0, 0],
    start: 'syn',
  };
}
