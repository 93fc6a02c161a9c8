import { FlowgridError } from '../../domain/base/errors';

/**
 * State of functions on its way to another member: a version byte and JSON. Export happens once per flow or batch,
 * never per established frame, and JSON keeps doubles exact.
 */
const VERSION = 1;

/** Encodes a state made of plain JSON values. */
export function encodeState(value: unknown): Uint8Array {
  const text = Buffer.from(JSON.stringify(value), 'utf8');
  const bytes = new Uint8Array(text.length + 1);
  bytes[0] = VERSION;
  bytes.set(text, 1);
  return bytes;
}

/** Decodes what {@link encodeState} made. @throws FlowgridError `invalid-record`. */
export function decodeState<State>(bytes: Uint8Array): State {
  if (bytes[0] !== VERSION) {
    throw new FlowgridError('invalid-record', `function state: version ${bytes[0]} is not ${VERSION}`, {
      remedy: 'run the same version of flowgrid on all members of a cluster while flows move between them',
    });
  }
  try {
    return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset + 1, bytes.length - 1).toString('utf8')) as State;
  } catch (cause) {
    throw new FlowgridError('invalid-record', 'function state: not readable', { cause });
  }
}
