import { createHash, hash } from 'node:crypto';
import { canonical, type Canonical } from '../../domain/base/canonical';

/** The one-shot form spares an object per call; releases before Node 20.12 do not have it. */
const oneShot: ((bytes: Uint8Array | string) => string) | undefined =
  typeof hash === 'function' ? (bytes) => hash('sha256', bytes, 'hex') : undefined;

/** SHA-256 of bytes (or of a string's UTF-8) as 64 hex digits. */
export const sha256: (bytes: Uint8Array | string) => string =
  oneShot ?? ((bytes) => createHash('sha256').update(bytes).digest('hex'));

/** SHA-256 of a state's canonical text (sorted keys, integers): equal if and only if the states are. */
export function stateHash(state: Canonical): string {
  return sha256(canonical(state));
}

/** The bytes as a Buffer: themselves if they are one, for a view of its own costs more than its hex digits. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** 32 bytes to 64 hex digits, through one buffer: a view of each would cost more than its digits. */
export function hashText(bytes: Uint8Array): string {
  digest.set(bytes);
  return digest.toString('hex');
}

const digest = Buffer.alloc(32);

/** 64 hex digits to 32 bytes. */
export function hashBytes(hex: string): Uint8Array {
  return Buffer.from(hex, 'hex');
}
