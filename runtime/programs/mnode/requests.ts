import { FlowgridError } from '../../../domain/base/errors';
import type { MnodeStatus } from '../../control/mnode-status';
import type { ProbeRequest } from '../../agent/probe-desk';
import type { WorkflowRequest } from '../../control/workflow-requests';

/**
 * What other programs of this machine ask an MNODE over the socket of its embedded log, as JSON; `flowgrid up` takes
 * commands in the same way.
 */
export type SocketRequest =
  | { readonly request: 'mnode-status' }
  /** A command in MessagePack, as on the bus; the answer too is that of the bus. */
  | { readonly request: 'mnode-command'; readonly command: string }
  /** A request about workflows, as on the bus; so is the answer. */
  | { readonly request: 'mnode-workflow'; readonly workflow: WorkflowRequest }
  /** For `flowgrid probe`: as above. */
  | { readonly request: 'probe'; readonly probe: ProbeRequest }
  /** For `flowgrid check`: frames are seen by agents alone, so that there is nothing to judge by but the log. */
  | { readonly request: 'verdicts' };

export interface SocketAnswers {
  readonly status: () => MnodeStatus;
  readonly command: (payload: Uint8Array) => Promise<Uint8Array>;
  readonly workflow: (asked: string) => Promise<Uint8Array>;
}

/** @throws FlowgridError `usage` for a request that an MNODE does not know, `not-found` for what it cannot know. */
export async function answerRequest(bytes: Uint8Array, answers: SocketAnswers): Promise<Uint8Array> {
  const asked = JSON.parse(Buffer.from(bytes).toString()) as SocketRequest;
  switch (asked.request) {
    case 'mnode-status':
      return Buffer.from(JSON.stringify(answers.status()));
    case 'mnode-command':
      return answers.command(Buffer.from(asked.command, 'base64'));
    case 'mnode-workflow':
      return answers.workflow(JSON.stringify(asked.workflow));
    case 'verdicts':
      throw new FlowgridError('not-found', 'an MNODE sees no frames');
    case 'probe':
      throw new FlowgridError('not-found', 'an MNODE sees no frames', {
        remedy: 'reach the agents, which do: --grid NAME --nats SERVERS',
      });
    default:
      throw new FlowgridError('usage', `an MNODE does not answer ${JSON.stringify((asked as SocketRequest).request)}`);
  }
}
