import { pack, unpack } from '../../adapters/codec/pack';
import { FlowgridError, isFlowgridError } from '../../domain/base/errors';
import type { Millis } from '../../domain/base/ids';
import type { Command, CommandBody, CommandRequest, Outcome } from '../../domain/commands';
import { decide } from '../../domain/grid-state';
import type { Bus, BusSubscription } from '../../domain/seams/bus';
import type { Clock, Timers } from '../../domain/seams/clock';
import type { ControlPlane } from './control-plane';

/** The subject that commands go by; adapters/bus names it for a grid. */
export interface CommandSubjects {
  mnodeCommand(): string;
}

/** Answers the commands of other programs while this control plane leads; a standby stays silent. */
export function answerCommands(plane: ControlPlane, bus: Bus, subjects: CommandSubjects): BusSubscription {
  return bus.subscribe(subjects.mnodeCommand(), (payload) =>
    plane.role === 'leading' ? answerCommand(plane, payload) : undefined,
  );
}

/**
 * The answer to one command in MessagePack: its outcome, or why there is none. Bytes that are no command get an error and
 * change nothing.
 *
 * @param inGridTime the deadline, which came by the asker's clock, in grid time; absent: they are the same.
 */
export async function answerCommand(
  plane: ControlPlane,
  payload: Uint8Array,
  inGridTime: (deadline: Millis) => Millis = (deadline) => deadline,
): Promise<Uint8Array> {
  try {
    const asked = requestOf(payload);
    const request = { ...asked, deadline: inGridTime(asked.deadline) };
    tryOut(plane, request);
    return pack({ outcome: await plane.submit(request) });
  } catch (error) {
    if (!isFlowgridError(error)) throw error;
    const { code, message, remedy, canRetry } = error;
    return pack({ error: { code, message, remedy, canRetry: canRetry || code === 'log-locked' || code === 'closed' } });
  }
}

/** How long one leader may take to answer before the command is sent again, in milliseconds. */
const ANSWER_MS = 1_000;
/** Pause before a command is sent again that was answered by "not now". */
const PAUSE_MS = 100;

/** What sending a command needs. */
export interface CommandRoute {
  readonly bus: Bus;
  readonly subjects: CommandSubjects;
  readonly clock: Clock;
  readonly timers: Timers;
}

/**
 * Sends a command to whoever leads, again and again under its one id until it is answered or its deadline has passed:
 * leaders may change meanwhile, the outcome is that of one.
 *
 * @throws FlowgridError `timeout` when nobody led in time; what the leader threw.
 */
export async function submitRemotely(route: CommandRoute, request: CommandRequest): Promise<Outcome> {
  const { bus, subjects, clock, timers } = route;
  const payload = pack(request);
  for (;;) {
    const left = request.deadline - clock.now();
    if (left <= 0) throw nobodyLeads(request);
    try {
      return outcomeOf(await bus.request(subjects.mnodeCommand(), payload, Math.min(ANSWER_MS, left)));
    } catch (error) {
      if (!isFlowgridError(error) || !error.canRetry) throw error;
      // A bus without anybody who answers has waited already.
      if (error.code !== 'timeout') await new Promise<void>((go) => timers.schedule(clock.now() + PAUSE_MS, go));
    }
  }
}

/** @throws FlowgridError what the answer says went wrong. */
export function outcomeOf(answer: Uint8Array): Outcome {
  const { outcome, error } = unpack(answer) as { outcome?: Outcome; error?: FlowgridError };
  if (outcome !== undefined) return outcome;
  const { code = 'internal', message = 'no answer', remedy, canRetry = false } = error ?? {};
  throw new FlowgridError(code, message, { canRetry, ...(remedy === undefined ? {} : { remedy }) });
}

function nobodyLeads({ id }: CommandRequest): FlowgridError {
  return new FlowgridError('timeout', `no leader answered command ${id} before its deadline`, {
    remedy: "'flowgrid status' tells who leads; the same id may be sent again",
    canRetry: true,
  });
}

/** @throws FlowgridError `usage` */
function requestOf(payload: Uint8Array): CommandRequest {
  const fields = unpack(payload) as Partial<Record<keyof CommandRequest, unknown>> | null;
  const { id, by, deadline, body } = typeof fields === 'object' && fields !== null ? fields : {};
  const { type, data } = (typeof body === 'object' && body !== null ? body : {}) as Record<string, unknown>;
  const isCommand =
    isText(id) && isText(by) && Number.isSafeInteger(deadline) && isText(type) && typeof data === 'object';
  if (!isCommand || data === null) throw malformed('it needs id, by, deadline and body { type, data }');
  return { id, by, deadline: deadline as number, body: { type, data } as unknown as CommandBody };
}

/** What comes from outside is decided once for nothing, so that data of a wrong shape fails here and nowhere else. */
function tryOut(plane: ControlPlane, request: CommandRequest): void {
  const command: Command = { ...request, at: plane.state.at };
  try {
    decide(plane.state, command);
  } catch (error) {
    throw malformed(`${request.body.type}: ${(error as Error).message}`);
  }
}

function malformed(why: string): FlowgridError {
  return new FlowgridError('usage', `not a command: ${why}`, {
    remedy: 'give an id, a principal, a deadline and a body as domain/commands.ts describes it',
  });
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}
