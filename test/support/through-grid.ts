import { comparable, comparableOut, directionKey, readCaptureFile, synOf, type CapturedFrame } from './capture-file';

/** How what left a grid differs from what entered it. */
export interface Difference {
  /** Frames that entered and did not leave, by 0-based frame number. */
  readonly missing: number[];
  /** Frames that left and had not entered (or left twice), by 0-based number in the output. */
  readonly extra: number[];
  /** Flows and directions whose frames left in another order. */
  readonly reordered: string[];
  readonly entered: number;
  readonly left: number;
}

/**
 * Compares a capture with what left the grid that it was sent through, in the `--out` file or recorded at each network: as a
 * multiset, and in order per flow and direction.
 */
export function compareThroughGrid(capturePath: string, ...outPaths: readonly string[]): Difference {
  const entered = readCaptureFile(capturePath).frames;
  const left = outPaths.flatMap((path) => readCaptureFile(path).frames);
  const byContent = new Map<string, number[]>();
  entered.forEach((frame, index) => {
    const content = comparable(frame).toString('latin1');
    const indexes = byContent.get(content);
    if (indexes === undefined) byContent.set(content, [index]);
    else indexes.push(index);
  });
  const extra: number[] = [];
  const matched: number[] = [];
  left.forEach((frame, index) => {
    const original = take(byContent, frame, entered);
    if (original === undefined) extra.push(index);
    else matched.push(original);
  });
  const missing = [...byContent.values()].flat().sort((a, b) => a - b);
  return { missing, extra, reordered: reordered(entered, matched), entered: entered.length, left: left.length };
}

/** The earliest unmatched frame that entered with these bytes; link types may be mixed, so both readings are tried. */
function take(byContent: Map<string, number[]>, frame: CapturedFrame, entered: CapturedFrame[]): number | undefined {
  for (const linkType of [1, 0]) {
    const indexes = byContent.get(comparableOut(frame.bytes, linkType).toString('latin1'));
    const position = indexes?.findIndex((index) => (entered[index]!.linkType === 1) === (linkType === 1)) ?? -1;
    if (position >= 0) return indexes!.splice(position, 1)[0];
  }
  return undefined;
}

function reordered(entered: CapturedFrame[], matched: number[]): string[] {
  const keys = connectionKeys(entered);
  const newest = new Map<string, number>();
  const wrong = new Set<string>();
  for (const index of matched) {
    const key = keys[index]!;
    if ((newest.get(key) ?? -1) > index) wrong.add(key);
    else newest.set(key, index);
  }
  return [...wrong];
}

/** For each frame its flow and direction: a SYN with another sequence number begins another connection on its 5-tuple. */
function connectionKeys(entered: CapturedFrame[]): string[] {
  const opened = new Map<string, { syn: number; count: number }>();
  return entered.map((frame) => {
    const packet = comparable(frame);
    const key = directionKey(packet, frame.linkType);
    const syn = synOf(packet, frame.linkType);
    const known = opened.get(key);
    if (syn !== undefined && known?.syn !== syn) opened.set(key, { syn, count: (known?.count ?? 0) + 1 });
    return `${key} connection ${opened.get(key)?.count ?? 0}`;
  });
}
