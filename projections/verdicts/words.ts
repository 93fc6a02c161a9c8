/** The eight properties that must always hold (docs/spec.md, invariants), in their order. */
export const INVARIANTS = [
  'affinity',
  'pinnedTopology',
  'oneEmitter',
  'conservation',
  'isolation',
  'transparency',
  'replay',
  'durability',
] as const;

export type InvariantName = (typeof INVARIANTS)[number];

/** What is said about one invariant: never more than was observed. */
export type Verdict = 'held' | 'not observed' | `broken: ${string}`;

export type Verdicts = { readonly [name in InvariantName]: Verdict };

/** Whether at least one invariant was seen broken. */
export function anyBroken(verdicts: Verdicts): boolean {
  return INVARIANTS.some((name) => verdicts[name].startsWith('broken'));
}

/** Collects what is observed about one invariant: whether anything was, the first violation, and how many there were. */
export class Judge {
  private seen = 0;
  private violations = 0;
  private first = '';

  /** Something was looked at that could have broken the invariant. */
  observed(): void {
    this.seen++;
  }

  /** The invariant does not hold; `what` names frame, flow and nodes. */
  broken(what: string): void {
    this.seen++;
    if (this.violations++ === 0) this.first = what;
  }

  /** The same observations, to which more can be added without touching these. */
  copy(): Judge {
    return Object.assign(new Judge(), this);
  }

  verdict(): Verdict {
    if (this.violations > 1) return `broken: ${this.first} (and ${this.violations - 1} more)`;
    if (this.violations === 1) return `broken: ${this.first}`;
    return this.seen > 0 ? 'held' : 'not observed';
  }
}
