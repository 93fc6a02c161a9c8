/** Values by number, as parts of a state keep them: immutable, and iterated in order of the numbers. */
export interface Entries<Value> {
  readonly [id: number]: Value;
}

/**
 * The entries with one more, or one exchanged. Copied and then assigned, because a literal with a computed name costs
 * twice as much, and this is what a fold does for nearly every event.
 */
export function withEntry<Value>(entries: Entries<Value>, id: number, value: Value): Entries<Value> {
  const copy: { [id: number]: Value } = { ...entries };
  copy[id] = value;
  return copy;
}

/** The entries without one of them. */
export function withoutEntry<Value>(entries: Entries<Value>, id: number): Entries<Value> {
  const { [id]: _gone, ...others } = entries;
  return others;
}
