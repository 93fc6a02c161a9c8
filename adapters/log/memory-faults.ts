import type { Prng } from '../../domain/base/prng';
import { FlowgridError } from '../../domain/base/errors';

/**
 * How an append may fail, each with an unknown outcome for its caller:
 * - `refused`: nothing was written;
 * - `torn`: a first part of the records was written;
 * - `unanswered`: everything was written, the answer was lost;
 * - `late`: nothing is written yet, the records arrive just before the next append's.
 */
export type MemoryFault = 'refused' | 'torn' | 'unanswered' | 'late';

const FAULTS: readonly MemoryFault[] = ['refused', 'torn', 'unanswered', 'late'];

/** Seeded faults. */
export interface MemoryFaults {
  /** Decides when and how; one draw or two per append. */
  readonly prng: Prng;
  /** Share of appends that fail, 0–1. */
  readonly rate: number;
  /** The faults to draw from; default all. */
  readonly kinds?: readonly MemoryFault[];
}

/** The fault of the next append, if it has one. */
export function drawFault(faults: MemoryFaults): MemoryFault | undefined {
  const kinds = faults.kinds ?? FAULTS;
  return faults.prng.unit() < faults.rate ? kinds[faults.prng.below(kinds.length)] : undefined;
}

/** Writes of `records` what `fault` lets through. */
export function applyFault(
  fault: MemoryFault,
  store: { readonly records: Uint8Array[]; readonly late: Uint8Array[] },
  records: readonly Uint8Array[],
): void {
  if (fault === 'unanswered') store.records.push(...records);
  if (fault === 'torn') store.records.push(...records.slice(0, records.length >> 1));
  if (fault === 'late') store.late.push(...records);
}

/** What the caller of a failed append gets to know. */
export function outcomeUnknown(fault: MemoryFault): FlowgridError {
  return new FlowgridError('log-failed', `memory log: append failed by an injected fault (${fault})`, {
    remedy: 'read to the end and retry the same command ids',
    canRetry: true,
  });
}
