import { setTimeout as delay } from 'node:timers/promises';
import { agentOfSubject, ANY, PAYLOAD_BYTES_MAX, subjectsOf } from '../../../adapters/bus/subjects';
import { requestWriter } from '../../../adapters/log/lmdb';
import { FlowgridError, isFlowgridError } from '../../../domain/base/errors';
import type { Probe } from '../../../domain/probe/events';
import { readAnswer, type ProbePlaces, type ProbeProgress, type ProbeRequest } from '../../agent/probe-desk';
import type { Bus } from '../../../domain/seams/bus';
import type { SocketRequest } from '../mnode/requests';
import { ANSWER } from './serving';

/** How long an agent may take to answer, and how often it is asked what it captured before it is taken for gone. */
const BUS_ANSWER_MS = 1_500;
const TRIES = 3;
/** Left in a message of the bus for what is not frames, bytes. */
const BUS_OVERHEAD = 100_000;
/** How long agents are listened for, milliseconds; they say hello ten times a second. */
const GATHER_MS = 700;
/** How long whoever hosts nodes may take to answer, milliseconds: a grid at full speed takes a moment. */
const ANSWER_MS = 10_000;
/** Most bytes of frames in one answer, over the socket. */
const SOCKET_BYTES_MAX = 8 * 1024 * 1024;

type Untold<Request> = Request extends unknown ? Omit<Request, 'token'> : never;

/** A program that hosts nodes, as a collector sees it. */
export class ProbeSource {
  private session = 0;
  private turn = 0;

  constructor(
    /** Who hosts the nodes, for people. */
    readonly host: string,
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
    return readAnswer(
      await this.ask({ ask: 'read', session: this.session, turn: ++this.turn, bytesMax: this.bytesMax }),
    );
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
  return new ProbeSource(dir, token, SOCKET_BYTES_MAX, (probe) => {
    const request: SocketRequest = { request: 'probe', probe };
    return requestWriter(dir, Buffer.from(JSON.stringify(request)), { timeoutMs: ANSWER_MS });
  });
}

/**
 * The agents of a grid that say hello.
 *
 * @throws FlowgridError `timeout` when none does.
 */
export async function agentSources(bus: Bus, grid: string, token: () => string): Promise<ProbeSource[]> {
  const subjects = subjectsOf(grid);
  const agents = new Set<string>();
  const hellos = bus.subscribe(subjects.agentHello(ANY), (_, subject) => {
    const agent = agentOfSubject(subject);
    if (agent !== undefined) agents.add(agent);
  });
  await delay(GATHER_MS);
  hellos.unsubscribe();
  if (agents.size === 0) {
    throw new FlowgridError('timeout', `no agent of grid ${grid} says hello`, {
      remedy: `'flowgrid status --grid ${grid}' tells who leads; agents see the frames`,
    });
  }
  return [...agents].sort().map(
    (agent) =>
      new ProbeSource(agent, token, PAYLOAD_BYTES_MAX - BUS_OVERHEAD, async (request) => {
        const payload = Buffer.from(JSON.stringify(request));
        return answered(await asked(bus, subjects.agentProbe(agent), payload, request.ask === 'read' ? TRIES : 1));
      }),
  );
}

/** Asks again while there is no answer. */
async function asked(bus: Bus, subject: string, payload: Uint8Array, tries: number): Promise<Uint8Array> {
  for (let left = tries; ; left--) {
    try {
      return await bus.request(subject, payload, BUS_ANSWER_MS);
    } catch (error) {
      if (left <= 1 || !isFlowgridError(error, 'timeout')) throw error;
    }
  }
}

/** @throws FlowgridError what the agent says went wrong. */
function answered(bytes: Uint8Array): Uint8Array {
  if (bytes[0] === ANSWER) return bytes.slice(1);
  const { code, message, remedy, canRetry } = answerOf<FlowgridError>(bytes.subarray(1));
  throw new FlowgridError(code, message, { canRetry, ...(remedy === undefined ? {} : { remedy }) });
}

function answerOf<Answer>(bytes: Uint8Array): Answer {
  return JSON.parse(Buffer.from(bytes).toString()) as Answer;
}
