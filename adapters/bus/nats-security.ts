import { readFileSync } from 'node:fs';
import type * as Nats from 'nats';
import { FlowgridError } from '../../domain/base/errors';

/** How servers are reached that do not let everybody in; one way at most to say who this client is. */
export interface NatsSecurity {
  /** The connection is encrypted; files in PEM. Without `ca` those count whom the system trusts. */
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  readonly user?: string;
  readonly password?: string;
  readonly token?: string;
  /** File with a JWT and its seed. */
  readonly creds?: string;
  /** File with the seed of an NKey. */
  readonly nkey?: string;
}

/** What tells that no server was spoken to; all else is a server that refuses, or one that is not believed. */
const UNREACHABLE: readonly unknown[] = [
  'CONNECTION_REFUSED',
  'TIMEOUT',
  'ENOTFOUND',
  'DISCONNECT',
  'CONNECTION_TIMEOUT',
];

export function isUnreachable(error: unknown): boolean {
  return UNREACHABLE.includes((error as { readonly code?: unknown }).code);
}

export function refusal(servers: string, cause: unknown): FlowgridError {
  const { message, chainedError } = cause as Error & { readonly chainedError?: Error };
  const why = chainedError === undefined ? message : `${message}: ${chainedError.message}`;
  return new FlowgridError('rejected', `NATS at ${servers} and this client do not trust each other: ${why}`, {
    remedy: "correct 'nats' in the connections file: who this client is, or the files of 'tls'",
    cause,
  });
}

type Authenticators = Pick<typeof Nats, 'credsAuthenticator' | 'nkeyAuthenticator'>;

/** What the client library is told of it. */
export function identity(security: NatsSecurity, library: Authenticators): Nats.ConnectionOptions {
  const { tls, user, password, token, creds, nkey } = security;
  return {
    ...(tls === undefined ? {} : { tls: { caFile: tls.ca, certFile: tls.cert, keyFile: tls.key } }),
    ...(user === undefined ? {} : { user, pass: password }),
    ...(token === undefined ? {} : { token }),
    ...(creds === undefined ? {} : { authenticator: library.credsAuthenticator(readFileSync(creds)) }),
    ...(nkey === undefined
      ? {}
      : { authenticator: library.nkeyAuthenticator(Buffer.from(readFileSync(nkey, 'utf8').trim())) }),
  };
}
