/** The public interface for packet functions: what the package exports to functions of a user's own. */
export {
  CONSUME,
  FORWARD,
  detour,
  drop,
  type Detour,
  type Diversion,
  type Emitter,
  type FunctionConfig,
  type FunctionContext,
  type FunctionDefinition,
  type NumberRange,
  type PacketFunction,
  type Reads,
  type Shortcut,
  type StateKind,
  type Verdict,
} from './function';
export { FrameView, PROTO_ICMP, PROTO_ICMPV6, PROTO_TCP, PROTO_UDP, PROTO_UDPLITE } from './frame-view';
export { tupleText, type Translation } from './flow-mapper';
export { FlowView } from './flow-view';
export { decodeState, encodeState } from './state-codec';
