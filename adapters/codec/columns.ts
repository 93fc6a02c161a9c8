import { FlowgridError } from '../../domain/base/errors';
import type { ByteReader, ByteWriter } from './bytes';

/** One column: a value of each row, in order. `of` names the value. */
type Of<Row, Value> = (row: Row) => Value;

/** Counts, one varint each. */
export function writeCounts<Row>(out: ByteWriter, rows: readonly Row[], of: Of<Row, number>): void {
  for (const row of rows) out.varint(of(row));
}

export function readCounts(input: ByteReader, rows: number): number[] {
  const values = new Array<number>(rows);
  for (let i = 0; i < rows; i++) values[i] = input.varint();
  return values;
}

/** Integers that are near their predecessors, as differences: times, seqs, counters. */
export function writeDeltas<Row>(out: ByteWriter, rows: readonly Row[], of: Of<Row, number>): void {
  let last = 0;
  for (const row of rows) {
    const value = of(row);
    out.signed(value - last);
    last = value;
  }
}

export function readDeltas(input: ByteReader, rows: number): number[] {
  const values = new Array<number>(rows);
  let last = 0;
  for (let i = 0; i < rows; i++) values[i] = last += input.signed();
  return values;
}

/** 32-bit values without pattern, such as hashes: four bytes each. */
export function writeWords<Row>(out: ByteWriter, rows: readonly Row[], of: Of<Row, number>): void {
  for (const row of rows) out.u32(of(row));
}

export function readWords(input: ByteReader, rows: number): number[] {
  const values = new Array<number>(rows);
  for (let i = 0; i < rows; i++) values[i] = input.u32();
  return values;
}

/** One of a few words, as its place in `words`: append new words, never reorder them. */
export function writeWordsOf<Row, Word extends string>(
  out: ByteWriter,
  rows: readonly Row[],
  words: readonly Word[],
  of: Of<Row, Word>,
): void {
  for (const row of rows) out.varint(words.indexOf(of(row)));
}

export function readWordsOf<Word extends string>(input: ByteReader, rows: number, words: readonly Word[]): Word[] {
  const values = new Array<Word>(rows);
  for (let i = 0; i < rows; i++) values[i] = entry(words, input.varint());
  return values;
}

/** Texts that repeat, such as addresses: each is written once, rows name its place. */
export class TextDictionary {
  private readonly places = new Map<string, number>();

  /** The place of a text, which is added when it is new. */
  place(text: string): number {
    let place = this.places.get(text);
    if (place === undefined) this.places.set(text, (place = this.places.size));
    return place;
  }

  write(out: ByteWriter): void {
    out.varint(this.places.size);
    for (const text of this.places.keys()) out.text(text);
  }

  static read(input: ByteReader): string[] {
    return Array.from({ length: input.count() }, () => input.text());
  }
}

/** Lists of numbers that repeat, such as routes: each is written once, rows name its place. */
export class ListDictionary {
  private readonly lists: (readonly number[])[] = [];
  /** Hash of a list → place of the newest list with it; `older` leads on to the others. */
  private readonly newest = new Map<number, number>();
  private readonly older: number[] = [];

  place(list: readonly number[]): number {
    let hash = list.length;
    for (const value of list) hash = (Math.imul(hash, 0x01000193) ^ value) | 0;
    const candidate = this.newest.get(hash) ?? -1;
    for (let place = candidate; place >= 0; place = this.older[place] as number) {
      if (sameList(this.lists[place] as readonly number[], list)) return place;
    }
    this.older.push(candidate);
    this.newest.set(hash, this.lists.length);
    return this.lists.push(list) - 1;
  }

  write(out: ByteWriter): void {
    out.varint(this.lists.length);
    for (const list of this.lists) {
      out.varint(list.length);
      for (const value of list) out.varint(value);
    }
  }

  static read(input: ByteReader): (readonly number[])[] {
    return Array.from({ length: input.count() }, () => readCounts(input, input.count()));
  }
}

/** The dictionary entry at a place. */
export function entry<Value>(dictionary: readonly Value[], place: number): Value {
  if (place >= dictionary.length) throw new FlowgridError('invalid-record', `dictionary place ${place} is not taken`);
  return dictionary[place] as Value;
}

function sameList(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i]);
}
