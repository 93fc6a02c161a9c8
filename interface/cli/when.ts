import { FlowgridError } from '../../domain/base/errors';
import type { When } from '../../projections/instant';

export type { When };

const UNIT_MS: { readonly [unit: string]: number } = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
/** Integers below this are positions in the log, from it on seconds since 1970 (that is, since September 2001). */
const FIRST_EPOCH_SECOND = 1_000_000_000;

/**
 * Reads `--at`, `--since` and `--until`: a position in the log (`42`), an ISO time (`2024-05-01T12:00:00Z`; without a
 * zone it is UTC), seconds since 1970 (`1714564800.25`), or an offset from the start of the log (`+12.5s`; units ms, s,
 * m, h, d).
 *
 * @throws FlowgridError `usage`.
 */
export function parseWhen(text: string): When {
  const offset = /^\+(\d+(?:\.\d+)?)(ms|s|m|h|d)?$/.exec(text);
  if (offset !== null) return { kind: 'offset', ms: Math.round(Number(offset[1]) * UNIT_MS[offset[2] ?? 's']!) };
  if (/^\d+$/.test(text) && Number(text) < FIRST_EPOCH_SECOND) return { kind: 'seq', seq: Number(text) };
  if (/^\d+(\.\d+)?$/.test(text)) return { kind: 'time', at: Math.round(Number(text) * 1_000) };
  const iso = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?(Z|[+-]\d\d:?\d\d)?$/.exec(text);
  const at = iso === null ? Number.NaN : Date.parse(inUtc(text, iso[1]));
  if (!Number.isNaN(at)) return { kind: 'time', at };
  throw new FlowgridError('usage', `'${text}' names no instant`, {
    remedy: 'give a position in the log (42), a time (2024-05-01T12:00:00Z or 1714564800.5) or an offset (+12.5s)',
  });
}

function inUtc(text: string, zone: string | undefined): string {
  const dated = text.replace(' ', 'T');
  return zone !== undefined || !dated.includes('T') ? dated : `${dated}Z`;
}

/** The text that {@link parseWhen} reads as `when`, for messages. */
export function formatWhen(when: When): string {
  switch (when.kind) {
    case 'seq':
      return String(when.seq);
    case 'time':
      return new Date(when.at).toISOString();
    case 'offset':
      return `+${when.ms / 1_000}s`;
  }
}
