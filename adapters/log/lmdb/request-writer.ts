import { connect } from 'node:net';
import type { ErrorCode } from '../../../domain/base/errors';
import { FlowgridError } from '../../../domain/base/errors';
import { FrameKind, FrameReader, writeFrame, type Frame } from './frames';
import { socketPath } from './socket-path';

/** How long a request waits for its answer unless told otherwise, in milliseconds. */
const REQUEST_TIMEOUT_MS = 30_000;

/**
 * Sends a request to the program that writes in `dir` and returns its answer.
 *
 * @throws FlowgridError `not-found` when no program writes there, `timeout`, `closed` when the writer went away before
 *   it answered (whether it acted is unknown: retry with the same command id), or the error that the writer answered.
 */
export async function requestWriter(
  dir: string,
  request: Uint8Array,
  options: { readonly timeoutMs?: number } = {},
): Promise<Uint8Array> {
  const alias = socketPath(dir);
  const socket = connect(alias.path);
  const timeoutMs = options.timeoutMs ?? REQUEST_TIMEOUT_MS;
  try {
    const frame = await new Promise<Frame>((resolve, reject) => {
      const reader = new FrameReader();
      socket.once('connect', () => writeFrame(socket, FrameKind.request, request));
      socket.on('data', (chunk) => {
        try {
          const [first] = reader.push(chunk);
          if (first !== undefined) resolve(first);
        } catch (error) {
          reject(error as Error);
        }
      });
      socket.once('error', (cause: { code?: unknown }) => reject(unreachable(dir, cause)));
      socket.once('close', () => reject(goneAway(dir)));
      socket.setTimeout(timeoutMs, () => reject(noAnswer(dir, timeoutMs)));
    });
    if (frame.kind === FrameKind.error) throw answeredError(frame.payload);
    return frame.payload;
  } finally {
    socket.destroy();
    alias.release();
  }
}

function unreachable(dir: string, cause: { code?: unknown }): FlowgridError {
  if (cause.code !== 'ENOENT' && cause.code !== 'ECONNREFUSED') return goneAway(dir, cause);
  return new FlowgridError('not-found', `no flowgrid program runs on ${dir}`, {
    remedy: 'start one with `flowgrid up`, or name its directory with --data',
    cause,
  });
}

function goneAway(dir: string, cause?: unknown): FlowgridError {
  return new FlowgridError('closed', `the program on ${dir} went away before it answered`, { canRetry: true, cause });
}

function noAnswer(dir: string, timeoutMs: number): FlowgridError {
  return new FlowgridError('timeout', `no answer from the program on ${dir} in ${timeoutMs} ms`, { canRetry: true });
}

function answeredError(payload: Uint8Array): FlowgridError {
  const { code, message, remedy, canRetry } = JSON.parse(Buffer.from(payload).toString()) as {
    code: ErrorCode;
    message: string;
    remedy?: string;
    canRetry: boolean;
  };
  return new FlowgridError(code, message, { canRetry, ...(remedy === undefined ? {} : { remedy }) });
}
