import { FlowgridError } from '../../domain/base/errors';
import type { Micros } from '../../domain/base/ids';
import type { Probe } from '../../domain/probe/events';
import { probePlaces, type ProbePlace } from '../../domain/probe/points';
import type { Topology } from '../../domain/topology/topology';
import type { CaptureCounts } from '../../dataplane/probes/capture-ring';
import type { ProbeHost, ProbeTap } from './probe-taps';

/** What a collector asks of whoever hosts nodes, as JSON. Each request carries a token, which says who asks. */
export type ProbeRequest = { readonly token: string } & (
  | { readonly ask: 'places'; readonly points: readonly string[] }
  /** Attaches points that the log knows; the answer names the session to read from. */
  | { readonly ask: 'open'; readonly probes: readonly Probe[] }
  /** A repeat of the same turn gets the same answer: nothing is lost with one. Turns count from 1. */
  | { readonly ask: 'read'; readonly session: number; readonly turn: number; readonly bytesMax: number }
  /** Captures nothing more; what was captured can still be read. */
  | { readonly ask: 'stop'; readonly session: number }
  | { readonly ask: 'close'; readonly session: number }
);

/** The answer to `places`. */
export interface ProbePlaces {
  readonly places: readonly ProbePlace[];
  /** Names of clusters by ID, for what descriptors say. */
  readonly clusters: readonly (readonly [id: number, name: string])[];
  /** The principal that the token stands for. */
  readonly by: string;
}

/** What the answer to `read` begins with, and the only content of those to `stop` and `close`. */
export interface ProbeProgress {
  readonly counts: readonly ({ readonly probe: number } & CaptureCounts)[];
  /** The grid ends: what is read now is the rest. */
  readonly isEnding: boolean;
}

/** Whoever has not read for so long is gone, microseconds. */
export const LEASE_US = 15_000_000;

const LENGTH_BYTES = 4;

interface ProbeSession {
  readonly by: string;
  readonly taps: readonly ProbeTap[];
  lastRead: Micros;
  /** The latest turn, and its answer. */
  turn: number;
  answer: Uint8Array;
}

export interface ProbeDeskOptions {
  readonly host: ProbeHost;
  /** The wall clock, microseconds. */
  readonly clock: () => Micros;
  /** The principal that a token stands for. @throws FlowgridError `rejected` for one that stands for nobody. */
  readonly verify: (token: string) => string;
  readonly topology: () => Topology | undefined;
  /** Whether the log holds this probe, as it is; absent: nobody here knows the log. */
  readonly isLogged?: (probe: Probe) => boolean;
  /** Told of points whose reader is gone. */
  readonly abandoned?: (probes: readonly Probe[]) => void;
}

/**
 * Serves collectors: gives them the points that they ask for, and what these capture. A collector that is gone without a
 * word loses its points after {@link LEASE_US}.
 */
export class ProbeDesk {
  private readonly sessions = new Map<number, ProbeSession>();
  private opened = 0;
  private isEnding = false;

  constructor(private readonly options: ProbeDeskOptions) {}

  /**
   * @throws FlowgridError `rejected` without a valid token or for a probe that the log does not hold, `not-found` for a
   *   session that is over or a place that is not there.
   */
  async answer(request: ProbeRequest): Promise<Uint8Array> {
    const by = this.options.verify(request.token);
    switch (request.ask) {
      case 'places':
        return json(this.places(request.points, by));
      case 'open':
        return json({ session: await this.open(request.probes, by) });
      case 'read':
        return this.read(this.session(request.session, by), request.turn, request.bytesMax);
      case 'stop':
        return json(await this.stop(this.session(request.session, by)));
      case 'close':
        return json(await this.close(request.session, this.session(request.session, by)));
      default:
        throw new FlowgridError('usage', `a probe is not asked for ${JSON.stringify((request as ProbeRequest).ask)}`);
    }
  }

  /** Detaches the points of collectors that are gone. To be called now and then. */
  async sweep(): Promise<void> {
    const { clock, abandoned } = this.options;
    const now = this.sessions.size === 0 ? 0 : clock();
    for (const [id, session] of this.sessions) {
      if (now - session.lastRead < LEASE_US) continue;
      await this.close(id, session);
      abandoned?.(session.taps.map(({ probe }) => probe));
    }
  }

  /** Nothing more will be captured: collectors are told with their next reads. */
  end(): void {
    this.isEnding = true;
  }

  /** Whether some collector has not read all yet. */
  get hasReaders(): boolean {
    return this.sessions.size > 0;
  }

  private places(points: readonly string[], by: string): ProbePlaces {
    const topology = this.topology();
    const places = points.flatMap((text) => probePlaces(topology, text));
    return {
      places: places.filter(({ name }, i) => places.findIndex((other) => other.name === name) === i),
      clusters: topology.clusters.map(({ id, name }) => [id, name]),
      by,
    };
  }

  private async open(probes: readonly Probe[], by: string): Promise<number> {
    const { host, clock, isLogged } = this.options;
    const stranger = probes.find((probe) => isLogged?.(probe) === false);
    if (stranger !== undefined) {
      throw new FlowgridError('rejected', `probe ${stranger.name} is not attached: the log does not say so`);
    }
    const taps: ProbeTap[] = [];
    try {
      for (const probe of probes) taps.push(await host.attachProbe(probe, this.networkOf(probe)));
    } catch (error) {
      for (const tap of taps) await tap.detach();
      throw error;
    }
    const session = ++this.opened;
    this.sessions.set(session, { by, taps, lastRead: clock(), turn: 0, answer: new Uint8Array(0) });
    return session;
  }

  private read(session: ProbeSession, turn: number, bytesMax: number): Uint8Array {
    session.lastRead = this.options.clock();
    if (turn === session.turn) return session.answer;
    session.turn = turn;
    const pending = session.taps.reduce((bytes, tap) => bytes + tap.pending, 0);
    const records = new Uint8Array(Math.min(pending, bytesMax));
    const length = session.taps.reduce((taken, tap) => taken + tap.take(records, taken), 0);
    return (session.answer = withRecords(progressOf(session, this.isEnding), records.subarray(0, length)));
  }

  private async stop(session: ProbeSession): Promise<ProbeProgress> {
    for (const tap of session.taps) await tap.stop();
    return progressOf(session, this.isEnding);
  }

  private async close(id: number, session: ProbeSession): Promise<ProbeProgress> {
    this.sessions.delete(id);
    for (const tap of session.taps) await tap.detach();
    return progressOf(session, this.isEnding);
  }

  private session(id: number, by: string): ProbeSession {
    const session = this.sessions.get(id);
    if (session?.by === by) return session;
    throw new FlowgridError('not-found', `there is no probe session ${id} of ${by}`, {
      remedy: 'it may have ended because nobody read it for a while',
    });
  }

  /** The network at which a point is, or that its link leads to: frames are told by that. */
  private networkOf({ link, network }: Probe): number {
    if (network !== undefined) return network;
    const members = this.topology().links.find(({ id }) => id === link)?.members ?? [];
    return members.flatMap((member) => ('network' in member ? [member.network] : []))[0] ?? 0;
  }

  private topology(): Topology {
    const topology = this.options.topology();
    if (topology !== undefined) return topology;
    throw new FlowgridError('closed', 'no topology is installed yet', { canRetry: true });
  }
}

function progressOf({ taps }: ProbeSession, isEnding: boolean): ProbeProgress {
  return { counts: taps.map((tap) => ({ probe: tap.probe.id, ...tap.counts() })), isEnding };
}

function json(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value));
}

function withRecords(progress: ProbeProgress, records: Uint8Array): Uint8Array {
  const head = json(progress);
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32BE(head.length);
  return Buffer.concat([length, head, records]);
}

/** The two parts of an answer to `read`. */
export function readAnswer(answer: Uint8Array): { readonly progress: ProbeProgress; readonly records: Uint8Array } {
  const bytes = Buffer.from(answer.buffer, answer.byteOffset, answer.length);
  const end = LENGTH_BYTES + bytes.readUInt32BE(0);
  const progress = JSON.parse(bytes.toString('utf8', LENGTH_BYTES, end)) as ProbeProgress;
  // A plain array: slices of a Buffer would share its memory.
  return { progress, records: new Uint8Array(bytes.buffer, bytes.byteOffset + end, bytes.length - end) };
}
