import fc from 'fast-check';
import { mix32 } from '../../../../domain/base/hash';
import { nodeRef } from '../../../../domain/base/ids';
import { createPrng, type Prng } from '../../../../domain/base/prng';
import { nodeKey, rotateKey } from '../../../../dataplane/descriptor/node-table';
import { ConnectionTable } from '../../../../dataplane/flows/connection-table';
import { Arena } from '../../../../dataplane/frames/arena';
import {
  C_FLOW,
  C_STATE,
  DESCRIPTOR_MAX,
  D_COUNT,
  D_FLAGS,
  D_LIST,
  FS_FULL_ROUTE,
  F_COUNT,
  F_EMITTER,
  F_FENCED,
  F_NEXT_FWD,
  F_NEXT_REV,
  F_PATH,
  F_SEQ_FWD,
  F_SHADOW_REV,
  F_STATE,
  F_TYPE,
  F_WIN_FWD_MAX,
  SEALED_FIELDS,
  SLOT_STRIDE,
  S_DESCRIPTOR,
  S_DESC_LEN,
  S_FLAGS,
  S_FLOW,
  S_FRAGMENT,
  S_FROM,
  S_HASH,
  S_LEN,
  S_OFF,
  S_REASON,
  S_REVERSE,
  S_SEQ,
  S_TO,
} from '../../../../dataplane/frames/layout';
import { REASONS } from '../../../../dataplane/frames/reasons';
import { loadKernels, type Kernels, type Way } from '../../../../dataplane/kernels/kernels';
import { noise, randomFrame } from './random-frames';
import { FLOW_ID, PATH, SECRET, SHADOW, createTestGrid, putFrame } from './test-grid';

const BATCH = 64;
/** Bytes of a slot before its frame area. */
const SLOT_HEAD = 512;
const SELF = PATH[1];
const NOW = 1_700_000_000_000_000;

/**
 * Every kernel, compiled against twin: both get the same memory, and must leave the same memory, byte for byte. The
 * tests count the reasons that came up, to show that they went everywhere.
 */
describe('compiled kernels and their twins', () => {
  const grid = createTestGrid(BATCH);
  const { arena, list } = grid;
  const connections = new ConnectionTable(arena, 64);
  const other = Arena.create({ slots: BATCH, bytes: 1 << 20 });
  const twin = loadKernels(arena, 'ts');
  const compiled = loadKernels(other, 'wasm');
  for (let i = 0; i < BATCH; i++) arena.u32[(list >>> 2) + i] = i;
  rotateKey(arena, PATH[0], nodeKey(SECRET, 1, 1, 2), 2, NOW);

  let seen: Map<string, number>;
  beforeEach(() => {
    seen = new Map();
  });
  const count = (): void => {
    for (let i = 0; i < BATCH; i++) {
      const name = REASONS[arena.u16[(arena.slot(i) + S_REASON) >>> 1]];
      seen.set(name, (seen.get(name) ?? 0) + 1);
    }
  };

  /** Runs a kernel on both arenas, from the first one's state, and compares all memory. */
  const both = (kernel: string, run: (kernels: Kernels) => void): void => {
    other.u8.set(arena.u8);
    run(twin);
    run(compiled);
    if (Buffer.compare(arena.u8, other.u8) === 0) return;
    const at = arena.u8.findIndex((byte, i) => byte !== other.u8[i]);
    const slot = Math.floor((at - arena.slots) / SLOT_STRIDE);
    throw new Error(
      `${kernel}: byte ${at} (slot ${slot}, offset ${(at - arena.slots) % SLOT_STRIDE}) is ${arena.u8[at]} by the twin, ` +
        `${other.u8[at]} compiled; reason ${REASONS[arena.u16[(arena.slot(slot) + S_REASON) >>> 1]]}`,
    );
  };

  const putFrames = (prng: Prng): void => {
    for (let i = 0; i < BATCH; i++) {
      const slot = putFrame(arena, i, randomFrame(prng), NOW + prng.below(1e9));
      if (prng.below(20) === 0) arena.u16[(slot + S_REASON) >>> 1] = prng.below(REASONS.length);
      if (prng.below(100) === 0) arena.u32[(slot + S_LEN) >>> 2] = 16385 + prng.below(100000);
      arena.u16[(slot + S_FLAGS) >>> 1] = prng.below(64);
    }
  };

  /** What a slot knows about its frame. The two bytes between it and the frame are nobody's, and not copied. */
  const headOf = (slot: number): Buffer => Buffer.from(arena.u8.slice(arena.slot(slot), arena.slot(slot) + SLOT_HEAD));
  const frameOf = (slot: number): Buffer => {
    const frame = arena.slot(slot) + arena.u32[(arena.slot(slot) + S_OFF) >>> 2];
    return Buffer.from(arena.u8.slice(frame, frame + arena.u32[(arena.slot(slot) + S_LEN) >>> 2]));
  };

  const seeds = (runs: number, body: (prng: Prng) => void): void => {
    fc.assert(
      fc.property(fc.integer(), (seed) => body(createPrng(seed))),
      { numRuns: runs, endOnFailure: true },
    );
  };

  it('parse hostile frames alike', () => {
    seeds(300, (prng) => {
      putFrames(prng);
      const low = prng.next();
      const high = prng.next();
      const way = prng.below(3) as Way;
      both('parse', (kernels) => kernels.parse(list, BATCH, low, high, way));
      count();
    });
    for (const name of [
      'none',
      'malformed-ip',
      'not-ip',
      'no-ports',
      'later-fragment',
      'icmp-error',
      'runt',
      'oversize',
    ]) {
      expect([name, (seen.get(name) ?? 0) > 50]).toEqual([name, true]);
    }
  });

  it('look connections up alike', () => {
    seeds(200, (prng) => {
      putFrames(prng);
      twin.parse(list, BATCH, 1, 2);
      for (let i = 0; i < BATCH; i++) {
        const slot = arena.slot(i);
        if (arena.u32[(slot + S_HASH) >>> 2] === 0) continue; // not parsed
        const known = connections.find(slot);
        if (known !== 0 && prng.below(3) === 0) connections.remove(known);
        if (known !== 0 || prng.below(2) === 0) continue;
        const entry = connections.insert(slot);
        if (entry === 0) continue;
        arena.u32[(entry + C_STATE) >>> 2] = prng.below(512);
        arena.u32[(entry + C_FLOW) >>> 2] = prng.next();
      }
      both('lookupConnections', (kernels) => kernels.lookupConnections(connections.address, list, BATCH));
      count();
      connections.scan(0, 64, (entry) => (prng.below(2) === 0 ? connections.remove(entry) : undefined));
    });
    for (const name of ['none', 'new-connection', 'tcp-control', 'slow-connection']) {
      expect([name, (seen.get(name) ?? 0) > 50]).toEqual([name, true]);
    }
  });

  /** Fills the flow table with entries of every kind and points the slots at them. */
  const putFlows = (prng: Prng): void => {
    grid.flows.scan(0, 256, (entry) => grid.flows.remove(entry));
    const entries = Array.from({ length: 24 }, (_, i) => {
      const entry = grid.flows.insert(FLOW_ID + i);
      for (let at = F_TYPE; at < 128; at++) arena.u8[entry + at] = prng.below(256);
      if (prng.below(8) === 0) arena.u16[(entry + F_TYPE) >>> 1] = 0;
      const length = 1 + prng.below(prng.below(4) === 0 ? 104 : 6);
      const path = Array.from({ length }, (_, k) => PATH[k] ?? nodeRef(10 + k, 1 + prng.below(127)));
      arena.u8[entry + F_COUNT] = prng.below(12) === 0 ? prng.below(256) : length;
      arena.u32[(entry + F_PATH) >>> 2] = prng.below(12) === 0 ? 0 : grid.paths.intern(path);
      arena.u32[(entry + F_STATE) >>> 2] |= prng.below(64) & (prng.below(4) ? 0xf : 0x1f);
      arena.u32[(entry + F_SEQ_FWD) >>> 2] = prng.below(3) === 0 ? 0xffffffff : prng.next();
      arena.u16[(entry + F_NEXT_FWD) >>> 1] = prng.below(8) ? SELF : 0;
      arena.u16[(entry + F_NEXT_REV) >>> 1] = prng.below(4) ? PATH[prng.below(4)] : nodeRef(9, 9);
      arena.u16[(entry + F_SHADOW_REV) >>> 1] = SHADOW;
      return entry;
    });
    for (let i = 0; i < BATCH; i++) {
      const slot = arena.slot(i);
      arena.u32[(slot + S_FLOW) >>> 2] = prng.below(16) === 0 ? 0 : entries[prng.below(entries.length)];
      arena.u8[slot + S_REVERSE] = prng.below(2);
    }
  };

  it('stamp, seal and open alike', () => {
    seeds(150, (prng) => {
      putFrames(prng);
      putFlows(prng);
      for (let i = 0; i < BATCH; i++) {
        const slot = arena.slot(i);
        arena.u16[(slot + S_REASON) >>> 1] = prng.below(30) === 0 ? 5 : 0;
        arena.u32[(slot + S_LEN) >>> 2] = Math.min(arena.u32[(slot + S_LEN) >>> 2], 16384);
      }
      const sender = PATH[prng.below(2) * 3];
      both('stamp', (kernels) => kernels.stamp(sender, list, BATCH));
      count();
      for (let i = 0; i < BATCH; i++) {
        const slot = arena.slot(i);
        if (prng.below(20) === 0) arena.u16[(slot + S_TO) >>> 1] = prng.below(65536);
        if (prng.below(20) === 0) arena.u32[(slot + S_OFF) >>> 2] = prng.below(2 * SLOT_STRIDE);
        if (prng.below(20) === 0) arena.u16[(slot + S_DESC_LEN) >>> 1] = 2 * prng.below(140);
      }
      // The frame area may now reach into the next slot; that is refused, not followed.
      both('seal', (kernels) => kernels.seal(sender, list, BATCH));
      count();
      for (let i = 0; i < BATCH; i++) {
        const slot = arena.slot(i);
        arena.u32[(slot + S_OFF) >>> 2] = 514;
        const length = arena.u32[(slot + S_LEN) >>> 2];
        if (prng.below(3) === 0) arena.u8[slot + 514 + prng.below(Math.max(1, length))] ^= 1 << prng.below(8);
        if (prng.below(10) === 0) arena.u32[(slot + S_LEN) >>> 2] = prng.below(length + 1);
        if (prng.below(20) === 0) arena.u8[slot + 514 + 11] = prng.below(256);
      }
      const receiver = PATH[prng.below(4)];
      const now = NOW + prng.below(120) * 1_000_000;
      both('open', (kernels) => kernels.open(receiver, list, BATCH, now));
      count();
      both('lookupFlows', (kernels) => kernels.lookupFlows(grid.flows.address, list, BATCH));
    });
    const names = [
      'none',
      'unknown-flow',
      'slow-flow',
      'no-path',
      'no-member',
      'oversize',
      'bad-length',
      'bad-checksum',
    ];
    for (const name of [...names, 'unknown-sender', 'bad-signature', 'looped', 'control-frame', 'bad-marker']) {
      expect([name, (seen.get(name) ?? 0) > 0]).toEqual([name, true]);
    }
  });

  it('admit and advance alike', () => {
    seeds(300, (prng) => {
      putFrames(prng);
      putFlows(prng);
      for (let i = 0; i < BATCH; i++) {
        const slot = arena.slot(i);
        const flow = arena.u32[(slot + S_FLOW) >>> 2];
        arena.u8.set(noise(prng, DESCRIPTOR_MAX), slot + S_DESCRIPTOR);
        arena.u8.set([1, 1], slot + S_DESCRIPTOR + D_LIST);
        arena.u16[(slot + S_FROM) >>> 1] = prng.below(4) ? PATH[prng.below(4)] : prng.below(32768);
        arena.u16[(slot + S_REASON) >>> 1] = prng.below(30) === 0 ? 5 : 0;
        if (flow === 0) continue;
        const near = arena.u32[(flow + F_WIN_FWD_MAX) >>> 2] + prng.below(160) - 80;
        arena.u32[(slot + S_SEQ) >>> 2] = prng.below(20) === 0 ? 0 : prng.below(20) === 0 ? prng.next() : near;
        if (prng.below(4) === 0) arena.u16[(flow + F_FENCED + 2 * prng.below(4)) >>> 1] = PATH[prng.below(4)];
        else if (prng.below(4) === 0) arena.u32.fill(0, (flow + F_FENCED) >>> 2, (flow + F_FENCED + 8) >>> 2);
        if (prng.below(3) === 0) arena.u16[(flow + 52) >>> 1] = nodeRef(1, 1);
      }
      both('admit', (kernels) => kernels.admit(SELF, list, BATCH));
      count();
      both('advance', (kernels) => kernels.advance(SELF, list, BATCH));
      count();
    });
    for (const name of ['none', 'duplicate', 'replay-old', 'fenced', 'slow-flow', 'unknown-flow']) {
      expect([name, (seen.get(name) ?? 0) > 50]).toEqual([name, true]);
    }
  });

  it('copy slots alike', () => {
    seeds(50, (prng) => {
      putFrames(prng);
      for (let i = 0; i < BATCH; i++) arena.u32[(arena.slot(i) + S_LEN) >>> 2] %= 16384;
      const source = prng.below(BATCH);
      const target = (source + 1 + prng.below(BATCH - 1)) % BATCH;
      both('copySlot', (kernels) => kernels.copySlot(source, target));
      expect(headOf(target).equals(headOf(source))).toBe(true);
      expect(frameOf(target).equals(frameOf(source))).toBe(true);
    });
  });

  it('copy sealed frames, pack and unpack alike, and bring back what was packed', () => {
    const room = arena.allocate(SLOT_STRIDE, 64);
    seeds(50, (prng) => {
      putFrames(prng);
      for (let i = 0; i < BATCH; i++) {
        arena.u32[(arena.slot(i) + S_LEN) >>> 2] %= prng.below(2) === 0 ? 16384 : 128;
        arena.u16[(arena.slot(i) + S_DESC_LEN) >>> 1] = prng.below(DESCRIPTOR_MAX + 1);
      }
      const source = prng.below(BATCH);
      const target = (source + 1 + prng.below(BATCH - 1)) % BATCH;
      const part = (slot: number, from: number, to: number): Buffer =>
        Buffer.from(arena.u8.slice(arena.slot(slot) + from, arena.slot(slot) + to));
      const frame = arena.u32[(arena.slot(source) + S_OFF) >>> 2];
      const end = frame + arena.u32[(arena.slot(source) + S_LEN) >>> 2];
      both('copySealed', (kernels) => kernels.copySealed(source, target));
      expect(part(source, 0, SEALED_FIELDS).equals(part(target, 0, SEALED_FIELDS))).toBe(true);
      expect(part(source, frame, end).equals(part(target, frame, end))).toBe(true);

      const packed = part(source, 0, S_DESCRIPTOR + arena.u16[(arena.slot(source) + S_DESC_LEN) >>> 1]);
      const bytes = part(source, frame, end);
      both('pack', (kernels) => expect(kernels.pack(source, room)).toBeLessThanOrEqual(SLOT_STRIDE));
      arena.u8.fill(0xee, arena.slot(source), arena.slot(source) + SLOT_STRIDE);
      both('unpack', (kernels) => kernels.unpack(room, source));
      expect(part(source, 0, packed.length).equals(packed)).toBe(true);
      expect(part(source, frame, end).equals(bytes)).toBe(true);
    });
  });

  it('FG-202: answer questions about a whole batch alike', () => {
    const out = arena.allocate(8 * BATCH, 64);
    const answers = new Map<string, number>();
    const ask = (name: string, question: (kernels: Kernels) => number): void => {
      const given: number[] = [];
      both(name, (kernels) => given.push(question(kernels) >>> 0));
      expect([name, given[0]]).toEqual([name, given[1]]);
      const key = `${name} ${given[0] === 0xffff_ffff ? 'not all' : Math.min(given[0], 1)}`;
      answers.set(key, (answers.get(key) ?? 0) + 1);
    };
    seeds(400, (prng) => {
      putFrames(prng);
      putFlows(prng);
      // Ordinary batches, with now and then one thing out of order in one frame.
      const odd = prng.below(3) === 0 ? prng.below(BATCH) : -1;
      const flow = Array.from({ length: BATCH }, (_, i) => arena.u32[(arena.slot(i) + S_FLOW) >>> 2]).find(Boolean)!;
      arena.u16[(flow + F_EMITTER) >>> 1] = SELF;
      arena.u16[(flow + F_NEXT_FWD) >>> 1] = arena.u16[(flow + F_NEXT_REV) >>> 1] = PATH[2];
      arena.u32[(flow + F_STATE) >>> 2] |= FS_FULL_ROUTE;
      const last = prng.below(2) === 0 ? SELF : PATH[3];
      for (let i = 0; i < BATCH; i++) {
        const slot = arena.slot(i);
        arena.u32[(slot + S_FLOW) >>> 2] = flow;
        arena.u16[(slot + S_REASON) >>> 1] = 0;
        arena.u8[slot + S_FRAGMENT] = 0;
        arena.u16[(slot + S_FLAGS) >>> 1] = 0;
        arena.u16[(slot + S_FROM) >>> 1] = PATH[2];
        arena.u16[(slot + S_TO) >>> 1] = PATH[2];
        const descriptor = slot + S_DESCRIPTOR;
        arena.u8[descriptor + D_FLAGS] = 0;
        arena.u8[descriptor + D_COUNT] = 2;
        const path = last === SELF ? [PATH[3], SELF] : [SELF, last];
        path.forEach((ref, at) => arena.u8.set([ref >>> 7, ref & 127], descriptor + D_LIST + 2 * at));
        if (i !== odd) continue;
        const what = prng.below(10);
        if (what === 0) arena.u16[(slot + S_REASON) >>> 1] = 1 + prng.below(40);
        if (what === 1) arena.u32[(slot + S_FLOW) >>> 2] = 0;
        if (what === 2) arena.u16[(slot + S_FROM) >>> 1] = PATH[3];
        if (what === 3) arena.u16[(slot + S_TO) >>> 1] = 0;
        if (what === 4) arena.u8[descriptor + D_FLAGS] = prng.below(256);
        if (what === 5) arena.u8.set(noise(prng, 4), descriptor + D_LIST);
        if (what === 6) arena.u8[slot + S_FRAGMENT] = 1;
        if (what === 7) arena.u16[(flow + F_EMITTER) >>> 1] = PATH[2];
        if (what === 9) arena.u16[(slot + S_FLAGS) >>> 1] = prng.below(64);
        if (what === 8) arena.u32[(flow + F_STATE) >>> 2] &= ~FS_FULL_ROUTE;
      }
      if (prng.below(4) === 0) {
        for (let i = 0; i < BATCH; i++) arena.u16[(arena.slot(i) + S_FROM) >>> 1] = 128 + prng.below(odd < 0 ? 5 : 30);
      }
      ask('areKnown', (kernels) => kernels.areKnown(SELF, list, BATCH));
      ask('arePlain', (kernels) => kernels.arePlain(list, BATCH));
      ask('survey', (kernels) => kernels.survey(SELF, list, BATCH, out));
      ask('divide', (kernels) => kernels.divide(SELF, list, BATCH, out, out + 4 * BATCH));
      ask('haveHops', (kernels) => kernels.haveHops(list, BATCH));
      ask('areLeaving', (kernels) => kernels.areLeaving(SELF, list, BATCH));
    });
    for (const name of ['areKnown', 'arePlain', 'survey', 'haveHops', 'areLeaving']) {
      for (const answer of [0, 1]) {
        expect([name, answer, (answers.get(`${name} ${answer}`) ?? 0) > 5]).toEqual([name, answer, true]);
      }
    }
    for (const answer of ['0', '1', 'not all']) expect(answers.get(`divide ${answer}`)).toBeGreaterThan(2);
  });

  it('hash keys alike, never to 0 or 1, and differently under another seed', () => {
    putFrames(createPrng(mix32(7)));
    const hashes = (seed: number): number[] => {
      for (let i = 0; i < BATCH; i++) arena.u16[(arena.slot(i) + S_REASON) >>> 1] = 0;
      both('parse', (kernels) => kernels.parse(list, BATCH, seed, 0));
      return Array.from({ length: BATCH }, (_, i) => arena.u32[(arena.slot(i) + 52) >>> 2]);
    };
    const once = hashes(1);
    expect(hashes(1)).toEqual(once);
    expect(hashes(2).filter((hash, i) => hash !== once[i]).length).toBeGreaterThan(40);
    expect(once.every((hash, i) => hash >= 2 || arena.u16[(arena.slot(i) + S_REASON) >>> 1] !== 0)).toBe(true);
  });
});
