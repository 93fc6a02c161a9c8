import type { FlowId } from '../../domain/base/ids';
import { AhoCorasick } from './aho-corasick';
import type { FlowView } from './flow-view';
import { type FrameView, PROTO_TCP } from './frame-view';
import {
  FORWARD,
  type FunctionConfig,
  type FunctionContext,
  type FunctionDefinition,
  type NumberRange,
  type PacketFunction,
  type Verdict,
  drop,
} from './function';
import { inRanges, readProtocols } from './matching';
import { decodeState, encodeState } from './state-codec';
import { type StreamSink, TcpStream, type TcpStreamState } from './tcp-stream';

const SIGNATURE = drop(0);
const SYN = 2;
/** Connections followed in one direction of one flow; further ones are searched frame by frame. */
const CONNECTIONS_MAX = 4096;

interface Signature {
  readonly name: string;
  readonly content: Uint8Array;
  readonly anyCase: boolean;
  readonly action: 'alert' | 'drop';
  readonly proto: readonly number[];
  readonly ports: readonly NumberRange[];
}

/** One direction of one connection. */
interface Watch {
  readonly stream: TcpStream;
  exact: number;
  folded: number;
  blocked: boolean;
  /** Signatures that were reported already, so that a connection alerts once for each. */
  readonly reported: Set<number>;
}
type WatchState = readonly [
  TcpStreamState,
  exact: number,
  folded: number,
  blocked: number,
  reported: readonly number[],
];

/**
 * `ids`: looks for signatures, byte strings as text or hex, in transport payloads: in TCP over the stream in order, so
 * that segments may cut them anywhere, else datagram by datagram. A match is reported; with action `drop` the frame that
 * completes it and all later ones of that connection and direction are dropped.
 */
export const ids: FunctionDefinition = {
  name: 'ids',
  summary: 'signature IDS: byte strings over TCP streams and datagrams; alerts or drops',
  create: (config, context) => new SignatureIds(config, context),
};

class SignatureIds implements PacketFunction {
  readonly stateKind = 'per-flow';
  readonly reads = 'headers';
  readonly dropReasons = ['ids-signature'];

  private readonly signatures: readonly Signature[];
  private readonly exact: Search;
  private readonly folded: Search;
  private readonly flows = new Map<number, [Map<number, Watch>, Map<number, Watch>]>();
  /** The frame and watch at hand: what the search's call-backs belong to. */
  private frame: FrameView | undefined;
  private flow: FlowView | undefined;
  private watch = newWatch();

  constructor(
    config: FunctionConfig,
    private readonly context: FunctionContext,
  ) {
    this.signatures = config.list('signatures').map(readSignature);
    this.exact = new Search(this.signatures, false);
    this.folded = new Search(this.signatures, true);
  }

  process(frame: FrameView, flow: FlowView): Verdict {
    if (frame.payload === 0) return FORWARD;
    const length = frame.payloadLength;
    const syn = frame.proto === PROTO_TCP && (frame.tcpFlags & SYN) !== 0;
    if (length === 0 && !syn) return this.blocked(flow) ? SIGNATURE : FORWARD;
    this.watch = this.watchOf(flow, frame.proto === PROTO_TCP);
    this.frame = frame;
    this.flow = flow;
    const at = frame.offset + frame.payload;
    if (!this.watch.blocked) {
      if (frame.proto !== PROTO_TCP) this.search(frame.bytes, at, length);
      else if (!this.watch.stream.segment(frame.tcpSequence, syn, frame.bytes, at, length, this.search)) {
        this.context.report('ids-gap', `flow ${flow.id}: bytes missing, the search went on behind them`);
      }
    }
    return this.watch.blocked ? SIGNATURE : FORWARD;
  }

  exportFlow(flow: FlowId): Uint8Array | undefined {
    const sides = this.flows.get(flow | 0);
    return sides && encodeState(sides.map((side) => [...side].map(([id, watch]) => [id, watchState(watch)])));
  }

  importFlow(flow: FlowId, state: Uint8Array): void {
    const [forward, reverse] = decodeState<[number, WatchState][][]>(state).map(
      (side) => new Map(side.map(([id, watch]) => [id, newWatch(watch)])),
    );
    this.flows.set(flow | 0, [forward, reverse]);
  }

  flowEnded(flow: FlowId): void {
    this.flows.delete(flow | 0);
  }

  private blocked(flow: FlowView): boolean {
    return this.flows.get(flow.id | 0)?.[flow.reverse ? 1 : 0].get(flow.connection)?.blocked ?? false;
  }

  private watchOf(flow: FlowView, stream: boolean): Watch {
    let sides = this.flows.get(flow.id | 0);
    if (sides === undefined) {
      sides = [new Map(), new Map()];
      this.flows.set(flow.id | 0, sides);
    }
    const side = sides[flow.reverse ? 1 : 0];
    let watch = side.get(flow.connection);
    if (watch === undefined) {
      watch = newWatch();
      if (side.size < CONNECTIONS_MAX) side.set(flow.connection, watch);
    }
    if (!stream) {
      // A datagram begins anew: signatures do not span them.
      watch.exact = 0;
      watch.folded = 0;
    }
    return watch;
  }

  private readonly search: StreamSink = (bytes, at, length) => {
    const { watch } = this;
    watch.exact = this.exact.run(watch.exact, bytes, at, length, this.found);
    watch.folded = this.folded.run(watch.folded, bytes, at, length, this.found);
  };

  private readonly found = (index: number): void => {
    const { frame, flow, watch } = this;
    const signature = this.signatures[index];
    if (frame === undefined || flow === undefined || watch.reported.has(index)) return;
    if (signature.proto.length > 0 && !signature.proto.includes(frame.proto)) return;
    const port = flow.reverse ? frame.sourcePort : frame.destinationPort;
    if (!inRanges(signature.ports, port)) return;
    watch.reported.add(index);
    if (signature.action === 'drop') watch.blocked = true;
    this.context.report(`ids-${signature.action}`, `${signature.name}: flow ${flow.id}, frame ${frame.number}`);
  };
}

/** One automaton over the signatures of one kind, reporting their numbers among all of them. */
class Search {
  private readonly automaton: AhoCorasick;
  /** Signatures by the automaton's pattern: equal contents share one. */
  private readonly bearers: readonly (readonly number[])[];
  private readonly fold: Uint8Array;
  private readonly empty: boolean;

  constructor(signatures: readonly Signature[], anyCase: boolean) {
    this.fold = Uint8Array.from({ length: 256 }, (_, byte) => (anyCase && byte >= 65 && byte <= 90 ? byte + 32 : byte));
    const byContent = new Map<string, number[]>();
    signatures.forEach((signature, index) => {
      if (signature.anyCase !== anyCase) return;
      const key = Buffer.from(signature.content.map((byte) => this.fold[byte])).toString('latin1');
      byContent.set(key, [...(byContent.get(key) ?? []), index]);
    });
    this.automaton = new AhoCorasick([...byContent.keys()].map((key) => Buffer.from(key, 'latin1')));
    this.bearers = [...byContent.values()];
    this.empty = byContent.size === 0;
  }

  run(state: number, bytes: Uint8Array, at: number, length: number, found: (index: number) => void): number {
    if (this.empty) return 0;
    return this.automaton.scan(state, bytes, at, length, this.fold, (pattern) => this.bearers[pattern].forEach(found));
  }
}

function newWatch(state?: WatchState): Watch {
  return {
    stream: new TcpStream(state?.[0]),
    exact: state?.[1] ?? 0,
    folded: state?.[2] ?? 0,
    blocked: state?.[3] === 1,
    reported: new Set(state?.[4]),
  };
}

function watchState(watch: Watch): WatchState {
  return [watch.stream.state(), watch.exact, watch.folded, watch.blocked ? 1 : 0, [...watch.reported]];
}

function readSignature(config: FunctionConfig): Signature {
  const hex = config.has('hex') ? config.string('hex').replaceAll(' ', '') : undefined;
  if (hex !== undefined && (config.has('content') || !/^([0-9a-fA-F]{2})+$/.test(hex))) {
    config.fail(
      'hex',
      'is not a sequence of bytes in hex, or stands beside content',
      'give one: hex: "90 90 eb" or content: text',
    );
  }
  const content = hex === undefined ? Buffer.from(config.string('content'), 'utf8') : Buffer.from(hex, 'hex');
  if (content.length === 0) config.fail('content', 'is empty', 'give at least one byte to look for');
  return {
    name: config.string('name'),
    content: Uint8Array.from(content),
    anyCase: config.boolean('anyCase', false),
    action: config.oneOf('action', ['alert', 'drop'], 'alert'),
    proto: readProtocols(config, 'proto'),
    ports: config.ranges('ports', 0, 65535, []),
  };
}
