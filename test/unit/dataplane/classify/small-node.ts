import { Classifier, needsClassifier } from '../../../../dataplane/classify/classifier';
import { FRAGMENT_LIMITS, type FragmentLimits } from '../../../../dataplane/classify/fragments';
import { compilePolicies } from '../../../../dataplane/classify/policies';
import {
  Classified,
  type ClassifierPorts,
  type ConnectionEnd,
  type Expectation,
} from '../../../../dataplane/classify/ports';
import { ConnectionTable } from '../../../../dataplane/flows/connection-table';
import { FlowTable } from '../../../../dataplane/flows/flow-table';
import { Arena } from '../../../../dataplane/frames/arena';
import {
  C_FLOW,
  F_ID,
  F_NET_FWD,
  F_NET_REV,
  S_CONN,
  S_FLAGS,
  S_FLOW,
  S_LEN,
  S_NETWORK,
  S_OFF,
  S_REASON,
  S_REVERSE,
  S_TIME,
  SLOT_FRAME,
} from '../../../../dataplane/frames/layout';
import { REASONS } from '../../../../dataplane/frames/reasons';
import type { Kernels } from '../../../../dataplane/kernels/kernels';
import { createTsKernels } from '../../../../dataplane/kernels/ts';
import type { FlowPolicy } from '../../../../domain/topology/topology';

export const SECOND = 1_000_000;

export interface Outcome {
  readonly result: Classified;
  readonly slot: number;
  readonly flow: number;
  readonly reverse: number;
  readonly connection: number;
  readonly flags: number;
  readonly reason: string;
}

/** An INODE reduced to what the classifier needs of it: tables, kernels, and flow IDs counted up. */
export class SmallNode implements ClassifierPorts {
  readonly arena = Arena.create({ slots: 256, bytes: 1 << 20 });
  readonly kernels: Kernels = createTsKernels(this.arena);
  readonly connections: ConnectionTable;
  readonly flows = new FlowTable(this.arena, 256);
  readonly classifier: Classifier;
  readonly ended: { flow: number; end: ConnectionEnd; last: boolean }[] = [];
  readonly expectations: Expectation[] = [];
  readonly refinements: number[] = [];
  readonly applications: string[] = [];
  readonly policiesChosen: number[] = [];
  readonly released: number[] = [];
  readonly starts: string[] = [];
  refuse = false;
  private readonly list = this.arena.allocate(4, 4);
  private nextSlot = 1;
  private nextFlow: number;

  constructor(
    options: {
      policies?: readonly FlowPolicy[];
      capacity?: number;
      fragments?: Partial<FragmentLimits>;
      firstFlow?: number;
    } = {},
  ) {
    this.connections = new ConnectionTable(this.arena, options.capacity ?? 256);
    this.nextFlow = options.firstFlow ?? 1;
    const timing = {
      tcpUs: 3600 * SECOND,
      udpUs: 60 * SECOND,
      icmpUs: 30 * SECOND,
      otherUs: 60 * SECOND,
      closedUs: 10 * SECOND,
    };
    this.classifier = new Classifier({
      arena: this.arena,
      connections: this.connections,
      kernels: this.kernels,
      scratchSlot: 0,
      seedLo: 1,
      seedHi: 2,
      timing,
      policies: compilePolicies(options.policies ?? []),
      ports: this,
      fragments: { ...FRAGMENT_LIMITS, ...options.fragments },
    });
  }

  /** A frame comes in from `network`; established ones are counted by the kernel alone. */
  enter(frame: Uint8Array, now = 0, network = 1): Outcome {
    const slot = this.load(frame, now, network);
    const result = needsClassifier(this.arena, slot) ? this.classifier.classify(slot, now) : Classified.established;
    return this.outcome(slot, result);
  }

  /** A released fragment is classified again. */
  again(slot: number, now = 0): Outcome {
    return this.outcome(slot, this.classifier.classify(slot, now));
  }

  /** A frame of `flow` leaves to `network`. */
  leave(frame: Uint8Array, flow: number, reverse: boolean, now = 0, network = 2): boolean {
    return this.classifier.observeLeaving(this.load(frame, now, network), flow, reverse, now);
  }

  /** Entry of a flow that another node allocated. */
  adopt(flowId: number): number {
    return this.flows.insert(flowId);
  }

  flowId(flow: number): number {
    return flow === 0 ? 0 : this.arena.u32[(flow + F_ID) >>> 2];
  }

  allocateFlow(slot: number, _connection: number, policy: number): number {
    if (this.refuse) return 0;
    this.policiesChosen.push(policy);
    const flow = this.flows.insert(this.nextFlow++);
    this.arena.u16[(flow + F_NET_FWD) >>> 1] = this.arena.u16[(slot + S_NETWORK) >>> 1];
    this.arena.u16[(flow + F_NET_REV) >>> 1] = 3 - this.arena.u16[(slot + S_NETWORK) >>> 1];
    return flow;
  }
  joinFlow(_slot: number, _connection: number, expectation: Expectation): number {
    return this.flows.find(expectation.flowId);
  }
  connectionStarted(_connection: number, start: string): void {
    this.starts.push(start);
  }
  connectionEnded(connection: number, end: ConnectionEnd, last: boolean): void {
    const flow = this.arena.u32[(connection + C_FLOW) >>> 2];
    this.ended.push({ flow: this.flowId(flow), end, last });
    if (last) this.flows.remove(flow);
  }
  goesOver(): boolean {
    return true;
  }
  expected(expectation: Expectation): void {
    this.expectations.push(expectation);
  }
  refined(_connection: number, policy: number): void {
    this.refinements.push(policy);
  }
  recognised(_connection: number, protocol: string): void {
    this.applications.push(protocol);
  }
  release(slot: number): void {
    this.released.push(slot);
  }

  private load(frame: Uint8Array, now: number, network: number): number {
    const { arena } = this;
    const number = this.nextSlot;
    this.nextSlot = 1 + (this.nextSlot % 255);
    const slot = arena.slot(number);
    arena.u32[(slot + S_OFF) >>> 2] = SLOT_FRAME;
    arena.u32[(slot + S_LEN) >>> 2] = frame.length;
    arena.u8.set(frame, slot + SLOT_FRAME);
    arena.f64[(slot + S_TIME) >>> 3] = now;
    arena.u16[(slot + S_NETWORK) >>> 1] = network;
    arena.u16[(slot + S_REASON) >>> 1] = 0;
    arena.u16[(slot + S_FLAGS) >>> 1] = 0;
    arena.u32[this.list >>> 2] = number;
    this.kernels.parse(this.list, 1, 1, 2);
    this.kernels.lookupConnections(this.connections.address, this.list, 1);
    return slot;
  }

  private outcome(slot: number, result: Classified): Outcome {
    const { u8, u16, u32 } = this.arena;
    return {
      result,
      slot,
      flow: this.flowId(u32[(slot + S_FLOW) >>> 2]),
      reverse: u8[slot + S_REVERSE],
      connection: u32[(slot + S_CONN) >>> 2],
      flags: u16[(slot + S_FLAGS) >>> 1],
      reason: REASONS[u16[(slot + S_REASON) >>> 1]],
    };
  }
}
