import { temporal } from '@temporalio/proto';

const { History } = temporal.api.history.v1;
export type History = temporal.api.history.v1.IHistory;

/**
 * A history as text, and back: JSON in the places of the protocol's messages. The client's own reading of JSON depends on
 * how its packages happen to be installed.
 */
export function historyText(history: History): string {
  const plain = History.toObject(History.fromObject(history), { enums: String, longs: String, bytes: String });
  return `${JSON.stringify(plain, withoutPlaces, 1)}\n`;
}

export function historyFrom(text: string): History {
  return History.fromObject(JSON.parse(text) as object);
}

/** Which process of which machine ran a step, and from which files, is nobody's business later. */
function withoutPlaces(key: string, value: unknown): unknown {
  if (key === 'identity') return 'recorder';
  if (key === 'stackTrace') return '';
  return typeof value === 'string' ? value.replace(/\b\d+@[\w.-]+/g, 'recorder') : value;
}
