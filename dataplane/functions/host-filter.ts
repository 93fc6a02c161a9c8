import type { FlowId } from '../../domain/base/ids';
import { http } from '../classify/protocols/http';
import { tls } from '../classify/protocols/tls';
import type { StreamWatcher } from '../classify/protocols/protocol';
import type { FlowView } from './flow-view';
import { type FrameView, PROTO_TCP } from './frame-view';
import {
  FORWARD,
  type FunctionConfig,
  type FunctionDefinition,
  type NumberRange,
  type PacketFunction,
  type Verdict,
  drop,
} from './function';
import { HttpRequests, type HttpRequestsState } from './http-requests';
import { inRanges } from './matching';
import { decodeState, encodeState } from './state-codec';
import { TcpStream, type TcpStreamState } from './tcp-stream';

const BLOCKED = drop(0);
const UNNAMED = drop(1);

const SYN = 2;
/** Connections remembered for one direction of one flow. */
const CONNECTIONS_MAX = 4096;

type Phase = 'unknown' | 'tls' | 'http' | 'passed' | 'blocked' | 'unnamed';
type InspectionState = readonly [phase: Phase, stream: TcpStreamState, held: string, http: HttpRequestsState | 0];

/**
 * `host-filter`: allows or refuses web connections by the server's name, HTTP/1 `Host` and TLS server name, wherever
 * segments cut it. Frames pass until the name is complete; the frame that completes a refused name is dropped, and all
 * later ones of that connection and direction, so that no server ever gets a whole request.
 */
export const hostFilter: FunctionDefinition = {
  name: 'host-filter',
  summary: 'allows or refuses connections by HTTP host or TLS server name',
  create: (config) => new HostFilter(config),
};

class HostFilter implements PacketFunction {
  readonly stateKind = 'per-flow';
  readonly reads = 'headers';
  readonly dropReasons = ['host-blocked', 'host-unnamed'];

  private readonly names: RegExp;
  private readonly listed: 'allow' | 'deny';
  private readonly unnamed: Phase;
  private readonly ports: readonly NumberRange[];
  private readonly flows = new Map<number, [Map<number, Inspection>, Map<number, Inspection>]>();

  constructor(config: FunctionConfig) {
    this.listed = config.oneOf('mode', ['allow', 'deny'], 'deny');
    this.unnamed = config.oneOf('unnamed', ['pass', 'drop'], 'pass') === 'pass' ? 'passed' : 'unnamed';
    this.names = globs(config.strings('hosts'));
    this.ports = config.ranges('ports', 0, 65535, []);
  }

  process(frame: FrameView, flow: FlowView): Verdict {
    if (frame.proto !== PROTO_TCP || frame.payload === 0) return FORWARD;
    if (!inRanges(this.ports, flow.reverse ? frame.sourcePort : frame.destinationPort)) return FORWARD;
    const inspections = this.sideOf(flow);
    let inspection = inspections.get(flow.connection);
    if (inspection === undefined) {
      if (frame.payloadLength === 0 && (frame.tcpFlags & SYN) === 0) return FORWARD;
      // A flow of that many connections is no longer judged one by one: what cannot be remembered is treated as unnamed.
      if (inspections.size >= CONNECTIONS_MAX) return this.unnamed === 'passed' ? FORWARD : UNNAMED;
      inspection = new Inspection(this);
      inspections.set(flow.connection, inspection);
    }
    const { phase } = inspection;
    if (phase !== 'passed' && phase !== 'blocked' && phase !== 'unnamed') inspection.take(frame);
    return inspection.phase === 'blocked' ? BLOCKED : inspection.phase === 'unnamed' ? UNNAMED : FORWARD;
  }

  /** What a connection becomes that asks for `host`; '' = it names none. */
  judge(host: string): 'passed' | 'blocked' | 'unnamed' {
    if (host === '') return this.unnamed === 'passed' ? 'passed' : 'unnamed';
    return this.names.test(host) === (this.listed === 'allow') ? 'passed' : 'blocked';
  }

  exportFlow(flow: FlowId): Uint8Array | undefined {
    const sides = this.flows.get(flow | 0);
    return sides && encodeState(sides.map((side) => [...side].map(([id, inspection]) => [id, inspection.state()])));
  }

  importFlow(flow: FlowId, state: Uint8Array): void {
    const [forward, reverse] = decodeState<[number, InspectionState][][]>(state).map(
      (side) => new Map(side.map(([id, inspection]) => [id, new Inspection(this, inspection)])),
    );
    this.flows.set(flow | 0, [forward, reverse]);
  }

  flowEnded(flow: FlowId): void {
    this.flows.delete(flow | 0);
  }

  private sideOf(flow: FlowView): Map<number, Inspection> {
    let sides = this.flows.get(flow.id | 0);
    if (sides === undefined) {
      sides = [new Map(), new Map()];
      this.flows.set(flow.id | 0, sides);
    }
    return sides[flow.reverse ? 1 : 0];
  }
}

/** One direction of one connection, as far as it has been read. */
class Inspection {
  phase: Phase = 'unknown';
  private readonly stream: TcpStream;
  /** First bytes, kept while the protocol or the ClientHello is incomplete: export hands them on. */
  private held = new Uint8Array(0);
  private hello: StreamWatcher | undefined;
  private requests: HttpRequests | undefined;

  constructor(
    private readonly filter: HostFilter,
    state?: InspectionState,
  ) {
    this.stream = new TcpStream(state?.[1]);
    if (state === undefined) return;
    const [phase, , held, requests] = state;
    this.phase = phase;
    this.held = Uint8Array.from(Buffer.from(held, 'latin1'));
    if (requests !== 0) this.requests = new HttpRequests(requests);
    if (phase === 'tls') this.startHello();
  }

  state(): InspectionState {
    return [this.phase, this.stream.state(), Buffer.from(this.held).toString('latin1'), this.requests?.state() ?? 0];
  }

  take(frame: FrameView): void {
    const syn = (frame.tcpFlags & SYN) !== 0;
    const whole = this.stream.segment(
      frame.tcpSequence,
      syn,
      frame.bytes,
      frame.offset + frame.payload,
      frame.payloadLength,
      this.sink,
    );
    // Behind a hole nothing can be read any more.
    if (!whole && this.phase !== 'blocked') this.phase = this.filter.judge('');
  }

  private readonly sink = (bytes: Uint8Array, at: number, length: number): void => {
    if (this.phase === 'http') return this.requests?.take(bytes, at, length, this.request);
    if (this.phase !== 'unknown' && this.phase !== 'tls') return;
    const fresh = new Uint8Array(length);
    fresh.set(bytes.subarray(at, at + length));
    const joined = new Uint8Array(this.held.length + length);
    joined.set(this.held);
    joined.set(fresh, this.held.length);
    this.held = joined;
    if (this.phase === 'unknown') this.recognise();
    else if (this.hello?.take(0, fresh, false) === false) this.endHello();
  };

  private readonly request = (host: string): void => {
    const verdict = this.filter.judge(host);
    // An allowed connection goes on being read, request by request.
    if (verdict !== 'passed') this.phase = verdict;
  };

  private recognise(): void {
    const isTls = tls.recognise(this.held, 0);
    const isHttp = http.recognise(this.held, 0);
    if (isTls === 'yes') {
      this.phase = 'tls';
      this.startHello();
    } else if (isHttp === 'yes') {
      this.phase = 'http';
      this.requests = new HttpRequests();
      const { held } = this;
      this.held = new Uint8Array(0);
      this.requests.take(held, 0, held.length, this.request);
    } else if (isTls === 'no' && isHttp === 'no') {
      this.held = new Uint8Array(0);
      this.phase = this.filter.judge('');
    }
  }

  /** Feeds a new reader of ClientHellos with what has been held so far. */
  private startHello(): void {
    this.hello = tls.watch?.({
      announced: () => undefined,
      named: (_kind, name) => {
        this.phase = this.filter.judge(name);
      },
    });
    if (this.hello?.take(0, this.held, false) === false) this.endHello();
  }

  private endHello(): void {
    this.hello = undefined;
    this.held = new Uint8Array(0);
    if (this.phase === 'tls') this.phase = this.filter.judge('');
  }
}

/** One expression for a list of names with `*` for any characters; `*.example.org` does not match `example.org`. */
function globs(patterns: readonly string[]): RegExp {
  const parts = patterns.map((pattern) =>
    pattern
      .toLowerCase()
      .split('*')
      .map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'))
      .join('.*'),
  );
  return new RegExp(`^(?:${parts.join('|')})$`);
}
