import { FlowgridError } from '../../domain/base/errors';
import { checkSubject } from './matching';
import { PAYLOAD_BYTES_MAX } from './subjects';

/** Told when a subscriber's handler throws or rejects: the message counts as delivered, a request stays unanswered. */
export type HandlerErrorListener = (error: unknown, subject: string) => void;

/**
 * What happens without a listener: a handler that throws is a defect, and ends the process as any uncaught error does.
 */
export const throwHandlerError: HandlerErrorListener = (error) => {
  queueMicrotask(() => {
    throw error;
  });
};

/** @throws FlowgridError `usage` for a message that some bus could not carry. */
export function checkMessage(subject: string, payload: Uint8Array): void {
  checkSubject(subject);
  if (payload.length > PAYLOAD_BYTES_MAX) {
    throw new FlowgridError(
      'usage',
      `${subject}: ${payload.length} bytes are more than a message holds (${PAYLOAD_BYTES_MAX})`,
      {
        remedy: 'send it in chunks',
      },
    );
  }
}

export function noAnswer(subject: string, timeoutMs: number, cause?: unknown): FlowgridError {
  return new FlowgridError('timeout', `nobody answered ${subject} within ${timeoutMs} ms`, { canRetry: true, cause });
}

export function busClosed(what: string): FlowgridError {
  return new FlowgridError('closed', `the bus is closed: ${what}`);
}
