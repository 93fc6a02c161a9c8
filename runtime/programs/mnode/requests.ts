import { FlowgridError } from '../../../domain/base/errors';
import type { MnodeStatus } from '../../control/mnode-status';

/**
 * What other programs of this machine ask an MNODE over the socket of its embedded log, as JSON; `flowgrid up` takes
 * commands in the same way.
 */
export type SocketRequest =
  | { readonly request: 'mnode-status' }
  /** A command in MessagePack, as on the bus; the answer too is that of the bus. */
  | { readonly request: 'mnode-command'; readonly command: string };

export interface SocketAnswers {
  readonly status: () => MnodeStatus;
  readonly command: (payload: Uint8Array) => Promise<Uint8Array>;
}

/** @throws FlowgridError `usage` for a request that an MNODE does not know. */
export async function answerRequest(bytes: Uint8Array, answers: SocketAnswers): Promise<Uint8Array> {
  const asked = JSON.parse(Buffer.from(bytes).toString()) as SocketRequest;
  switch (asked.request) {
    case 'mnode-status':
      return Buffer.from(JSON.stringify(answers.status()));
    case 'mnode-command':
      return answers.command(Buffer.from(asked.command, 'base64'));
    default:
      throw new FlowgridError('usage', `an MNODE does not answer ${JSON.stringify((asked as SocketRequest).request)}`);
  }
}
