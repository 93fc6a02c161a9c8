import { nodeRef } from '../../../../domain/base/ids';
import type { FunctionSpec } from '../../../../domain/topology/topology';
import { Arena } from '../../../../dataplane/frames/arena';
import {
  D_FLAGS,
  DF_REPLICA,
  F_ID,
  F_STATE,
  FLOW_SIZE,
  FS_REPLICA,
  FS_USED,
  S_DESC_LEN,
  S_DESCRIPTOR,
  S_FLAGS,
  S_FLOW,
  S_FRAME_NO,
  S_LEN,
  S_NETWORK,
  S_OFF,
  S_REASON,
  S_REVERSE,
  S_SEQ,
  S_TIME,
  SF_ALTERED,
  SF_START,
  SLOT_FRAME,
} from '../../../../dataplane/frames/layout';
import { REASONS, reason } from '../../../../dataplane/frames/reasons';
import { SlotPool } from '../../../../dataplane/frames/slots';
import type { CloneFinding } from '../../../../dataplane/functions/function';
import type { FunctionHost } from '../../../../dataplane/functions/host';
import { FunctionRegistry } from '../../../../dataplane/functions/registry';
import { createTsKernels } from '../../../../dataplane/kernels/ts';

/** A frame as a node receives it. */
export interface Arrival {
  readonly bytes: Uint8Array;
  readonly flow?: number;
  readonly reverse?: boolean;
  /** Number in its flow and direction; counted by the rig when absent. */
  readonly sequence?: number;
  /** Microseconds. */
  readonly at?: number;
  readonly replica?: boolean;
  readonly start?: boolean;
}

/** What became of it. */
export interface Outcome {
  /** The frame as it left; undefined when it did not. */
  readonly bytes?: Uint8Array;
  readonly reason: string;
  readonly altered: boolean;
  readonly created: readonly Created[];
}

/** A frame that the function made; `flow` and `reverse` where it is one of another flow. */
export interface Created {
  readonly bytes: Uint8Array;
  readonly back: boolean;
  readonly flow?: number;
  readonly reverse?: boolean;
}

/** One node's function on an arena of its own, fed frame by frame with the production kernels' TypeScript twin. */
export class Rig {
  readonly reports: string[] = [];
  readonly findings: CloneFinding[] = [];
  /** Flows whose frames leave the cluster from another node. */
  readonly elsewhere = new Set<number>();
  readonly host: FunctionHost;
  private readonly arena = Arena.create({ slots: 64, bytes: 1 << 20 });
  private readonly pool = new SlotPool(this.arena);
  private readonly list = this.arena.allocate(256);
  private readonly entries = new Map<number, number>();
  private readonly sequences = new Map<string, number>();
  private readonly created: Created[] = [];
  private count = 0;

  constructor(spec: FunctionSpec, node = nodeRef(2, 1), incarnation = 1, registry = new FunctionRegistry()) {
    const kernels = createTsKernels(this.arena);
    this.host = registry.create(spec, {
      views: this.arena,
      node,
      seed: 7,
      incarnation,
      slotAddress: (slot) => this.arena.slot(slot),
      parse: (list, n) => kernels.parse(list, n, 1, 2),
      takeSlot: () => this.pool.allocate(),
      emit: (slot, _cause, back) => {
        this.created.push({ bytes: this.frameAt(this.arena.slot(slot)), back });
        this.pool.free(slot);
      },
      emitAs: (slot, _cause, flow) => {
        const address = this.arena.slot(slot);
        const reverse = this.arena.u8[address + S_REVERSE] === 1;
        this.created.push({ bytes: this.frameAt(address), back: false, flow, reverse });
        this.pool.free(slot);
      },
      carries: (flow) => this.entries.has(flow) && !this.elsewhere.has(flow),
      report: (kind, text) => this.reports.push(`${kind}: ${text}`),
      compared: (finding) => this.findings.push(finding),
    });
  }

  /** Sends a frame through the function. */
  run(arrival: Arrival): Outcome {
    const slot = this.pool.allocate();
    const address = this.place(slot, arrival);
    this.created.length = 0;
    this.host.processOne(slot, this.list);
    const { u16 } = this.arena;
    const why = u16[(address + S_REASON) >>> 1];
    const outcome: Outcome = {
      ...(why === 0 ? { bytes: this.frameAt(address) } : {}),
      reason: why === reason('function-drop') ? this.dropped() : REASONS[why],
      altered: (u16[(address + S_FLAGS) >>> 1] & SF_ALTERED) !== 0,
      created: [...this.created],
    };
    this.pool.free(slot);
    return outcome;
  }

  /** The name of the function's own reason that has just been counted, then forgets the count. */
  private dropped(): string {
    const name = Object.entries(this.host.dropsByReason()).find(([, count]) => count > 0)?.[0] ?? 'function-drop';
    this.host.counters.drops.fill(0);
    return name;
  }

  private place(slot: number, arrival: Arrival): number {
    const { u8, u16, u32, f64 } = this.arena;
    const address = this.arena.slot(slot);
    const flow = arrival.flow ?? 0x01000001;
    const side = `${flow}${arrival.reverse === true}`;
    const sequence = arrival.sequence ?? (this.sequences.get(side) ?? 0) + 1;
    this.sequences.set(side, sequence);
    u8.fill(0, address, address + SLOT_FRAME);
    u32[(address + S_OFF) >>> 2] = SLOT_FRAME;
    u32[(address + S_LEN) >>> 2] = arrival.bytes.length;
    u8.set(arrival.bytes, address + SLOT_FRAME);
    f64[(address + S_TIME) >>> 3] = arrival.at ?? 1_000_000;
    u32[(address + S_FRAME_NO) >>> 2] = this.count++;
    u16[(address + S_NETWORK) >>> 1] = arrival.reverse === true ? 4 : 1;
    u16[(address + S_REASON) >>> 1] = 0;
    u16[(address + S_FLAGS) >>> 1] = (arrival.start ?? (sequence === 1 && arrival.reverse !== true)) ? SF_START : 0;
    u32[(address + S_FLOW) >>> 2] = this.entry(flow, arrival.replica === true);
    u8[address + S_REVERSE] = arrival.reverse === true ? 1 : 0;
    u32[(address + S_SEQ) >>> 2] = sequence;
    u16[(address + S_DESC_LEN) >>> 1] = 0;
    u8[address + S_DESCRIPTOR + D_FLAGS] = arrival.replica === true ? DF_REPLICA : 0;
    return address;
  }

  private entry(flow: number, replica: boolean): number {
    let entry = this.entries.get(flow);
    if (entry === undefined) {
      entry = this.arena.allocate(FLOW_SIZE);
      this.arena.u32[(entry + F_ID) >>> 2] = flow;
      this.arena.u32[(entry + F_STATE) >>> 2] = FS_USED | (replica ? FS_REPLICA : 0);
      this.entries.set(flow, entry);
    }
    return entry;
  }

  private frameAt(address: number): Uint8Array {
    const from = address + this.arena.u32[(address + S_OFF) >>> 2];
    return Uint8Array.from(this.arena.u8.subarray(from, from + this.arena.u32[(address + S_LEN) >>> 2]));
  }
}
