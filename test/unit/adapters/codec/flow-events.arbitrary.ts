import * as fc from 'fast-check';
import type { FlowEvent } from '../../../../domain/flow/events';

const count = fc.maxSafeNat();
const word = fc.integer({ min: 0, max: 0xffff_ffff });
const ref = fc.integer({ min: 0, max: 0x7fff });
const refs = fc.array(ref, { maxLength: 5 });
const port = fc.integer({ min: 0, max: 65_535 });
const pair = fc.tuple(count, count);
const common = { at: count, flow: word, topologySeq: count };

const key = fc.record({
  proto: fc.nat(255),
  a: fc.string(),
  aPort: port,
  b: fc.string(),
  bPort: port,
  vlan: fc.nat(4095),
});

/** Any flow event, values far beyond what a grid makes included. */
export const flowEvents: fc.Arbitrary<FlowEvent> = fc.oneof(
  fc.record({
    type: fc.constant('FlowStarted' as const),
    ...common,
    observedAs: fc.constantFrom('ingress' as const, 'egress' as const),
    flowType: port,
    wireId: fc.nat(255),
    network: fc.nat(255),
    key,
    path: count,
    route: refs,
    backups: refs,
    start: fc.constantFrom('syn' as const, 'midstream' as const, 'first-packet' as const),
  }),
  fc.record({
    type: fc.constant('FlowEnded' as const),
    ...common,
    end: fc.constantFrom('fin' as const, 'rst' as const, 'idle' as const, 'eof' as const, 'lost' as const),
    packets: pair,
    bytes: pair,
  }),
  fc.record({
    type: fc.constant('FlowTakenOver' as const),
    ...common,
    from: ref,
    to: ref,
    backup: ref,
    effectiveAt: count,
    emitted: count,
  }),
  fc.record({
    type: fc.constant('FlowRerouted' as const),
    ...common,
    reason: fc.constantFrom(
      'failed' as const,
      'congested' as const,
      'operator' as const,
      'diverted' as const,
      'mode' as const,
    ),
    from: ref,
    to: ref,
    effectiveAt: count,
  }),
  fc.record({ type: fc.constant('FlowRepinned' as const), ...common, fromWireId: fc.nat(255), toWireId: fc.nat(255) }),
  fc.record({ type: fc.constant('FlowReplicated' as const), ...common, clone: word, path: count }),
  fc.record({ type: fc.constant('FlowBound' as const), ...common, parent: word, by: ref }),
  fc.record({
    type: fc.constant('CloneStarted' as const),
    ...common,
    original: word,
    flowType: count,
    wireId: fc.nat(255),
    path: count,
    route: fc.array(fc.nat(0xffff)),
    backups: fc.array(fc.nat(0xffff)),
  }),
  fc.record({
    type: fc.constant('CloneCompared' as const),
    ...common,
    original: word,
    direction: fc.constantFrom('forward' as const, 'reverse' as const),
    frames: fc.tuple(count, count),
    compared: count,
    differing: count,
  }),
  fc.record({
    type: fc.constant('FloodBegan' as const),
    ...common,
    cause: fc.constantFrom('rate' as const, 'tables' as const),
  }),
  fc.record({ type: fc.constant('FloodEnded' as const), ...common, frames: count }),
);
