import type { Seq } from '../../../domain/base/ids';
import type { StoredCommit } from '../../../domain/seams/event-log';
import type { Outgoing } from './kafka-writer';

/** Records that a writer waits to read back. */
export interface Expectation {
  /** @throws FlowgridError `log-failed` when one of them does not come. */
  taken(): Promise<void>;
  forget(): void;
}

/**
 * Records of one transaction come in the order in which they were sent, and all or none: of each partition the last one
 * is looked out for, as often as it was sent, because an append may hold the same bytes twice.
 */
export class Expected {
  private readonly missing = new Map<string, { readonly last: Uint8Array; times: number }>();

  constructor(records: readonly Outgoing[]) {
    for (const { topic, partition, value } of records.toReversed()) {
      if (value === null) continue;
      const place = placeName(topic, partition);
      const known = this.missing.get(place);
      if (known === undefined) this.missing.set(place, { last: value, times: 1 });
      else if (Buffer.compare(known.last, value) === 0) known.times++;
    }
  }

  get isMet(): boolean {
    return this.missing.size === 0;
  }

  take(place: string, value: Uint8Array): void {
    const wanted = this.missing.get(place);
    if (wanted === undefined || Buffer.compare(wanted.last, value) !== 0) return;
    if (--wanted.times === 0) this.missing.delete(place);
  }
}

/** Which records of one append are accepted, from when it is staged on: both stand in the order of the log. */
export class Claim {
  readonly accepted: Seq[] = [];
  private next = 0;

  constructor(private readonly records: readonly Buffer[]) {}

  /** A commit was accepted, of whomever. */
  take({ seq, bytes }: StoredCommit): void {
    for (let at = this.next; at < this.records.length; at++) {
      if (!this.records[at]!.equals(bytes)) continue;
      this.accepted.push(seq);
      this.next = at + 1;
      return;
    }
  }
}

/** A partition's name among those that are read. */
export function placeName(topic: string, partition: number): string {
  return `${topic}/${partition}`;
}
