import { isFlowgridError, type ErrorCode } from '../../domain/base/errors';
import { EXIT, type Io } from './programs';

/** Exit code of each error; what is not listed is unexpected. */
const EXIT_OF: { readonly [code in ErrorCode]?: number } = {
  usage: EXIT.usage,
  'invalid-grid': EXIT.usage,
  'invalid-record': EXIT.findings,
  'not-found': EXIT.notFound,
  timeout: EXIT.timeout,
  interrupted: EXIT.interrupted,
};

/** Tells the user what went wrong and what can be done, and returns the exit code. */
export function reportFailure(error: unknown, io: Io): number {
  if (!isFlowgridError(error)) {
    const { message, stack } = error as { message?: string; stack?: string };
    io.err(`flowgrid: unexpected: ${message ?? String(error)}`);
    for (const line of (stack ?? '').split('\n').slice(1, 6)) io.err(`  ${line.trim()}`);
    return EXIT.unexpected;
  }
  io.err(`flowgrid: ${error.message}`);
  if (error.remedy !== undefined) io.err(`  remedy: ${error.remedy}`);
  return EXIT_OF[error.code] ?? EXIT.unexpected;
}
