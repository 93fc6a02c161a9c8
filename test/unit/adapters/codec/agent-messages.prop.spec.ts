import fc from 'fast-check';
import {
  decodeAgentAnswer,
  decodeAgentHello,
  decodeAgentRequest,
  decodePublished,
  encodeAgentAnswer,
  encodeAgentHello,
  encodeAgentRequest,
  type AgentAnswer,
  type AgentRequest,
} from '../../../../adapters/codec/agent-messages';
import { pack } from '../../../../adapters/codec/pack';

const count = fc.nat();
const name = fc.string({ minLength: 1, maxLength: 20 });
const names = fc.array(name, { maxLength: 4 });
const life = fc.record({
  cluster: fc.integer({ min: 1, max: 255 }),
  node: fc.integer({ min: 1, max: 127 }),
  incarnation: fc.integer({ min: 1 }),
});
const asker = { agent: name, life: count, epoch: count, seq: count };
const head = { epoch: count, seq: count, hash: fc.string({ maxLength: 64 }) };
const versions = fc.array(count, { maxLength: 5 });
const bytes = fc.uint8Array({ maxLength: 50 });

const report = fc.record({
  number: count,
  heard: count,
  nodes: fc.array(life, { maxLength: 4 }),
  installed: count,
  done: versions,
  stamped: count,
  carried: versions,
  dead: fc.array(life, { maxLength: 3 }),
  mute: fc.array(life, { maxLength: 3 }),
  flows: fc.array(
    life.map(({ cluster, node, incarnation }) => ({ cluster, node, primary: incarnation, backup: 0 })),
    { maxLength: 3 },
  ),
});
const installed = fc.record({ count, digest: fc.string({ maxLength: 64 }) });
/** An agent whose underlay is no LAN says nothing of links. */
const reports = fc.oneof(
  report,
  fc.tuple(report, installed).map(([all, links]) => ({ ...all, links })),
);

const requests: fc.Arbitrary<AgentRequest> = fc.oneof(
  fc.record({
    kind: fc.constant('register' as const),
    ...asker,
    offer: fc.record({ address: name, capacity: count, functions: names, networks: names, pinned: names }),
  }),
  fc.record({
    kind: fc.constant('sync' as const),
    ...asker,
    report: reports,
  }),
  fc.record({ kind: fc.constant('fetch' as const), ...asker, version: count, offset: count }),
  fc.record({ kind: fc.constant('bundle' as const), ...asker, sha256: fc.string({ maxLength: 64 }), offset: count }),
  fc.record({ kind: fc.constant('batch' as const), ...asker, bytes }),
);

const answers: fc.Arbitrary<AgentAnswer> = fc.oneof(
  fc.record({ kind: fc.constant('register' as const), ...head, accepted: fc.boolean(), why: fc.string() }),
  fc.record({
    kind: fc.constant('sync' as const),
    ...head,
    standing: fc.constantFrom('known' as const, 'unknown' as const, 'replaced' as const),
    number: count,
    now: count,
    live: fc.array(fc.record({ version: count, wireId: count, seq: count }), { maxLength: 4 }),
    stamped: count,
    retiring: versions,
    repins: fc.array(fc.record({ version: count, toVersion: count, modes: fc.boolean() }), { maxLength: 3 }),
    nodes: fc.array(
      fc
        .tuple(life, name)
        .map(([of, as]) => ({ ...of, role: 'anode' as const, name: as, draining: false, function: as })),
      { maxLength: 3 },
    ),
    packages: fc.array(fc.record({ name, version: name, sha256: fc.string({ maxLength: 64 }), bytes: count }), {
      maxLength: 2,
    }),
  }),
  fc.record({
    kind: fc.constant('fetch' as const),
    ...head,
    version: count,
    total: count,
    digest: fc.string({ maxLength: 64 }),
    offset: count,
    bytes,
  }),
  fc.record({
    kind: fc.constant('bundle' as const),
    ...head,
    sha256: fc.string({ maxLength: 64 }),
    total: count,
    offset: count,
    bytes,
  }),
  fc.record({
    kind: fc.constant('batch' as const),
    ...head,
    chain: name,
    number: count,
    result: fc.constant('gap' as const),
  }),
);

const decoders = [decodeAgentHello, decodeAgentRequest, decodeAgentAnswer, decodePublished];

/** The same message, with the bytes that it holds as plain arrays of one kind. */
function plain(message: unknown): unknown {
  return JSON.parse(
    JSON.stringify(message, (_, value: unknown) => (ArrayBuffer.isView(value) ? [...(value as Uint8Array)] : value)),
  );
}

describe('what agents and MNODEs tell each other', () => {
  it('comes out as it went in', () => {
    fc.assert(
      fc.property(requests, (request) =>
        expect(plain(decodeAgentRequest(encodeAgentRequest(request)))).toEqual(plain(request)),
      ),
    );
    fc.assert(
      fc.property(answers, (answer) =>
        expect(plain(decodeAgentAnswer(encodeAgentAnswer(answer)))).toEqual(plain(answer)),
      ),
    );
    const hello = { agent: 'h', life: 3, nodes: [{ cluster: 2, node: 1, incarnation: 4 }] };
    expect(decodeAgentHello(encodeAgentHello(hello))).toEqual(hello);
  });

  it('FG-241: whatever else arrives is no message, and does no harm', () => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.anything().map(safelyPacked)), (untrusted) => {
        for (const decode of decoders) expect(decode(untrusted)).toBeUndefined();
      }),
    );
  });

  it('FG-241: a message that lacks a part, or has one of another kind, is none', () => {
    let refused = 0;
    fc.assert(
      fc.property(
        requests,
        fc.nat(),
        fc.constantFrom(undefined, null, -1, 1.5, 'x'.repeat(2_000), {}),
        (request, at, wrong) => {
          const parts = Object.keys(request);
          const part = parts[at % parts.length]!;
          expect(decodeAgentRequest(pack({ ...request, [part]: wrong }))).toBeUndefined();
          refused++;
        },
      ),
    );
    expect(refused).toBeGreaterThan(50);
  });
});

/** As MessagePack where it can be, or as nothing. */
function safelyPacked(value: unknown): Uint8Array {
  try {
    return pack(value);
  } catch {
    return new Uint8Array();
  }
}
