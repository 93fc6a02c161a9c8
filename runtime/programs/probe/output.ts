import { close, constants, open, statSync, write } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { isatty } from 'node:tty';
import { promisify } from 'node:util';
import { FlowgridError } from '../../../domain/base/errors';

const writeTo = promisify(write);
const openFile = promisify(open);
const closeFile = promisify(close);

/** Pause before something is tried again that a slow reader holds up, milliseconds. */
const PAUSE_MS = 20;
const STDOUT = 1;

/**
 * Where a capture goes: a file, a named pipe, or stdout (`-`). Waits for slow readers without holding up anything else;
 * what is captured meanwhile is kept in the rings, or counted.
 */
export class CaptureOutput {
  private gone = false;

  private constructor(
    private readonly target: string,
    private readonly descriptor: number,
  ) {}

  /**
   * Opens the target. On a named pipe it waits until somebody reads.
   *
   * @returns undefined when interrupted while it waited.
   * @throws FlowgridError `usage` when it cannot be written, or is a terminal.
   */
  static async open(target: string, interrupted: AbortSignal): Promise<CaptureOutput | undefined> {
    if (target === '-') {
      if (!isatty(STDOUT)) return new CaptureOutput('stdout', STDOUT);
      throw new FlowgridError('usage', '--write -: stdout is a terminal, and a capture is not for reading', {
        remedy: 'pipe it into a reader (| wireshark -k -i -), or name a file',
      });
    }
    try {
      const isPipe = statSync(target, { throwIfNoEntry: false })?.isFIFO() === true;
      const descriptor = isPipe ? await openPipe(target, interrupted) : await openFile(target, 'w');
      return descriptor === undefined ? undefined : new CaptureOutput(target, descriptor);
    } catch (cause) {
      throw failed(target, cause);
    }
  }

  /** Whether the reader has gone: what is written is lost. */
  get isGone(): boolean {
    return this.gone;
  }

  /** Resolves when the bytes are the system's. @throws FlowgridError `usage` when it cannot be written. */
  async write(bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.length && !this.gone;) {
      try {
        done += (await writeTo(this.descriptor, bytes, done)).bytesWritten;
      } catch (cause) {
        const { code } = cause as NodeJS.ErrnoException;
        if (code === 'EPIPE') this.gone = true;
        else if (code === 'EAGAIN') await delay(PAUSE_MS);
        else throw failed(this.target, cause);
      }
    }
  }

  async close(): Promise<void> {
    if (this.descriptor !== STDOUT) await closeFile(this.descriptor);
  }
}

/**
 * Opens a named pipe when somebody reads it; undefined when interrupted before. Opened in the usual way it would hold up a
 * thread that nobody can stop until then.
 */
async function openPipe(path: string, interrupted: AbortSignal): Promise<number | undefined> {
  while (!interrupted.aborted) {
    try {
      return await openFile(path, constants.O_WRONLY | constants.O_NONBLOCK);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENXIO') throw error;
    }
    await delay(PAUSE_MS, undefined, { signal: interrupted }).catch(() => undefined);
  }
  return undefined;
}

function failed(target: string, cause: unknown): FlowgridError {
  return new FlowgridError('usage', `${target}: cannot be written (${(cause as NodeJS.ErrnoException).code})`, {
    remedy: 'check directory, permissions and free space',
    cause,
  });
}
