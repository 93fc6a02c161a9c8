import { D_FLOW_ID, S_DESCRIPTOR, S_FROM } from '../frames/layout';
import {
  CONTROL_ACK,
  CONTROL_CHOICE,
  CONTROL_CONNECTION,
  CONTROL_DELTA,
  CONTROL_DETOUR,
  CONTROL_DIGEST,
  CONTROL_DUTY,
  CONTROL_END,
  CONTROL_EXPECT,
  CONTROL_EXPORT,
  CONTROL_FIRST_FRAGMENT,
  CONTROL_FLOOD,
  CONTROL_GRANT,
  CONTROL_HELLO,
  CONTROL_MODES,
  CONTROL_IN_STEP,
  CONTROL_MOVE,
  CONTROL_NEIGHBOUR,
  CONTROL_OFFER,
  CONTROL_PASS,
  CONTROL_REPIN,
  CONTROL_STATION,
  CONTROL_REPINNED,
  CONTROL_WANT,
} from './control-frames';
import type { Deltas } from './deltas';
import type { Detours } from './detours';
import type { Digests } from './digests';
import type { FlowEndings } from './flow-endings';
import type { FlowMoves } from './flow-moves';
import type { Gateway } from './gateway';
import type { Handover } from './handover';
import type { ModeChanges } from './mode-changes';
import type { Node } from './node';
import type { Repinning } from './repin';
import type { SecondaryFlows } from './secondary-flows';
import type { Stage } from './stage';
import type { Takeover } from './takeover';
import type { Watch } from './watch';

/** Who takes what other nodes say, by its kind. */
export interface WordTakers {
  readonly watch: Watch;
  readonly handover: Handover;
  readonly digests: Digests;
  readonly endings: FlowEndings;
  /** INODEs only. */
  readonly gateway: Gateway | undefined;
  readonly moves: FlowMoves;
  readonly deltas: Deltas;
  readonly detours: Detours;
  readonly secondary: SecondaryFlows;
  readonly modes: ModeChanges;
  readonly repinning: Repinning;
  readonly stage: Stage;
  readonly takeover: Takeover;
}

/** Reads the control frame in a slot, and gives it to whom it is for. A kind that nobody knows is no error: it is of a later version. */
export function takeWord(node: Node, takers: WordTakers, address: number): void {
  const { u16, view } = node.ctx.arena;
  const body = node.control;
  const from = u16[(address + S_FROM) >>> 1];
  const incarnation = body.read(address);
  const kind = view.getUint32(address + S_DESCRIPTOR + D_FLOW_ID);
  const argument = kind & 0xff_ffff;
  switch (kind >>> 24) {
    case CONTROL_HELLO:
      takers.watch.onHello(body, from, incarnation);
      break;
    case CONTROL_EXPORT:
      takers.handover.onExport(body, from, argument);
      break;
    case CONTROL_IN_STEP:
      takers.handover.onInStep(body);
      break;
    case CONTROL_WANT:
      takers.moves.onWant(body, from);
      break;
    case CONTROL_DIGEST:
      takers.digests.onDigest(body, from);
      break;
    case CONTROL_END:
      takers.endings.onEnd(body.readU32(), argument);
      break;
    case CONTROL_PASS:
      takers.gateway?.onPass(body, from, argument);
      break;
    case CONTROL_CONNECTION:
      takers.gateway?.onConnection(body, from, argument);
      break;
    case CONTROL_DUTY:
      takers.gateway?.onDuty(body, from, incarnation, argument);
      break;
    case CONTROL_EXPECT:
      takers.gateway?.onExpectation(body);
      break;
    case CONTROL_FIRST_FRAGMENT:
      takers.gateway?.onFirstFragment(body, from);
      break;
    case CONTROL_NEIGHBOUR:
      takers.gateway?.onNeighbour(body);
      break;
    case CONTROL_STATION:
      takers.gateway?.onStation(body);
      break;
    case CONTROL_CHOICE:
      node.choices.onChoice(body, (flow) => takers.takeover.told(flow));
      break;
    case CONTROL_DELTA:
      takers.deltas.onDelta(body, from);
      break;
    case CONTROL_DETOUR:
      takers.detours.onDetour(body, argument);
      break;
    case CONTROL_MOVE:
      takers.moves.onMove(body, from, argument);
      break;
    case CONTROL_OFFER:
      if (takers.gateway !== undefined) takers.gateway.onOffer(body);
      else takers.secondary.onOffer(body);
      break;
    case CONTROL_GRANT:
      takers.secondary.onGrant(body);
      break;
    case CONTROL_MODES:
      takers.modes.onWord(body, argument, from);
      break;
    case CONTROL_REPIN:
      takers.repinning.onRepin(body, from);
      break;
    case CONTROL_REPINNED:
      takers.repinning.onRepinned(body, from);
      break;
    case CONTROL_FLOOD:
      node.flood.read(body, from);
      break;
    case CONTROL_ACK:
      takers.stage.acknowledged(takers.deltas.onAck(body, from));
      break;
  }
}
