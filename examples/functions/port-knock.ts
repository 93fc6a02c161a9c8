/**
 * A packet function of a user's own: a guarded port opens only for those who knock first. It uses nothing but the public
 * interface. In a grid file:
 *
 *     function:
 *       name: module
 *       config:
 *         path: ../dist/examples/functions/port-knock.js
 *         guarded: 22
 *         knocks: [7000, 8000, 9000]
 *         withinMs: 5000
 *         dscp: 46
 *
 * A flow's client sends UDP datagrams to the knock ports in order; what it sends to the guarded port afterwards passes,
 * marked with the DSCP, and is dropped before. Only the flow's own frames in the forward direction count, so a backup
 * that shadows this function opens for the same frames. (A flow may hold several connections where the grid's classifier
 * groups them; here the knocks and the guarded connection must be one flow.)
 */
import {
  CONSUME,
  FORWARD,
  PROTO_UDP,
  decodeState,
  drop,
  encodeState,
  type FlowView,
  type FrameView,
  type FunctionConfig,
  type FunctionDefinition,
  type PacketFunction,
  type Verdict,
} from '../../dataplane/functions';

const NOT_KNOCKED = drop(0);

/** How far a flow has knocked, and when it began. */
interface Knocking {
  next: number;
  since: number;
}

class PortKnock implements PacketFunction {
  readonly stateKind = 'per-flow';
  readonly reads = 'headers';
  readonly dropReasons = ['not-knocked'];

  private readonly guarded: number;
  private readonly knocks: readonly number[];
  private readonly withinUs: number;
  private readonly dscp: number;
  private readonly flows = new Map<number, Knocking>();

  constructor(config: FunctionConfig) {
    this.guarded = config.integer('guarded', 1, 65535);
    this.knocks = config.integers('knocks', 1, 65535);
    this.withinUs = config.integer('withinMs', 1, 3_600_000, 10_000) * 1000;
    this.dscp = config.integer('dscp', 0, 63, 0);
  }

  process(frame: FrameView, flow: FlowView): Verdict {
    if (flow.reverse || !frame.hasPorts) return FORWARD;
    if (frame.proto === PROTO_UDP && this.knocks.includes(frame.destinationPort)) return this.knock(frame, flow);
    if (frame.destinationPort !== this.guarded) return FORWARD;
    if (this.flows.get(flow.id)?.next !== this.knocks.length) return NOT_KNOCKED;
    frame.setDscp(this.dscp);
    return FORWARD;
  }

  exportFlow(flow: number): Uint8Array | undefined {
    const state = this.flows.get(flow);
    return state && encodeState(state);
  }

  importFlow(flow: number, state: Uint8Array): void {
    this.flows.set(flow, decodeState<Knocking>(state));
  }

  flowEnded(flow: number): void {
    this.flows.delete(flow);
  }

  /** A knock is for us: it goes no further. A wrong or late one begins again. */
  private knock(frame: FrameView, flow: FlowView): Verdict {
    const state = this.flows.get(flow.id) ?? { next: 0, since: frame.now };
    this.flows.set(flow.id, state);
    if (state.next === this.knocks.length) return CONSUME;
    const late = frame.now - state.since > this.withinUs;
    if (late || frame.destinationPort !== this.knocks[state.next]) state.next = 0;
    if (state.next === 0) state.since = frame.now;
    if (frame.destinationPort === this.knocks[state.next]) state.next++;
    return CONSUME;
  }
}

export const definition: FunctionDefinition = {
  name: 'port-knock',
  summary: 'opens a guarded port for those who knock first',
  create: (config) => new PortKnock(config),
};
