import { createHash } from 'node:crypto';
import { nodeRef, type NodeRef } from '../../domain/base/ids';
import { createPrng } from '../../domain/base/prng';
import { nodeKey, writeNode } from '../../dataplane/descriptor/node-table';
import { ConnectionTable } from '../../dataplane/flows/connection-table';
import { FlowTable } from '../../dataplane/flows/flow-table';
import { PathLists } from '../../dataplane/flows/path-lists';
import { Arena } from '../../dataplane/frames/arena';
import {
  CONN_SIZE,
  C_FLOW,
  FLOW_SIZE,
  F_COUNT,
  F_NEXT_FWD,
  F_PATH,
  F_TYPE,
  F_WIRE,
  SLOT_FRAME,
  S_FLAGS,
  S_LEN,
  S_NETWORK,
  S_OFF,
  S_REASON,
  S_TIME,
} from '../../dataplane/frames/layout';
import type { Kernels } from '../../dataplane/kernels/kernels';
import { loadKernels } from '../../dataplane/kernels/kernels';

export const BATCH = 64;
/** A path of four clusters: the ingress INODE, two ANODEs, the egress INODE. */
export const PATH: readonly NodeRef[] = [nodeRef(1, 1), nodeRef(2, 1), nodeRef(3, 1), nodeRef(4, 1)];
const SEED = [0x13572468, 0x24681357] as const;
const START = 1_700_000_000_000_000;

/** Ethernet, IPv4, UDP: where the frames of different flows differ. */
const SOURCE_ADDRESS = 26;
const SOURCE_PORT = 34;

/**
 * An ingress node and a later hop with `flows` live flows each, and a batch of frames that belong to flows in random
 * order, so that tables are hit as live traffic hits them.
 */
export class Workbench {
  readonly arena: Arena;
  readonly list: number;
  readonly connections: ConnectionTable;
  readonly hopFlows: FlowTable;
  readonly order: Uint32Array;
  private position = 0;
  private size = 64;

  /** @param capacity places of each table, a power of two. */
  constructor(
    readonly flows: number,
    capacity = 2 ** Math.ceil(Math.log2(flows * 1.5)),
  ) {
    const tables = capacity * (CONN_SIZE + 2 * FLOW_SIZE);
    this.arena = Arena.create({ slots: BATCH, bytes: tables + (1 << 20) });
    this.list = this.arena.allocate(4 * BATCH);
    this.connections = new ConnectionTable(this.arena, capacity);
    this.hopFlows = new FlowTable(this.arena, capacity);
    const secret = createHash('sha256').update('bench').digest();
    for (const ref of PATH) writeNode(this.arena, ref, nodeKey(secret, ref >>> 7, ref & 127, 1), 1);
    for (let i = 0; i < BATCH; i++) this.arena.u32[(this.list >>> 2) + i] = i;
    this.order = shuffled(flows);
    this.putTemplates();
    this.addFlows(capacity);
  }

  /** Length of the frames from now on. */
  setFrameSize(size: number): void {
    this.size = size;
    this.putTemplates();
  }

  /** Fills the batch with frames of the next flows in random order, as a port would. */
  fill(): void {
    const { arena, order } = this;
    const { u8, u16, u32, f64 } = arena;
    for (let i = 0; i < BATCH; i++) {
      const flow = order[this.position++];
      if (this.position === order.length) this.position = 0;
      const slot = arena.slot(i);
      const frame = slot + SLOT_FRAME;
      u32[(slot + S_LEN) >>> 2] = this.size;
      u16[(slot + S_REASON) >>> 1] = 0;
      u16[(slot + S_NETWORK) >>> 1] = 1;
      f64[(slot + S_TIME) >>> 3] = START;
      u8[frame] = 2;
      u8[frame + 6] = 2;
      u32[(frame + SOURCE_ADDRESS) >>> 2] = sourceOf(flow);
      u16[(frame + SOURCE_PORT) >>> 1] = flow & 0xffff;
    }
  }

  /** What an ingress INODE does with a batch of frames of known connections. */
  push(kernels: Kernels): void {
    const { list } = this;
    kernels.parse(list, BATCH, SEED[0], SEED[1]);
    kernels.lookupConnections(this.connections.address, list, BATCH);
    kernels.stamp(PATH[0], list, BATCH);
    kernels.seal(PATH[0], list, BATCH);
  }

  /** What an ANODE does around its function. */
  transit(kernels: Kernels): void {
    const { list } = this;
    kernels.open(PATH[1], list, BATCH, START);
    kernels.lookupFlows(this.hopFlows.address, list, BATCH);
    kernels.admit(PATH[1], list, BATCH);
    kernels.advance(PATH[1], list, BATCH);
    kernels.seal(PATH[1], list, BATCH);
  }

  /** What an egress INODE does before the frame leaves. */
  egress(kernels: Kernels): void {
    const { list } = this;
    kernels.open(PATH[3], list, BATCH, START);
    kernels.lookupFlows(this.hopFlows.address, list, BATCH);
    kernels.admit(PATH[3], list, BATCH);
  }

  parse(kernels: Kernels): void {
    kernels.parse(this.list, BATCH, SEED[0], SEED[1]);
  }

  lookup(kernels: Kernels): void {
    kernels.lookupConnections(this.connections.address, this.list, BATCH);
  }

  /** @throws Error unless every frame of the batch came through: a figure for refused frames would mean nothing. */
  check(): void {
    for (let i = 0; i < BATCH; i++) {
      const why = this.arena.u16[(this.arena.slot(i) + S_REASON) >>> 1];
      if (why !== 0) throw new Error(`bench: frame ${i} left the fast path with reason ${why}`);
    }
  }

  private putTemplates(): void {
    const { arena, size } = this;
    for (let i = 0; i < BATCH; i++) {
      const slot = arena.slot(i);
      arena.u8.fill(0, slot, slot + SLOT_FRAME + size);
      arena.u32[(slot + S_OFF) >>> 2] = SLOT_FRAME;
      arena.u16[(slot + S_FLAGS) >>> 1] = 0;
      const ip = [0x45, 0, size >>> 8, (size - 14) & 0xff, 0, 0, 0x40, 0, 64, 17, 0, 0, 0, 0, 0, 0, 10, 9, 8, 7];
      const udp = [0, 0, 0, 53, 0, size - 34, 0, 0];
      arena.u8.set([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, ...ip, ...udp], slot + SLOT_FRAME);
      arena.view.setUint16(slot + SLOT_FRAME + 16, size - 14);
      arena.view.setUint16(slot + SLOT_FRAME + 38, size - 34);
    }
  }

  private addFlows(capacity: number): void {
    const { arena, connections, hopFlows } = this;
    const ingressFlows = new FlowTable(arena, capacity);
    const paths = new PathLists(arena);
    const path = paths.intern(PATH);
    const kernels = loadKernels(arena);
    const describe = (entry: number, next: NodeRef): void => {
      arena.u16[(entry + F_TYPE) >>> 1] = 1;
      arena.u8[entry + F_WIRE] = 1;
      arena.u8[entry + F_COUNT] = PATH.length;
      arena.u32[(entry + F_PATH) >>> 2] = path;
      arena.u16[(entry + F_NEXT_FWD) >>> 1] = next;
    };
    for (let flow = 0; flow < this.flows; flow += BATCH) {
      this.position = flow % this.order.length;
      this.fill();
      this.parse(kernels);
      for (let i = 0; i < BATCH; i++) {
        const slot = arena.slot(i);
        if (connections.find(slot) !== 0) continue;
        const id = (0x0100_0000 | this.order[(flow + i) % this.order.length]) >>> 0;
        const connection = connections.insert(slot);
        const entry = ingressFlows.insert(id);
        describe(entry, PATH[1]);
        describe(hopFlows.insert(id), PATH[2]);
        arena.u32[(connection + C_FLOW) >>> 2] = entry;
      }
    }
    this.position = 0;
  }
}

/** The numbers below `count` in random order, always the same one. */
function shuffled(count: number): Uint32Array {
  const prng = createPrng(42);
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = prng.below(i + 1);
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}

/** A source address, little-endian, different for each 65,536 flows. */
function sourceOf(flow: number): number {
  return (10 | (1 << 8) | ((flow >>> 16) << 16)) >>> 0;
}
