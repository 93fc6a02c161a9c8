/** Where a program runs. */
export interface Site {
  /** The IP address that it is reached at. */
  readonly address: string;
  /** What stands before its command line, so that it starts there; empty: nothing. */
  readonly inside: readonly string[];
}

/** This machine, which nobody else reaches. */
export const LOOPBACK: Site = { address: '127.0.0.1', inside: [] };
