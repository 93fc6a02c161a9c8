import fc from 'fast-check';
import { createPrng } from '../../../../domain/base/prng';
import { Arena } from '../../../../dataplane/frames/arena';
import { S_DESC_LEN, S_DESCRIPTOR, S_FRAME_NO, S_LEN, S_OFF, SLOT_FRAME } from '../../../../dataplane/frames/layout';
import { loadKernels } from '../../../../dataplane/kernels/kernels';
import { GroupContext } from '../../../../dataplane/node/context';
import { FlowSide } from '../../../../dataplane/node/flow-side';
import { HeldFrames } from '../../../../dataplane/node/held-frames';
import { Fabric } from '../../../../dataplane/rings/fabric';

const SLOTS = 64;
const FLOWS = 8;

/** One held frame as the model knows it. */
interface Held {
  readonly flow: number;
  readonly number: number;
  readonly round: number;
  readonly bytes: Buffer;
}

type Step =
  | { readonly do: 'hold'; readonly flow: number; readonly length: number }
  | { readonly do: 'take' | 'forget'; readonly flow: number }
  | { readonly do: 'round' | 'release' | 'oldest' | 'abandon' };

const flow = fc.nat(FLOWS - 1);
const length = fc.oneof(fc.integer({ min: 14, max: 1514 }), fc.integer({ min: 9000, max: 16384 }));
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ do: fc.constant('hold' as const), flow, length }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('take' as const), flow }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('round' as const, 'release' as const, 'oldest' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('forget' as const), flow }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('abandon' as const) }) },
);

function rig(room: number): { ctx: GroupContext; held: HeldFrames; side: FlowSide } {
  const arena = Arena.create({ slots: SLOTS, bytes: (1 << 20) + room });
  const ctx = new GroupContext({
    arena,
    kernels: loadKernels(arena, 'wasm'),
    fabric: Fabric.create(arena, 1, 64),
    group: 0,
    nodeKey: () => new Uint8Array(16),
    keyEpoch: 1,
    createFunction: () => {
      throw new Error('no function is needed');
    },
  });
  const side = new FlowSide();
  return { ctx, side, held: new HeldFrames(ctx, side) };
}

/** A frame of noise in a slot; what is to come back of it. */
function put(ctx: GroupContext, slot: number, number: number, size: number): Buffer {
  const { arena } = ctx;
  const address = arena.slot(slot);
  const prng = createPrng(number);
  arena.u32[(address + S_OFF) >>> 2] = SLOT_FRAME;
  arena.u32[(address + S_LEN) >>> 2] = size;
  arena.u32[(address + S_FRAME_NO) >>> 2] = number;
  arena.u16[(address + S_DESC_LEN) >>> 1] = 42 + 2 * (number % 104);
  for (let i = 0; i < 256; i++) arena.u8[address + S_DESCRIPTOR + i] = prng.next();
  for (let i = 0; i < size; i += 7) arena.u8[address + SLOT_FRAME + i] = prng.next();
  return content(ctx, slot);
}

/** What of a slot must survive holding: its fields, its descriptor, its frame. */
function content({ arena }: GroupContext, slot: number): Buffer {
  const address = arena.slot(slot);
  const frame = address + arena.u32[(address + S_OFF) >>> 2];
  return Buffer.concat([
    arena.u8.slice(address, address + S_DESCRIPTOR + arena.u16[(address + S_DESC_LEN) >>> 1]),
    arena.u8.slice(frame, frame + arena.u32[(address + S_LEN) >>> 2]),
  ]);
}

describe('held frames', () => {
  it('FG-200: hold, give back, and let go of frames as a plain list per flow would', () => {
    const { ctx, side, held } = rig(64 << 20);
    const taken = new Map<string, number>();
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120, size: 'max' }), (steps) => {
        for (let i = 0; i < FLOWS; i++) side.heldCount[i] = side.heldTail[i] = 0;
        let model: Held[] = [];
        let number = 0;
        for (const each of steps) {
          taken.set(each.do, (taken.get(each.do) ?? 0) + 1);
          const before = model;
          switch (each.do) {
            case 'hold': {
              const slot = ctx.slots.allocate();
              const bytes = put(ctx, slot, ++number, each.length);
              expect(held.hold(slot, ctx.slot(slot), each.flow)).toBe(true);
              ctx.slots.free(slot);
              model.push({ flow: each.flow, number, round: ctx.round, bytes });
              break;
            }
            case 'take': {
              const own = model.filter((frame) => frame.flow === each.flow);
              expect(held.holds(each.flow)).toBe(own.length > 0);
              const out: Buffer[] = [];
              held.takeAll(each.flow, (slot) => {
                out.push(content(ctx, slot));
                ctx.slots.free(slot);
              });
              expect(out.map((bytes, k) => bytes.equals(own[k]!.bytes))).toEqual(own.map(() => true));
              model = model.filter((frame) => frame.flow !== each.flow);
              break;
            }
            case 'forget':
              model = model.filter((frame) => frame.flow !== each.flow);
              expect(held.forget(each.flow)).toBe(before.length - model.length);
              break;
            case 'round':
              ctx.round++;
              break;
            case 'release':
              model = model.filter(({ round }) => ctx.round - round < 2);
              expect(held.release(2)).toBe(before.length - model.length);
              break;
            case 'oldest':
              expect(held.forgetOldest()).toBe(model.length > 0);
              model = model.slice(1);
              break;
            case 'abandon': {
              const numbers: number[] = [];
              held.abandon((slot) => {
                numbers.push(ctx.arena.u32[(ctx.slot(slot) + S_FRAME_NO) >>> 2]);
                ctx.slots.free(slot);
              });
              expect(numbers).toEqual(model.map((frame) => frame.number));
              model = [];
            }
          }
          expect(held.count).toBe(model.length);
          expect(held.bytes).toBe(model.reduce((sum, frame) => sum + lengthOf(frame), 0));
          for (let i = 0; i < FLOWS; i++) expect(held.holds(i)).toBe(model.some((frame) => frame.flow === i));
        }
        held.abandon((slot) => ctx.slots.free(slot));
        expect(ctx.slots.countFree()).toBe(SLOTS);
      }),
      { numRuns: 150 },
    );
    for (const name of ['hold', 'take', 'forget', 'round', 'release', 'oldest', 'abandon']) {
      expect([name, (taken.get(name) ?? 0) > 50]).toEqual([name, true]);
    }
  });

  it('FG-200: take no more memory however long frames come and go, and say when there is none', () => {
    const { ctx, held } = rig(1 << 20);
    const slot = ctx.slots.allocate();
    put(ctx, slot, 1, 1400);
    for (let i = 0; i < 20_000; i++) {
      if (i % 100 === 0) ctx.round++;
      expect(held.hold(slot, ctx.slot(slot), i % FLOWS)).toBe(true);
      held.release(2);
    }
    let more = 0;
    while (held.hold(slot, ctx.slot(slot), 0)) more++;
    expect(more).toBeGreaterThan(100);
    expect(held.forgetOldest()).toBe(true);
    ctx.round += 2;
    held.release(2);
    expect(held.count).toBe(0);
    expect(held.hold(slot, ctx.slot(slot), 0)).toBe(true);
  });

  it('FG-200: lose a frame, and only that one, when it is taken out while no slot is free', () => {
    const { ctx, held } = rig(1 << 20);
    const slot = ctx.slots.allocate();
    for (const number of [1, 2]) {
      put(ctx, slot, number, 64);
      held.hold(slot, ctx.slot(slot), 0);
    }
    while (ctx.slots.allocate() >= 0);
    const taken: number[] = [];
    held.takeAll(0, (each) => {
      taken.push(each);
      if (taken.length === 1) ctx.slots.free(slot);
    });
    expect(taken).toEqual([-1, slot]);
    expect(ctx.arena.u32[(ctx.slot(slot) + S_FRAME_NO) >>> 2]).toBe(2);
    expect(held.holds(0)).toBe(false);
  });
});

/** Length of a held frame: what is left of its content behind fields and descriptor. */
function lengthOf({ bytes }: Held): number {
  return bytes.length - S_DESCRIPTOR - bytes.readUInt16LE(S_DESC_LEN);
}
