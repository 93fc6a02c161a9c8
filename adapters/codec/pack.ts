import { Packr } from 'msgpackr';
import { FlowgridError } from '../../domain/base/errors';

/**
 * MessagePack with every choice made explicit, so that the same value gives the same bytes on every machine, in every
 * process and whatever was encoded before: no records and no shared structures (their ids depend on history), maps with
 * the shortest header, no bundled strings, no 32-bit floats, no extension types.
 */
const packr = new Packr({
  useRecords: false,
  mapsAsObjects: true,
  variableMapSize: true,
  bundleStrings: false,
  moreTypes: false,
  useFloat32: 0,
  int64AsType: 'number',
});

/**
 * Encodes plain data. The bytes are a function of the value alone: members are written in order of their names and
 * `undefined` members are left out.
 *
 * @returns bytes of their own buffer, safe to keep.
 */
export function pack(value: unknown): Uint8Array {
  return new Uint8Array(packr.pack(ordered(value)));
}

/**
 * Encodes plain data whose bytes nobody compares: members stand in the order that they have, none of them `undefined`.
 *
 * @returns bytes of their own buffer, safe to keep.
 */
export function packMessage(value: object): Uint8Array {
  return new Uint8Array(packr.pack(value));
}

/**
 * Decodes what {@link pack} or {@link packMessage} encoded.
 *
 * @throws FlowgridError `invalid-record` when the bytes are no MessagePack value, or more than one.
 */
export function unpack(bytes: Uint8Array): unknown {
  try {
    return packr.unpack(bytes);
  } catch (cause) {
    throw new FlowgridError('invalid-record', `not a MessagePack value (${bytes.length} bytes)`, { cause });
  }
}

/** The value with its members sorted, at every depth; what is in order already is not copied. */
function ordered(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value;
  return Array.isArray(value) ? orderedItems(value) : orderedMembers(value as Members);
}

interface Members {
  [name: string]: unknown;
}

function orderedItems(items: readonly unknown[]): readonly unknown[] {
  let copy: unknown[] | undefined;
  for (let i = 0; i < items.length; i++) {
    const item = ordered(items[i]);
    if (item === items[i]) continue;
    copy ??= items.slice();
    copy[i] = item;
  }
  return copy ?? items;
}

function orderedMembers(record: Members): Members {
  const names = Object.keys(record);
  const members = names.map((name) => ordered(record[name]));
  let same = true;
  for (let i = 0; i < names.length; i++) {
    const name = names[i] as string;
    if (name === '__proto__') throw new FlowgridError('invalid-record', 'a member named __proto__ cannot be recorded');
    const afterLast = i === 0 || (names[i - 1] as string) < name;
    if (!afterLast || members[i] === undefined || members[i] !== record[name]) same = false;
  }
  if (same) return record;
  const kept = names.map((name, i) => [name, members[i]] as const).filter(([, member]) => member !== undefined);
  return Object.fromEntries(kept.sort(([a], [b]) => (a < b ? -1 : 1)));
}
