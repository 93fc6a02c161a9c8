import { FlowgridError } from '../../domain/base/errors';
import type { NodeRef } from '../../domain/base/ids';
import type { FunctionSpec } from '../../domain/topology/topology';
import { Arena } from '../frames/arena';
import {
  F_ID,
  F_STATE,
  FLOW_SIZE,
  FS_USED,
  S_FLAGS,
  S_FLOW,
  S_LEN,
  S_NETWORK,
  S_OFF,
  S_SEQ,
  S_TIME,
  SF_START,
  SLOT_FRAME,
} from '../frames/layout';
import { SlotPool } from '../frames/slots';
import { createTsKernels } from '../kernels/ts';
import type { FunctionHost } from './host';
import type { FunctionRegistry } from './registry';

/** Enough for a handful of frames. */
const SLOTS = 64;
const BYTES = 1 << 20;

/** Documentation addresses (RFC 5737): a datagram of 8 bytes, a SYN, and an ARP request. */
const PROBES = [
  '020000000001020000000002080045000024000000004011f6aac0000201c00002024e203039001000000102030405060708',
  '02000000000102000000000208004500002800000000400600b1c0000201c00002024e20003900000001000000005002ffff00000000',
  '02000000000102000000000208060001080006040001020000000002c0000202000000000000c0000201',
].map((hex) => Buffer.from(hex, 'hex'));

/**
 * Whether a function would work as a node's: it is made with its configuration, on memory of its own, and judges a few
 * frames. What comes of them goes nowhere.
 *
 * @throws FlowgridError `invalid-grid` or `not-found` as {@link FunctionRegistry.create}; `unsupported` when it throws on frames.
 */
export function tryFunction(registry: FunctionRegistry, spec: FunctionSpec, node: NodeRef): void {
  const arena = Arena.create({ slots: SLOTS, bytes: BYTES });
  const slots = new SlotPool(arena);
  const kernels = createTsKernels(arena);
  const host = registry.create(spec, {
    views: arena,
    node,
    seed: 1,
    slotAddress: (slot) => arena.slot(slot),
    parse: (list, n) => kernels.parse(list, n, 1, 2),
    takeSlot: () => slots.allocate(),
    emit: (slot) => slots.free(slot),
    emitAs: (slot) => slots.free(slot),
  });
  probe(host, arena, slots);
  if (host.counters.failed === 0) return;
  throw new FlowgridError(
    'unsupported',
    `function ${spec.name}: threw on ${host.counters.failed} of ${PROBES.length} probes`,
    {
      remedy: 'a function must not throw on any content',
    },
  );
}

function probe(host: FunctionHost, arena: Arena, slots: SlotPool): void {
  const { u8, u16, u32, f64 } = arena;
  const list = arena.allocate(64);
  PROBES.forEach((frame, index) => {
    const flow = arena.allocate(FLOW_SIZE);
    u32[(flow + F_ID) >>> 2] = index + 1;
    u32[(flow + F_STATE) >>> 2] = FS_USED;
    const slot = slots.allocate();
    const address = arena.slot(slot);
    u8.fill(0, address, address + SLOT_FRAME);
    u8.set(frame, address + SLOT_FRAME);
    u32[(address + S_OFF) >>> 2] = SLOT_FRAME;
    u32[(address + S_LEN) >>> 2] = frame.length;
    u32[(address + S_FLOW) >>> 2] = flow;
    u32[(address + S_SEQ) >>> 2] = 1;
    u16[(address + S_NETWORK) >>> 1] = 1;
    u16[(address + S_FLAGS) >>> 1] = SF_START;
    f64[(address + S_TIME) >>> 3] = 1_000_000;
    host.processOne(slot, list);
    slots.free(slot);
  });
}
