import type { FlowId, Micros, NodeRef } from '../../domain/base/ids';
import type { Translation } from './flow-mapper';
import type { FlowView } from './flow-view';
import type { FrameView } from './frame-view';

/**
 * The public interface of packet functions: the applications that run at ANODEs ([0051]).
 *
 * A function is one stateful object per node. The node hands it every frame of every flow it handles, one at a time,
 * descriptor already stripped and MAC addresses restored ([0075], [0078]), and gets a verdict back. Functions never
 * wait, never read a clock, never draw from a random source of their own: all they may look at is the frame, the flow
 * and what they remembered, so that a backup that is given the same frames computes the same ([0085 c]).
 */
export interface PacketFunction {
  /** What of its state a backup can hold; see {@link StateKind}. */
  readonly stateKind: StateKind;
  /** What it reads of a frame; see {@link Reads}. */
  readonly reads: Reads;
  /**
   * `mapped`: it sends frames of other flows than that of the frame at hand ({@link Emitter.sendMapped}), so that the host
   * remembers what it is given. Costs a hash of every frame; takes `reads: 'headers'`.
   */
  readonly emits?: 'mapped';
  /** Names of the reasons it may drop for; `drop(i)` counts under `dropReasons[i]`. */
  readonly dropReasons: readonly string[];
  /** Other paths that it may send flows on; `detour(i)` chooses `detours[i]`. */
  readonly detours?: readonly Detour[];
  /**
   * Judges one frame. `frame` and `flow` are reusable cursors: they are valid during the call and must not be kept.
   * Must not throw on any content and should not allocate once a flow is established.
   */
  process(frame: FrameView, flow: FlowView): Verdict;
  /**
   * Everything the function knows about a flow, for another member of the cluster; undefined = nothing known.
   * Absent with `per-flow` and `exported` only if there is no state worth moving.
   */
  exportFlow?(flow: FlowId): Uint8Array | undefined;
  /** Takes over what {@link exportFlow} gave; replaces what was known about the flow. */
  importFlow?(flow: FlowId, state: Uint8Array): void;
  /**
   * `exported` only: the shared state that frames created or changed since the last call, for the backup; undefined =
   * none. The node holds those frames back until the backup has acknowledged it.
   */
  takeDelta?(): Uint8Array | undefined;
  /** `exported` only: applies what another member's {@link takeDelta} gave, in order. Idempotent. */
  applyDelta?(delta: Uint8Array): void;
  /** The flow is over (closed or idle); forget it. */
  flowEnded?(flow: FlowId): void;
  /** What the function has to say for reports, as plain JSON. */
  describe?(): unknown;
  /** What it counted besides drops, by name; numbers that only grow. They stand in the node's statistics. */
  counted?(): { readonly [name: string]: number };
  /** Housekeeping, about once a second of grid time. Must not change what later frames get. */
  tick?(now: Micros): void;
}

/**
 * What may be shadowed (DESIGN.md section 5):
 *
 * - `stateless`: the output depends on the frame alone. Any member may take any frame.
 * - `per-flow`: the output depends only on earlier frames of the same flow *and direction*, at most one output per
 *   input. The backup processes every frame itself and holds what comes out; takeover is exact. How the two directions
 *   interleave at the backup is not what it was at the primary, so a function must not decide one direction's frames by
 *   what it saw in the other.
 * - `exported`: state is shared between flows. The backup does *not* process: it holds the frames as they came,
 *   applies the primary's deltas, and processes what it holds when it takes over. Because a frame leaves the primary
 *   only after the backup acknowledged its delta, no state that anybody has seen is ever lost. A frame that the primary
 *   had already judged must get the same verdict again.
 * - `opaque`: nothing can be exported; shadowing is best effort, and counted.
 */
export type StateKind = 'stateless' | 'per-flow' | 'exported' | 'opaque';

/**
 * `nothing`: never looks at a frame; `bytes`: raw bytes alone; `headers`: the host parses each frame first, so that
 * `frame.proto`, `frame.payload` and the like hold.
 */
export type Reads = 'nothing' | 'bytes' | 'headers';

/** {@link FORWARD}, {@link CONSUME}, {@link drop} or {@link detour}. A number, so that a verdict costs nothing. */
export type Verdict = number;
/** The frame goes on along its path, as it is now. */
export const FORWARD: Verdict = 0;
/** The frame ends here on purpose: it was for this function. Counted as consumed, not as dropped. */
export const CONSUME: Verdict = 1;
const FIRST_DROP = 2;

/** The frame is dropped for `dropReasons[reasonIndex]`. */
export function drop(reasonIndex: number): Verdict {
  return FIRST_DROP + reasonIndex;
}

/** The index into `dropReasons` of a verdict made by {@link drop}; negative for the others. */
export function dropIndex(verdict: Verdict): number {
  return verdict - FIRST_DROP;
}

/**
 * The frame goes on, and its flow takes another path from here on, both ways: `detours[index]` of the function ({@link
 * Detour}). Asking again for what is so already changes nothing.
 */
export function detour(index: number): Verdict {
  return -1 - index;
}

/** The index into `detours` of a verdict made by {@link detour}; negative for the others. */
export function detourIndex(verdict: Verdict): number {
  return -1 - verdict;
}

/** Another path for a flow ([0060]): shorter, or by way of clusters that its path does not have. */
export type Detour = Shortcut | Diversion;

export interface Shortcut {
  /**
   * Clusters, by name, that the flow need not visit. Of the clusters behind this one, those from the next one on are left
   * out as long as they are named here; the last cluster of a path never is.
   */
  readonly skip: readonly string[];
}

export interface Diversion {
  /**
   * Clusters, by name, that the flow visits in this order between this one and the next on its path. Those that the path
   * has already, or that have no live member, are left out; without links that lead there and on, nothing changes.
   */
  readonly via: readonly string[];
}

/** What a function learns when it is created. */
export interface FunctionContext {
  /** The node it runs on. */
  readonly node: NodeRef;
  /** Seeds keyed hashes; the same on every node of the grid. */
  readonly seed: number;
  /** Which life of the node this is, from 1: a node that returns after a failure is a new incarnation. */
  readonly incarnation: number;
  /** For frames of the function's own making, while it processes one. */
  readonly emitter: Emitter;
  /** Tells the operator something worth knowing (an intrusion, a difference): a short kind and one line of text. */
  report(kind: string, text: string): void;
  /** Tells the log what a clone was found to be beside its original ([0084]). */
  compared(finding: CloneFinding): void;
}

/** One connection and direction of a clone, compared with its original; see the event `CloneCompared`. */
export interface CloneFinding {
  readonly clone: FlowId;
  readonly original: FlowId;
  readonly direction: 'forward' | 'reverse';
  /** Frames that came, of the original and of the clone. */
  readonly frames: readonly [number, number];
  readonly compared: number;
  readonly differing: number;
}

/** Creates frames: an answer, a notification, a connection of the function's own. */
export interface Emitter {
  /**
   * A zero-filled frame of `length` bytes (14 to 16,384) to be filled through the cursor's `bytes` and `offset` and then
   * given to {@link send}; undefined when no slot is free. One at a time.
   */
  create(length: number): FrameView | undefined;
  /** Sends what {@link create} gave, before the frame at hand: on in its direction, or back to where it came from. */
  send(direction: 'onward' | 'back'): void;
  /**
   * For functions that declare `emits: 'mapped'`: sends what {@link create} gave, once it is whole, as a frame of the flow that
   * the flow mapper ([0078]) finds for it, in that flow's direction. The first of these decides: a frame that the function
   * was given and has kept (consumed) has the same bytes from the layer-4 header on; a frame of a live flow had the same
   * 5-tuple, or the same with its ends swapped (an answer); a declared translation leads to such a one. Only flows are
   * found whose frames leave the cluster from this node. What is not found opens a flow of its own ([0062]), which leads out
   * of the grid by the path of the frame at hand, in direction `otherwise`; its frames wait until it is there, and its
   * replies come to {@link PacketFunction.process}. Where it gets none, it is counted as `unmatched` and goes as
   * {@link send} has it go.
   */
  sendMapped(otherwise: 'onward' | 'back'): void;
  /**
   * Declares that frames with the 5-tuple `inner` leave as `outer` (`tupleText`), and answers come back so; until it is
   * withdrawn. A translation is this node's alone: declare it again where state is imported.
   */
  declare(translation: Translation): void;
  /** A translation no longer holds. */
  withdraw(translation: Translation): void;
}

/**
 * A function by name. A user's own module exports one as `definition`; `config` is the grid file's JSON, already
 * wrapped so that wrong members are reported by place and remedy.
 */
export interface FunctionDefinition {
  readonly name: string;
  /** One sentence, for listings. */
  readonly summary: string;
  /** @throws FlowgridError `invalid-grid` through `config` when the configuration is wrong. */
  create(config: FunctionConfig, context: FunctionContext): PacketFunction;
}

/** First and last, both included. */
export type NumberRange = readonly [number, number];

/**
 * Reads a function's configuration member by member and complains clearly. Every member that is present must have been
 * asked for: the host calls {@link end} after `create`, so that a misspelt member is an error and not a silent default.
 */
export interface FunctionConfig {
  /** Where this configuration stands, for messages: `function packet-filter: rules[2]`. */
  readonly place: string;
  has(name: string): boolean;
  string(name: string, fallback?: string): string;
  boolean(name: string, fallback?: boolean): boolean;
  /** An integer in [min, max]. */
  integer(name: string, min: number, max: number, fallback?: number): number;
  oneOf<Choice extends string>(name: string, choices: readonly Choice[], fallback?: Choice): Choice;
  strings(name: string, fallback?: readonly string[]): readonly string[];
  integers(name: string, min: number, max: number, fallback?: readonly number[]): readonly number[];
  /** A list of integers and inclusive ranges (`80`, `"8000-8999"`) inside [min, max], as pairs. */
  ranges(name: string, min: number, max: number, fallback?: readonly NumberRange[]): readonly NumberRange[];
  /** A list of objects, each read by a reader of its own. */
  list(name: string): readonly FunctionConfig[];
  /** Rejects the configuration at `name`. @throws FlowgridError `invalid-grid`. */
  fail(name: string, problem: string, remedy: string): never;
  /** @throws FlowgridError `invalid-grid` when a member was never asked for. */
  end(): void;
}
