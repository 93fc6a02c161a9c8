/** What went wrong, as a stable word that scripts can test. */
export type ErrorCode =
  | 'usage'
  | 'invalid-grid'
  | 'invalid-record'
  | 'log-locked'
  | 'log-conflict'
  | 'log-failed'
  | 'expired'
  | 'rejected'
  | 'not-found'
  | 'timeout'
  | 'closed'
  | 'unsupported'
  | 'interrupted'
  | 'internal';

/**
 * The one error class of flowgrid. `message` names the input and the place; `remedy` says what the reader can do.
 * Tested by `code` or {@link isFlowgridError}, never by `instanceof` (realms differ between workers and tests).
 */
export class FlowgridError extends Error {
  readonly code: ErrorCode;
  readonly remedy?: string;
  /** Whether the same call may succeed later, unchanged. */
  readonly canRetry: boolean;

  constructor(
    code: ErrorCode,
    message: string,
    options: { remedy?: string; canRetry?: boolean; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'FlowgridError';
    this.code = code;
    if (options.remedy !== undefined) this.remedy = options.remedy;
    this.canRetry = options.canRetry ?? false;
  }
}

/** Realm-safe test for {@link FlowgridError}, optionally of one code. */
export function isFlowgridError(error: unknown, code?: ErrorCode): error is FlowgridError {
  const candidate = error as { name?: unknown; code?: unknown } | null | undefined;
  return candidate?.name === 'FlowgridError' && (code === undefined || candidate.code === code);
}

/** Exhaustiveness guard for `switch`: reached only when a case was forgotten. */
export function unreachable(value: never): never {
  throw new FlowgridError('internal', `unreachable: ${JSON.stringify(value)}`);
}
