import { readFileSync } from 'node:fs';

/** How a Temporal server is reached that does not let everybody in. */
export interface TemporalSecurity {
  /** The connection is encrypted; files in PEM. Without `ca` those count whom the system trusts. */
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  readonly apiKey?: string;
}

/** What the client library's connections are told of it. */
export function securityOptions({ tls, apiKey }: TemporalSecurity = {}): {
  readonly tls?: { serverRootCACertificate?: Buffer; clientCertPair?: { crt: Buffer; key: Buffer } };
  readonly apiKey?: string;
} {
  const { ca, cert, key } = tls ?? {};
  return {
    ...(tls === undefined
      ? {}
      : {
          tls: {
            ...(ca === undefined ? {} : { serverRootCACertificate: readFileSync(ca) }),
            ...(cert === undefined || key === undefined
              ? {}
              : { clientCertPair: { crt: readFileSync(cert), key: readFileSync(key) } }),
          },
        }),
    ...(apiKey === undefined ? {} : { apiKey }),
  };
}
