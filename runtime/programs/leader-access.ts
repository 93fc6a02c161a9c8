import { requestWriter } from '../../adapters/log/lmdb';
import { subjectsOf, type Subjects } from '../../adapters/bus/subjects';
import { pack } from '../../adapters/codec/pack';
import { FlowgridError } from '../../domain/base/errors';
import type { CommandRequest, Outcome } from '../../domain/commands';
import type { Bus } from '../../domain/seams/bus';
import type { MnodeAccess } from '../../interface/cli/programs';
import { askStatus, type MnodeStatus } from '../control/mnode-status';
import { outcomeOf, submitRemotely } from '../control/remote-commands';
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
}

/** Reaches the MNODEs that the options name while `use` runs. */
export async function withMnodes<Result>(
  access: MnodeAccess & { readonly data: string },
  use: (mnodes: Mnodes, clock: WallClock) => Promise<Result>,
): Promise<Result> {
  const clock = new WallClock();
  if (access.nats === undefined) return use(overSocket(access.data, clock), clock);
  if (access.grid === undefined) {
    throw new FlowgridError('usage', 'which grid?', { remedy: 'name it with --grid: a bus can carry many' });
  }
  const bus = await connectBus(access.nats, clock, 'flowgrid');
  try {
    return await use(overBus(bus, subjectsOf(access.grid), clock), clock);
  } finally {
    await bus.close();
  }
}

function overBus(bus: Bus, subjects: Subjects, clock: WallClock): Mnodes {
  return {
    status: () => askStatus(bus, subjects, { clock, timers: clock }, GATHER_MS),
    submit: (request) => submitRemotely({ bus, subjects, clock, timers: clock }, request),
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
  };
}
