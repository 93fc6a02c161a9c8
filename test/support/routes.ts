import { readCaptureFile } from './capture-file';

/** Offsets in a descriptor (DESIGN.md section 6). */
const FLAGS = 24;
const FLOW_TYPE = 26;
const FLOW_ID = 28;
const COUNT = 40;
const LIST = 41;
const REVERSE = 0x10;
const PROCESSED = 0x80;

/** The nodes that a frame went through, in the order of its flow's forward direction. */
export interface Passage {
  readonly flow: number;
  readonly isReverse: boolean;
  /** When the frame entered, seconds since 1970. */
  readonly at: number;
  /** `cluster/node` for each place of the path. */
  readonly route: string;
}

/**
 * What an `--internal-out` file tells of each frame that reached the last node of its path: read by offsets alone, with
 * none of the code under test.
 */
export function passagesIn(internalOut: string): Passage[] {
  const passages: Passage[] = [];
  for (const { bytes, time } of readCaptureFile(internalOut).frames) {
    const descriptor = bytes.subarray(bytes.length - bytes[bytes.length - 1]!);
    if (descriptor.readUInt16BE(FLOW_TYPE) === 0) continue;
    const count = descriptor[COUNT]!;
    const places = Array.from({ length: count }, (_, i) => descriptor.subarray(LIST + 2 * i, LIST + 2 * i + 2));
    if (!places.every((place, i) => i === count - 1 || (place[1]! & PROCESSED) !== 0)) continue;
    const nodes = places.map((place) => `${place[0]}/${place[1]! & 0x7f}`);
    const isReverse = (descriptor[FLAGS]! & REVERSE) !== 0;
    const route = (isReverse ? nodes.reverse() : nodes).join(' ');
    passages.push({ flow: descriptor.readUInt32BE(FLOW_ID), isReverse, at: time, route });
  }
  return passages;
}

/**
 * Reverse frames that did not visit the nodes that their flow's forward frames visit, in reverse: judged against the
 * route in force when they entered, which is that of the forward frame before or, while a node is being replaced, that
 * of the one after.
 */
export function asymmetric(passages: readonly Passage[]): Passage[] {
  const flows = new Map<number, { forward: Passage[]; reverse: Passage[] }>();
  for (const passage of passages) {
    let flow = flows.get(passage.flow);
    if (flow === undefined) flows.set(passage.flow, (flow = { forward: [], reverse: [] }));
    (passage.isReverse ? flow.reverse : flow.forward).push(passage);
  }
  return [...flows.values()].flatMap(({ forward, reverse }) => {
    forward.sort((a, b) => a.at - b.at);
    return reverse.filter(({ at, route }) => {
      const after = forward.findIndex((passage) => passage.at > at);
      const near = [forward.at(after < 0 ? -1 : after - 1), forward[after < 0 ? forward.length - 1 : after]];
      return forward.length > 0 && !near.some((passage) => passage?.route === route);
    });
  });
}
