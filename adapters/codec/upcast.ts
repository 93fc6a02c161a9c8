import type { Commit, CommittedEvent } from '../../domain/log/commit';
import { FlowgridError } from '../../domain/base/errors';

/** Lifts the data of one event type from version `from` to `from + 1`. Pure; written once, kept for ever. */
export interface Upcaster {
  readonly type: string;
  readonly from: number;
  up(data: unknown): unknown;
}

/** Lifts recorded events to the shapes that this program knows. */
export interface Upcasters {
  /** @throws FlowgridError `unsupported` for a type or version that this program does not know yet. */
  event(event: CommittedEvent): CommittedEvent;
  /** The commit with its events lifted; the same object when nothing is old. */
  commit(commit: Commit): Commit;
}

/**
 * A registry of upcasters. Old records stay readable for ever: for a type at version n there must be exactly one
 * upcaster from each of 1 … n − 1.
 *
 * @param current the version of each event type that this program writes.
 * @throws FlowgridError `internal` naming the first gap, double or stray upcaster.
 */
export function createUpcasters(
  current: { readonly [type: string]: number },
  upcasters: readonly Upcaster[],
): Upcasters {
  const steps = new Map(upcasters.map((upcaster) => [stepName(upcaster.type, upcaster.from), upcaster]));
  assertGapFree(current, upcasters, steps);

  const lift = (event: CommittedEvent): CommittedEvent => {
    const newest = Object.hasOwn(current, event.type) ? current[event.type] : undefined;
    if (newest === undefined || event.v > newest || event.v < 1) throw unknownEvent(event, newest);
    if (event.v === newest) return event;
    let { data } = event;
    for (let v = event.v; v < newest; v++) data = (steps.get(stepName(event.type, v)) as Upcaster).up(data);
    return { type: event.type, v: newest, data };
  };
  return {
    event: lift,
    commit(commit) {
      const events = commit.events.map(lift);
      return events.every((event, i) => event === commit.events[i]) ? commit : { ...commit, events };
    },
  };
}

function assertGapFree(
  current: { readonly [type: string]: number },
  upcasters: readonly Upcaster[],
  steps: ReadonlyMap<string, Upcaster>,
): void {
  if (steps.size !== upcasters.length) throw new FlowgridError('internal', 'two upcasters lift the same version');
  for (const { type, from } of upcasters) {
    if (from < 1 || from >= (current[type] ?? 0)) {
      throw new FlowgridError('internal', `an upcaster for ${stepName(type, from)} leads nowhere`);
    }
  }
  for (const [type, newest] of Object.entries(current)) {
    for (let v = 1; v < newest; v++) {
      if (!steps.has(stepName(type, v))) throw new FlowgridError('internal', `no upcaster for ${stepName(type, v)}`);
    }
  }
}

function stepName(type: string, from: number): string {
  return `${type} v${from}`;
}

function unknownEvent(event: CommittedEvent, newest: number | undefined): FlowgridError {
  const known = newest === undefined ? 'does not know this type' : `knows it up to v${newest}`;
  return new FlowgridError('unsupported', `event ${stepName(event.type, event.v)}: this program ${known}`, {
    remedy: 'read this log with the release that wrote it, or a later one',
  });
}
