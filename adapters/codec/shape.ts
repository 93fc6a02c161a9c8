/** Says whether untrusted data has a shape; what it lets through is what its type says. */
export type Shape<Value> = (value: unknown) => value is Value;

/** The type that a shape stands for. */
export type Shaped<Of> = Of extends Shape<infer Value> ? Value : never;

/** An integer from 0 on, exact. */
export const isCount: Shape<number> = (value): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

export const isFlag: Shape<boolean> = (value): value is boolean => typeof value === 'boolean';

/** A string of bounded length. */
export function isText(lengthMax: number): Shape<string> {
  return (value): value is string => typeof value === 'string' && value.length <= lengthMax;
}

/** Bytes of bounded number. */
export function isBytes(lengthMax: number): Shape<Uint8Array> {
  return (value): value is Uint8Array => ArrayBuffer.isView(value) && value.byteLength <= lengthMax;
}

/** One of some words. */
export function isOneOf<Word extends string>(...words: readonly Word[]): Shape<Word> {
  return (value): value is Word => words.includes(value as Word);
}

/** A list of bounded length, every item of one shape. */
export function isListOf<Item>(isItem: Shape<Item>, lengthMax: number): Shape<readonly Item[]> {
  return (value): value is readonly Item[] =>
    Array.isArray(value) && value.length <= lengthMax && value.every((item) => isItem(item));
}

/** An object with at least these members, of these shapes; others are let be. */
export function isRecordOf<Members>(members: {
  readonly [Name in keyof Members]: Shape<Members[Name]>;
}): Shape<Members> {
  const shapes = Object.entries(members) as [string, Shape<unknown>][];
  return (value): value is Members => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
    const record = value as { readonly [name: string]: unknown };
    return shapes.every(([name, hasShape]) => Object.hasOwn(record, name) && hasShape(record[name]));
  };
}
