import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from './cache';

/** Files in PEM, made for one test run. */
export interface Certificates {
  /** Whom clients trust. */
  readonly ca: string;
  /** An authority that signed nothing here. */
  readonly otherCa: string;
  /** The server's, for 127.0.0.1, and its key. */
  readonly cert: string;
  readonly key: string;
  remove(): void;
}

const EC = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

/** Makes an authority, and a certificate of its for servers on 127.0.0.1. */
export function makeCertificates(): Certificates {
  const dir = mkdtempSync(join(tmpdir(), 'flowgrid-certificates-'));
  const file = (name: string): string => join(dir, name);
  const authority = (name: string): void => {
    const out = ['-keyout', file(`${name}.key`), '-out', file(`${name}.pem`)];
    run('openssl', ['req', '-x509', ...EC, '-days', '2', '-subj', `/CN=${name}`, ...out]);
  };
  authority('ca');
  authority('other');
  run('openssl', ['req', ...EC, '-subj', '/CN=server', '-keyout', file('server.key'), '-out', file('server.csr')]);
  writeFileSync(file('names'), 'subjectAltName=IP:127.0.0.1,DNS:localhost\n');
  const signed = ['-CA', file('ca.pem'), '-CAkey', file('ca.key'), '-CAcreateserial', '-extfile', file('names')];
  run('openssl', ['x509', '-req', '-in', file('server.csr'), '-days', '2', ...signed, '-out', file('server.pem')]);
  return {
    ca: file('ca.pem'),
    otherCa: file('other.pem'),
    cert: file('server.pem'),
    key: file('server.key'),
    remove: () => rmSync(dir, { recursive: true, force: true }),
  };
}
