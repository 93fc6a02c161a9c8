/** A word of a filter and the column (from 1) where it begins; the last token of a filter is the empty word. */
export interface Token {
  readonly word: string;
  readonly column: number;
}

/** Parentheses, operators, and runs of anything else but blanks; letters in lower case. */
const WORDS = /\(|\)|&&|\|\||!|(?:(?!&&|\|\|)[^\s()!])+/g;

/** Cuts a filter into words. */
export function lexFilter(text: string): readonly Token[] {
  const tokens = Array.from(text.matchAll(WORDS), ({ 0: word, index }) => ({
    word: word.toLowerCase(),
    column: index + 1,
  }));
  return [...tokens, { word: '', column: text.length + 1 }];
}
