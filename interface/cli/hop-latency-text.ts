import type { HopLatency } from '../../projections';

/** What hops took, as a table; microseconds. */
export function hopLatencyText(hops: readonly (Omit<HopLatency, 'hop'> & { readonly hop: string })[]): string[] {
  if (hops.length === 0) return [];
  const width = Math.max(3, ...hops.map(({ hop }) => hop.length));
  const row = (cells: readonly (string | number)[]): string => cells.map((cell) => String(cell).padStart(11)).join('');
  return [
    `${'hop'.padEnd(width)}${row(['frames', 'unmatched', 'min', 'p50', 'p90', 'p99', 'max'])}  (us)`,
    ...hops.map(
      ({ hop, frames, unmatched, min, p50, p90, p99, max }) =>
        `${hop.padEnd(width)}${row([frames, unmatched, min, p50, p90, p99, max])}`,
    ),
  ];
}
