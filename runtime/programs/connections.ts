import { readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parse } from 'yaml';
import type { NatsSecurity } from '../../adapters/bus/nats-security';
import { KAFKA_MECHANISMS, type KafkaSasl, type KafkaSecurity } from '../../adapters/log/kafka';
import { FlowgridError } from '../../domain/base/errors';
import type { TemporalSecurity } from '../../workflows/temporal/security';

/** How the servers are reached that do not let everybody in. */
export interface Connections {
  readonly kafka?: KafkaSecurity;
  readonly nats?: NatsSecurity;
  readonly temporal?: TemporalSecurity;
}

/**
 * Reads a connections file (docs/how-to/distributed.md): secrets stand there, and not on a command line that every user of
 * the machine can read. Without a file every server lets everybody in.
 *
 * @throws FlowgridError `not-found` without the file, `usage` for what it may not hold, or when others may read it.
 */
export function readConnections(path: string | undefined): Connections {
  if (path === undefined) return {};
  const file = new ConnectionsFile(path);
  const { kafka, nats, temporal } = file.section('', file.content, ['kafka', 'nats', 'temporal']);
  return {
    ...(kafka === undefined ? {} : { kafka: kafkaOf(file, kafka) }),
    ...(nats === undefined ? {} : { nats: natsOf(file, nats) }),
    ...(temporal === undefined ? {} : { temporal: temporalOf(file, temporal) }),
  };
}

function kafkaOf(file: ConnectionsFile, value: unknown): KafkaSecurity {
  const { tls, sasl } = file.section('kafka', value, ['tls', 'sasl']);
  return { ...tlsOf(file, 'kafka.tls', tls), ...(sasl === undefined ? {} : { sasl: saslOf(file, sasl) }) };
}

function saslOf(file: ConnectionsFile, value: unknown): KafkaSasl {
  const { mechanism, user, password } = file.section('kafka.sasl', value, ['mechanism', 'user', 'password']);
  const known = KAFKA_MECHANISMS.find((name) => name === mechanism);
  if (known === undefined) throw file.wrong('kafka.sasl.mechanism', `one of ${KAFKA_MECHANISMS.join(', ')}`);
  return {
    mechanism: known,
    user: file.text('kafka.sasl.user', user),
    password: file.secret('kafka.sasl.password', password),
  };
}

function natsOf(file: ConnectionsFile, value: unknown): NatsSecurity {
  const { tls, user, password, token, creds, nkey } = file.section('nats', value, [
    ...['tls', 'user', 'password', 'token', 'creds', 'nkey'],
  ]);
  const ways = [user, token, creds, nkey].filter((way) => way !== undefined);
  if (ways.length > 1) throw file.wrong('nats', "one of 'user' with 'password', 'token', 'creds' and 'nkey'");
  return {
    ...tlsOf(file, 'nats.tls', tls),
    ...(user === undefined
      ? {}
      : { user: file.text('nats.user', user), password: file.secret('nats.password', password) }),
    ...(token === undefined ? {} : { token: file.secret('nats.token', token) }),
    ...(creds === undefined ? {} : { creds: file.place('nats.creds', creds) }),
    ...(nkey === undefined ? {} : { nkey: file.place('nats.nkey', nkey) }),
  };
}

function temporalOf(file: ConnectionsFile, value: unknown): TemporalSecurity {
  const { tls, apiKey } = file.section('temporal', value, ['tls', 'apiKey']);
  return {
    ...tlsOf(file, 'temporal.tls', tls),
    ...(apiKey === undefined ? {} : { apiKey: file.secret('temporal.apiKey', apiKey) }),
  };
}

interface Tls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** `true`: encrypted, and those count whom the system trusts. */
function tlsOf(file: ConnectionsFile, name: string, value: unknown): { readonly tls?: Tls } {
  if (value === undefined || value === false) return {};
  if (value === true) return { tls: {} };
  const { ca, cert, key } = file.section(name, value, ['ca', 'cert', 'key']);
  if ((cert === undefined) !== (key === undefined)) throw file.wrong(name, "'cert' together with 'key'");
  return {
    tls: {
      ...(ca === undefined ? {} : { ca: file.place(`${name}.ca`, ca) }),
      ...(cert === undefined ? {} : { cert: file.place(`${name}.cert`, cert), key: file.place(`${name}.key`, key) }),
    },
  };
}

/** The file, and what is wrong with it. */
class ConnectionsFile {
  readonly content: unknown;

  constructor(private readonly path: string) {
    try {
      this.content = parse(readFileSync(path, 'utf8'));
    } catch (cause) {
      const isThere = (cause as NodeJS.ErrnoException).code !== 'ENOENT';
      throw new FlowgridError(isThere ? 'usage' : 'not-found', `${path}: ${(cause as Error).message}`, { cause });
    }
  }

  /** A map that holds nothing but these. */
  section<Key extends string>(name: string, value: unknown, keys: readonly Key[]): { readonly [key in Key]?: unknown } {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw this.wrong(name, 'a map');
    const stranger = Object.keys(value).find((key) => !(keys as readonly string[]).includes(key));
    if (stranger !== undefined) throw this.wrong(name, `${keys.join(', ')}, and no '${stranger}'`);
    return value;
  }

  text(name: string, value: unknown): string {
    if (typeof value !== 'string' || value === '') throw this.wrong(name, 'a text');
    return value;
  }

  /** @throws FlowgridError `usage` also when others than the file's owner may read it. */
  secret(name: string, value: unknown): string {
    if ((statSync(this.path).mode & 0o077) !== 0) {
      throw new FlowgridError('usage', `${this.path}: others than its owner may read ${name}`, {
        remedy: `chmod 600 ${this.path}`,
      });
    }
    return this.text(name, value);
  }

  /** Another file, relative to this one. */
  place(name: string, value: unknown): string {
    const path = resolve(dirname(this.path), this.text(name, value));
    if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true) throw this.wrong(name, `a file, not ${path}`);
    return path;
  }

  wrong(name: string, wanted: string): FlowgridError {
    return new FlowgridError('usage', `${this.path}: ${name === '' ? 'the file' : name}: want ${wanted}`);
  }
}
