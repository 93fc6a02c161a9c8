import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument, type Document, type Node } from 'yaml';

/** Something wrong in a grid file: where, what, and what the reader can do. Lines and columns count from 1. */
export interface Problem {
  readonly line: number;
  readonly column: number;
  readonly what: string;
  readonly remedy: string;
}

/** A node of the file, or its absence. */
export type Value = Node | null | undefined;

/** One `name: value` of a section. */
export interface Named {
  readonly name: string;
  readonly key: Value;
  readonly value: Value;
}

/** The members of a map that may hold the given names only. */
export type Members<Name extends string> = { readonly [Member in Name]: Value } & { readonly at: Value };

/**
 * Reads YAML by asking for what should be there. Every disappointment is a problem with its place, and reading goes on
 * with a harmless value, so that one run finds all of them.
 */
export class Reader {
  readonly problems: Problem[] = [];
  private readonly lines = new LineCounter();
  private readonly document: Document;
  /** False: not YAML. What else seems wrong with such a text follows from that, and is not told. */
  private readonly isYaml: boolean;

  constructor(text: string) {
    this.document = parseDocument(text, { lineCounter: this.lines, prettyErrors: false, uniqueKeys: true });
    this.isYaml = this.document.errors.every(({ code }) => code === 'DUPLICATE_KEY');
    for (const error of this.document.errors) {
      const { line, col } = this.lines.linePos(error.pos[0]);
      const isTwice = error.code === 'DUPLICATE_KEY';
      const remedy = isTwice ? 'give each thing a name of its own' : 'correct the YAML';
      this.problems.push({ line, column: col, what: isTwice ? 'this name is given twice' : error.message, remedy });
    }
  }

  get root(): Value {
    return this.document.contents;
  }

  problem(at: Value, what: string, remedy: string): void {
    if (!this.isYaml) return;
    this.problems.push({ ...this.position(at), what, remedy });
  }

  /** Where something stands, as `line:column`: for problems that are about two places. */
  place(at: Value): string {
    const { line, column } = this.position(at);
    return `${line}:${column}`;
  }

  /** The members of a map; unknown ones are problems. */
  members<Name extends string>(value: Value, what: string, names: readonly Name[]): Members<Name> {
    const members: { [name: string]: Value } = { at: value };
    for (const { name, key, value: member } of this.named(value, what)) {
      if ((names as readonly string[]).includes(name)) members[name] = member;
      else this.problem(key, `${what} has no "${name}"`, `known are ${names.join(', ')}`);
    }
    return members as Members<Name>;
  }

  /** The entries of a map, in order; none if the value is absent. */
  named(value: Value, what: string): Named[] {
    const node = this.resolve(value);
    if (isAbsent(node)) return [];
    if (!isMap(node)) {
      this.problem(value, `${what} must be a map`, 'write "name: value", one a line');
      return [];
    }
    return node.items.map((pair) => {
      const key = pair.key as Node;
      return { name: isScalar(key) ? String(key.value) : '', key, value: pair.value as Value };
    });
  }

  /** The items of a list; a single value counts as a list of one, an absent one as none. */
  items(value: Value): Value[] {
    const node = this.resolve(value);
    if (isAbsent(node)) return [];
    return isSeq(node) ? (node.items as Value[]) : [node];
  }

  text(value: Value, what: string, fallback?: string): string {
    const node = this.resolve(value);
    if (isAbsent(node) && fallback !== undefined) return fallback;
    if (isScalar(node) && (typeof node.value === 'string' || typeof node.value === 'number') && node.value !== '') {
      return String(node.value);
    }
    this.problem(value, `${what} must be a text`, 'write a name');
    return fallback ?? '';
  }

  integer(value: Value, what: string, range: readonly [number, number], fallback?: number): number {
    const node = this.resolve(value);
    if (isAbsent(node) && fallback !== undefined) return fallback;
    const [least, most] = range;
    const number = isScalar(node) ? node.value : undefined;
    if (typeof number === 'number' && Number.isInteger(number) && number >= least && number <= most) return number;
    this.problem(value, `${what} must be an integer from ${least} to ${most}`, 'correct the number');
    return fallback ?? least;
  }

  flag(value: Value, what: string, fallback: boolean): boolean {
    const node = this.resolve(value);
    if (isAbsent(node)) return fallback;
    if (isScalar(node) && typeof node.value === 'boolean') return node.value;
    this.problem(value, `${what} must be true or false`, 'write true or false');
    return fallback;
  }

  choice<Option extends string>(value: Value, what: string, options: readonly Option[], fallback: Option): Option {
    const node = this.resolve(value);
    if (isAbsent(node)) return fallback;
    const found = isScalar(node) ? options.find((option) => option === node.value) : undefined;
    if (found !== undefined) return found;
    this.problem(value, `${what} must be one of ${options.join(', ')}`, `write one of ${options.join(', ')}`);
    return fallback;
  }

  isMap(value: Value): boolean {
    return isMap(this.resolve(value));
  }

  isAbsent(value: Value): boolean {
    return isAbsent(this.resolve(value));
  }

  /** A value as plain data (maps, lists, scalars), aliases resolved. */
  plain(value: Value): unknown {
    const node = this.resolve(value);
    return isAbsent(node) ? undefined : (node as Node).toJS(this.document);
  }

  private position(at: Value): Pick<Problem, 'line' | 'column'> {
    const { line, col } = this.lines.linePos(at?.range?.[0] ?? 0);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  }

  private resolve(value: Value): Value {
    return isAlias(value) ? value.resolve(this.document) : value;
  }
}

/** Not written, or written as nothing. */
function isAbsent(value: Value): boolean {
  return value === undefined || value === null || (isScalar(value) && value.value === null);
}
