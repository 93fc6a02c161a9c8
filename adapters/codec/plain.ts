/**
 * Reads MessagePack as `pack` writes it: numbers, ASCII texts, bytes, arrays, objects with named members. Records are
 * read in the order of their layout, without building what is not asked for, and names that came before are not made
 * again; that is several times as fast as a reader of everything. What is anything else, or damaged, is left to that
 * one, so that there is one opinion on what can be read.
 */

// The bytes being read and the place in them. They are variables of the module, because a record is read in one go and
// an object for each would cost a good part of reading it. Beyond the end, bytes read as nothing: `readPlain` compares
// the place with the end when all is read.
let source = new Uint8Array(0);
let at = 0;
/** The memory of which `source` is a part: texts are cut out of it. */
let memory = Buffer.alloc(0);

/** Longer texts hardly come again. */
const WORD_MAX = 64;
/** The texts that came last, by a hash of their bytes, and these bytes, each word's at a place of its own. */
const words: string[] = Array.from({ length: 2048 }, () => '');
const wordBytes = new Uint8Array(words.length * WORD_MAX);

const double = new DataView(new ArrayBuffer(8));

const NOT_PLAIN = new Error('not plain');

/**
 * What `layout` reads from the bytes, with the functions below. Byte arrays in it are views into `bytes`.
 *
 * @returns undefined when the bytes are not plain, not laid out like this or not used up: the general reader shall say
 *   what they are.
 */
export function readPlain<Value>(bytes: Uint8Array, layout: () => Value): Value | undefined {
  source = bytes as Uint8Array<ArrayBuffer>;
  at = 0;
  if (memory.buffer !== bytes.buffer) memory = Buffer.from(bytes.buffer as ArrayBuffer);
  try {
    const value = layout();
    return at === bytes.length ? value : undefined;
  } catch {
    // Not plain, or so deep that the stack ended: either way it is the general reader's business.
    return undefined;
  }
}

/** Ends the reading: this is not what the layout expects. */
export function notPlain(): never {
  throw NOT_PLAIN;
}

/** The number of items of an array, which are to be read next. */
export function readLength(): number {
  const tag = byte();
  return withRoom(tag >= 0x90 && tag < 0xa0 ? tag & 0x0f : tag === 0xdc ? uint16() : tag === 0xdd ? uint32() : -1);
}

/** An integer from 0 to 2^53 − 1. */
export function readCount(): number {
  const tag = byte();
  if (tag < 0x80) return tag;
  const value = readNumber(tag);
  return value !== undefined && value >= 0 && Number.isSafeInteger(value) ? value : notPlain();
}

/** So many bytes, as hex digits. */
export function readHex(length: number): string {
  if (byte() !== 0xc4 || byte() !== length) notPlain();
  const begin = source.byteOffset + skip(length);
  return memory.toString('hex', begin, begin + length);
}

export function readText(): string {
  return text(textLength(byte()));
}

/** Any value. */
export function readValue(): unknown {
  const tag = byte();
  if (tag < 0x80) return tag;
  if (tag < 0x90) return readMembers(tag & 0x0f);
  if (tag < 0xa0) return readItems(tag & 0x0f);
  if (tag < 0xc0) return text(tag & 0x1f);
  switch (tag) {
    case 0xc0:
      return null;
    case 0xc2:
      return false;
    case 0xc3:
      return true;
    case 0xc4:
      return readBytes(byte());
    case 0xc5:
      return readBytes(uint16());
    case 0xc6:
      return readBytes(uint32());
    case 0xd9:
    case 0xda:
    case 0xdb:
      return text(textLength(tag));
    case 0xdc:
      return readItems(uint16());
    case 0xdd:
      return readItems(uint32());
    case 0xde:
      return readMembers(uint16());
    case 0xdf:
      return readMembers(uint32());
    default:
      return readNumber(tag) ?? notPlain();
  }
}

/** Passes over any value that {@link readValue} reads, without making it; texts may be of any characters. */
export function skipValue(): void {
  const tag = byte();
  if (tag < 0x80 || tag === 0xc0 || tag === 0xc2 || tag === 0xc3) return;
  if (tag < 0x90) skipMembers(tag & 0x0f);
  else if (tag < 0xa0) skipItems(tag & 0x0f);
  else if (tag < 0xc0 || (tag >= 0xd9 && tag <= 0xdb)) skip(textLength(tag));
  else if (tag >= 0xc4 && tag <= 0xc6) skip(tag === 0xc4 ? byte() : tag === 0xc5 ? uint16() : uint32());
  else if (tag === 0xdc || tag === 0xdd) skipItems(tag === 0xdc ? uint16() : uint32());
  else if (tag === 0xde || tag === 0xdf) skipMembers(tag === 0xde ? uint16() : uint32());
  else if (readNumber(tag) === undefined) notPlain();
}

/** Passes over a text, of any characters. */
export function skipText(): void {
  skip(textLength(byte()));
}

/** Passes over so many bytes; returns where they begin. */
function skip(length: number): number {
  const begin = at;
  at += withRoom(length);
  return begin;
}

function byte(): number {
  return source[at++] as number;
}

function uint16(): number {
  at += 2;
  return ((source[at - 2] as number) << 8) | (source[at - 1] as number);
}

function int32(): number {
  at += 4;
  const high = ((source[at - 4] as number) << 24) | ((source[at - 3] as number) << 16);
  return high | ((source[at - 2] as number) << 8) | (source[at - 1] as number);
}

function uint32(): number {
  return int32() >>> 0;
}

/** The number that begins with `tag`, or undefined when none does. */
function readNumber(tag: number): number | undefined {
  if (tag >= 0xe0) return tag - 0x100;
  switch (tag) {
    case 0xcb:
      double.setInt32(0, int32());
      double.setInt32(4, int32());
      return double.getFloat64(0);
    case 0xcc:
      return byte();
    case 0xcd:
      return uint16();
    case 0xce:
      return uint32();
    case 0xd0:
      return (byte() << 24) >> 24;
    case 0xd1:
      return (uint16() << 16) >> 16;
    case 0xd2:
      return int32();
    default:
      return undefined;
  }
}

function readBytes(length: number): Uint8Array {
  const begin = skip(length);
  return source.subarray(begin, at);
}

function readItems(count: number): unknown[] {
  withRoom(count);
  const items: unknown[] = [];
  for (let i = 0; i < count; i++) items.push(readValue());
  return items;
}

function readMembers(count: number): { [name: string]: unknown } {
  withRoom(count);
  const members: { [name: string]: unknown } = {};
  for (let i = 0; i < count; i++) {
    const name = readText();
    if (name === '__proto__') notPlain();
    members[name] = readValue();
  }
  return members;
}

function skipItems(count: number): void {
  withRoom(count);
  for (let i = 0; i < count; i++) skipValue();
}

function skipMembers(count: number): void {
  withRoom(count);
  for (let i = 0; i < count; i++) {
    skipText();
    skipValue();
  }
}

/** The count again, if there are as many bytes left: bounds what damaged bytes can ask for. */
function withRoom(count: number): number {
  return count >= 0 && count <= source.length - at ? count : notPlain();
}

/** The length in bytes of the text that begins with `tag`. */
function textLength(tag: number): number {
  if (tag >= 0xa0 && tag < 0xc0) return tag & 0x1f;
  return tag === 0xd9 ? byte() : tag === 0xda ? uint16() : tag === 0xdb ? uint32() : notPlain();
}

function text(length: number): string {
  withRoom(length);
  if (length === 0) return '';
  if (length > WORD_MAX) return newText(length);
  const place = wordPlace(length);
  const word = words[place] as string;
  if (word.length !== length || !isNext(place, length)) return newWord(place, length);
  at += length;
  return word;
}

/** Where a text of this length that comes next is among the words, if it came before. */
function wordPlace(length: number): number {
  const first = source[at] as number;
  const middle = source[at + (length >> 1)] as number;
  const late = source[at + length - 1 - (length >> 2)] as number;
  const last = source[at + length - 1] as number;
  const hash = Math.imul(first | (middle << 8) | (late << 16) | (last << 24), 0x9e3779b1);
  return (hash >>> 21) ^ length;
}

function isNext(place: number, length: number): boolean {
  for (let i = 0, j = place * WORD_MAX; i < length; i++, j++) if (wordBytes[j] !== source[at + i]) return false;
  return true;
}

function newWord(place: number, length: number): string {
  for (let i = 0, j = place * WORD_MAX; i < length; i++, j++) wordBytes[j] = source[at + i] as number;
  return (words[place] = newText(length));
}

function newText(length: number): string {
  const begin = at;
  at += length;
  let bits = 0;
  for (let i = begin; i < at; i++) bits |= source[i] as number;
  if (bits >= 0x80) notPlain();
  return memory.toString('latin1', source.byteOffset + begin, source.byteOffset + at);
}
