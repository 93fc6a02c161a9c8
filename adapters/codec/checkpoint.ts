import { sha256 } from './hash';
import { pack, unpack } from './pack';

/** Checkpoints of folds: `[format, SHA-256 of what follows, the state as bytes]`. Caches, like snapshots. */
const FORMAT = 1;

/** Encodes the state of a fold: plain data. */
export function encodeCheckpoint(state: unknown): Uint8Array {
  const bytes = pack(state);
  return pack([FORMAT, sha256(bytes), bytes]);
}

/** What was encoded, or undefined when it was damaged or is of another format: whoever asked folds from the beginning. */
export function decodeCheckpoint(checkpoint: Uint8Array): unknown {
  try {
    const [format, hash, bytes] = unpack(checkpoint) as [unknown, unknown, Uint8Array];
    return format === FORMAT && sha256(bytes) === hash ? unpack(bytes) : undefined;
  } catch {
    return undefined;
  }
}
