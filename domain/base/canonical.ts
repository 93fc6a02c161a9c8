import { FlowgridError } from './errors';

/** Values with one canonical text: what state hashes are taken over. */
export type Canonical =
  null | boolean | number | string | readonly Canonical[] | { readonly [key: string]: Canonical | undefined };

/**
 * Canonical text of a value: JSON with sorted keys, integers only, `undefined` members left out. Two states are equal
 * if and only if their canonical texts are.
 *
 * @throws FlowgridError `internal` on a number that is no safe integer, so that no float slips into a hashed state.
 */
export function canonical(value: Canonical): string {
  if (typeof value === 'number') {
    if (!Number.isSafeInteger(value)) throw new FlowgridError('internal', `not canonical: ${value} is no safe integer`);
    return String(value);
  }
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  const record = value as { readonly [key: string]: Canonical | undefined };
  const members: string[] = [];
  for (const key of Object.keys(record).sort()) {
    const member = record[key];
    if (member !== undefined) members.push(`${JSON.stringify(key)}:${canonical(member)}`);
  }
  return `{${members.join(',')}}`;
}
