/** How brokers are reached that do not let everybody in. */
export interface KafkaSecurity {
  /** The connection is encrypted, and the brokers prove who they are. */
  readonly tls?: KafkaTls;
  /** This client says who it is. */
  readonly sasl?: KafkaSasl;
}

/** Files in PEM. */
export interface KafkaTls {
  /** Of those who sign the brokers' certificates; absent: whom the system trusts. */
  readonly ca?: string;
  /** This client's certificate and key, where brokers want one. */
  readonly cert?: string;
  readonly key?: string;
}

export interface KafkaSasl {
  readonly mechanism: (typeof KAFKA_MECHANISMS)[number];
  readonly user: string;
  readonly password: string;
}

export const KAFKA_MECHANISMS = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const;

/** The client library's settings for it. */
export function securitySettings({ tls, sasl }: KafkaSecurity = {}): Readonly<Record<string, string>> {
  if (tls === undefined && sasl === undefined) return {};
  return {
    'security.protocol': sasl === undefined ? 'ssl' : tls === undefined ? 'sasl_plaintext' : 'sasl_ssl',
    ...(tls?.ca === undefined ? {} : { 'ssl.ca.location': tls.ca }),
    ...(tls?.cert === undefined ? {} : { 'ssl.certificate.location': tls.cert }),
    ...(tls?.key === undefined ? {} : { 'ssl.key.location': tls.key }),
    ...(sasl === undefined
      ? {}
      : { 'sasl.mechanisms': sasl.mechanism, 'sasl.username': sasl.user, 'sasl.password': sasl.password }),
  };
}
