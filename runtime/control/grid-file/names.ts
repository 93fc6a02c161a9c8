import type { Reader, Value } from './reader';

const NONE: ReadonlySet<number> = new Set();

/** IDs by name, for one kind of thing (`cluster`, `network` …). */
export class Names {
  private readonly ids = new Map<string, number>();
  private readonly taken = new Map<number, string>();

  constructor(
    private readonly reader: Reader,
    readonly kind: string,
  ) {}

  /** Gives a name its ID; a taken ID is a problem. */
  define(name: string, id: number, at: Value): void {
    const holder = this.taken.get(id);
    if (holder !== undefined) {
      this.reader.problem(at, `${this.kind} ${name} has ID ${id}, which ${holder} has already`, 'give it another ID');
    }
    this.ids.set(name, id);
    this.taken.set(id, name);
  }

  /** The ID of a name; an unknown one is a problem, and 0. */
  id(value: Value, what: string): number {
    const name = this.reader.text(value, what);
    const id = this.ids.get(name);
    if (id !== undefined || name === '') return id ?? 0;
    this.reader.problem(value, `there is no ${this.kind} ${name}`, `known are ${[...this.ids.keys()].join(', ')}`);
    return 0;
  }

  /** The IDs of a list of names. */
  idsOf(value: Value, what: string): number[] {
    return this.reader.items(value).map((item) => this.id(item, what));
  }

  find(name: string): number | undefined {
    return this.ids.get(name);
  }

  nameOf(id: number): string {
    return this.taken.get(id) ?? String(id);
  }

  /**
   * The lowest ID from 1 that nothing has: for things whose ID the file does not give.
   *
   * @param kept IDs that are not given either
   */
  nextFree(kept: ReadonlySet<number> = NONE): number {
    let id = 1;
    while (this.taken.has(id) || kept.has(id)) id++;
    return id;
  }
}
