import { requestWriter } from '../../adapters/log/lmdb';
import { subjectsOf, type Subjects } from '../../adapters/bus/subjects';
import { pack } from '../../adapters/codec/pack';
import { FlowgridError, isFlowgridError } from '../../domain/base/errors';
import type { Millis } from '../../domain/base/ids';
import type { CommandRequest, Outcome } from '../../domain/commands';
import type { Bus } from '../../domain/seams/bus';
import type { CommonOptions, MnodeAccess } from '../../interface/cli/programs';
import { askStatus, type MnodeStatus } from '../control/mnode-status';
import { outcomeOf, submitRemotely } from '../control/remote-commands';
import type { WorkflowAnswers, WorkflowRequest } from '../control/workflow-requests';
import { connectBus } from './bus';
import type { SocketRequest } from './mnode/requests';
import { WallClock } from './wall-clock';

/** How long MNODEs are listened to, in milliseconds. */
const GATHER_MS = 500;

/** The MNODEs of a grid as other programs reach them: over the bus, or over the socket of an embedded log. */
export interface Mnodes {
  /** How each of them stands, by name. */
  status(): Promise<MnodeStatus[]>;
  /**
   * Submits a command to whoever leads.
   *
   * @throws FlowgridError `timeout` when nobody led before the command's deadline.
   */
  submit(request: CommandRequest): Promise<Outcome>;
  /**
   * Asks whoever leads about workflows.
   *
   * @throws FlowgridError `timeout` when nobody led within `withinMs`; what the leader threw.
   */
  ask<Request extends WorkflowRequest>(request: Request, withinMs: Millis): Promise<WorkflowAnswers[Request['ask']]>;
}

/** Reaches the MNODEs that the options name while `use` runs. */
export async function withMnodes<Result>(
  access: MnodeAccess & Pick<CommonOptions, 'data' | 'connections'>,
  use: (mnodes: Mnodes, clock: WallClock) => Promise<Result>,
): Promise<Result> {
  const clock = new WallClock();
  if (access.nats === undefined) return use(overSocket(access.data, clock), clock);
  if (access.grid === undefined) {
    throw new FlowgridError('usage', 'which grid?', { remedy: 'name it with --grid: a bus can carry many' });
  }
  const bus = await connectBus(access, clock, 'flowgrid');
  try {
    return await use(overBus(bus, subjectsOf(access.grid), clock), clock);
  } finally {
    await bus.close();
  }
}

/** How long one leader may take to answer before it is asked again, milliseconds. */
const ANSWER_MS = 2_000;
/** Pause before a question that was answered by "not now" is asked again. */
const PAUSE_MS = 100;

/** Asks until there is an answer, or the time is up: leaders may change meanwhile, or a program may start. */
async function askAgain<Answer>(
  clock: WallClock,
  withinMs: Millis,
  ask: (leftMs: Millis) => Promise<Uint8Array>,
): Promise<Answer> {
  const until = clock.now() + withinMs;
  for (;;) {
    try {
      return answerOf<Answer>(await ask(Math.max(1, until - clock.now())));
    } catch (error) {
      if (!isFlowgridError(error) || !error.canRetry || clock.now() >= until) throw error;
      await new Promise<void>((go) => clock.schedule(clock.now() + PAUSE_MS, go));
    }
  }
}

/** @throws FlowgridError what the answer says went wrong. */
function answerOf<Answer>(bytes: Uint8Array): Answer {
  const { answer, error } = JSON.parse(Buffer.from(bytes).toString()) as { answer?: Answer; error?: FlowgridError };
  if (answer !== undefined) return answer;
  const { code = 'internal', message = 'no answer', remedy, canRetry = false } = error ?? {};
  throw new FlowgridError(code, message, { canRetry, ...(remedy === undefined ? {} : { remedy }) });
}

function overBus(bus: Bus, subjects: Subjects, clock: WallClock): Mnodes {
  return {
    status: () => askStatus(bus, subjects, { clock, timers: clock }, GATHER_MS),
    submit: (request) => submitRemotely({ bus, subjects, clock, timers: clock }, request),
    ask: (request, withinMs) =>
      askAgain(clock, withinMs, (leftMs) =>
        bus.request(subjects.mnodeWorkflow(), Buffer.from(JSON.stringify(request)), Math.min(ANSWER_MS, leftMs)),
      ),
  };
}

function overSocket(dir: string, clock: WallClock): Mnodes {
  const ask = (request: SocketRequest, timeoutMs: number): Promise<Uint8Array> =>
    requestWriter(dir, Buffer.from(JSON.stringify(request)), { timeoutMs });
  return {
    status: async () => {
      const answer = await ask({ request: 'mnode-status' }, GATHER_MS);
      return [JSON.parse(Buffer.from(answer).toString()) as MnodeStatus];
    },
    submit: async (request) => {
      const command = Buffer.from(pack(request)).toString('base64');
      return outcomeOf(await ask({ request: 'mnode-command', command }, Math.max(1, request.deadline - clock.now())));
    },
    ask: (workflow, withinMs) =>
      askAgain(clock, withinMs, (leftMs) => ask({ request: 'mnode-workflow', workflow }, Math.min(ANSWER_MS, leftMs))),
  };
}
