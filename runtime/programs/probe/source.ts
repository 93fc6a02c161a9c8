import { requestWriter } from '../../../adapters/log/lmdb';
import type { Probe } from '../../../domain/probe/events';
import { readAnswer, type ProbePlaces, type ProbeProgress, type ProbeRequest } from '../../agent/probe-desk';
import type { SocketRequest } from '../mnode/requests';

/** How long whoever hosts nodes may take to answer, milliseconds: a grid at full speed takes a moment. */
const ANSWER_MS = 10_000;
/** Most bytes of frames in one answer, over the socket. */
const SOCKET_BYTES_MAX = 8 * 1024 * 1024;

type Untold<Request> = Request extends unknown ? Omit<Request, 'token'> : never;

/** A program that hosts nodes, as a collector sees it. */
export class ProbeSource {
  private session = 0;

  constructor(
    private readonly token: () => string,
    private readonly bytesMax: number,
    private readonly send: (request: ProbeRequest) => Promise<Uint8Array>,
  ) {}

  async places(points: readonly string[]): Promise<ProbePlaces> {
    return answerOf<ProbePlaces>(await this.ask({ ask: 'places', points }));
  }

  async open(probes: readonly Probe[]): Promise<void> {
    this.session = answerOf<{ session: number }>(await this.ask({ ask: 'open', probes })).session;
  }

  /** What was captured since the last call, as far as one answer holds it. */
  async read(): Promise<{ readonly progress: ProbeProgress; readonly records: Uint8Array }> {
    return readAnswer(await this.ask({ ask: 'read', session: this.session, bytesMax: this.bytesMax }));
  }

  /** Nothing more is captured; what was can still be read. */
  async stop(): Promise<ProbeProgress> {
    return answerOf<ProbeProgress>(await this.ask({ ask: 'stop', session: this.session }));
  }

  async close(): Promise<ProbeProgress> {
    return answerOf<ProbeProgress>(await this.ask({ ask: 'close', session: this.session }));
  }

  private ask(request: Untold<ProbeRequest>): Promise<Uint8Array> {
    return this.send({ ...request, token: this.token() } as ProbeRequest);
  }
}

/** The grid that runs on a data directory. */
export function socketSource(dir: string, token: () => string): ProbeSource {
  return new ProbeSource(token, SOCKET_BYTES_MAX, (probe) => {
    const request: SocketRequest = { request: 'probe', probe };
    return requestWriter(dir, Buffer.from(JSON.stringify(request)), { timeoutMs: ANSWER_MS });
  });
}

function answerOf<Answer>(bytes: Uint8Array): Answer {
  return JSON.parse(Buffer.from(bytes).toString()) as Answer;
}
