import type { FlowEvent, FlowStarted } from '../../domain/flow/events';
import { LINK_ETHERNET } from '../../dataplane/packet-ports/capture/link-types';
import { PcapngWriter } from '../../dataplane/packet-ports/capture/pcapng-writer';
import { readCaptureFile } from './capture-file';
import { answer, question } from './datagrams';

/** Milliseconds between two frames of one side of a conversation. */
export const STEP_MS = 50;
const UDP = 17;
const CLIENT_PORT = 4000;
/** Where in a frame its flow's number stands. */
const PAYLOAD = 42;
const QUESTIONS = 60;
/** A server is silent for so long: its first answer is later than any takeover, so that it never precedes what it answers. */
const SILENT_STEPS = 20;
/** Steps after which the next conversation begins. */
const APART_STEPS = 3;

/**
 * Writes a capture of conversations that begin one after another, all through it: a question each step, and after a while as
 * many answers. All frames are different.
 */
export function writeConversations(path: string, flows: readonly number[]): void {
  const frames = flows.flatMap((flow, i) => {
    const began = i * APART_STEPS;
    const asked = Array.from({ length: QUESTIONS }, (_, n) => question(flow, n));
    return asked.flatMap((frame, n) => [
      { step: began + n, frame },
      ...(n < SILENT_STEPS ? [] : [{ step: began + n + 0.5, frame: answer(asked[n - SILENT_STEPS]!) }]),
    ]);
  });
  const writer = new PcapngWriter(path, { interfaces: [{ name: 'conversations', linkType: LINK_ETHERNET }] });
  for (const { step, frame } of frames.sort((one, other) => one.step - other.step)) {
    writer.write(0, 1_700_000_000_000_000 + step * STEP_MS * 1000, 0, frame, 0, frame.length);
  }
  writer.close();
}

/** The connection of a conversation, as commands of the program name it. */
export function connectionOf(flow: number): readonly string[] {
  return ['udp', `10.0.${flow >>> 8}.${flow & 0xff}:4000`, '172.16.0.1:53'];
}

/** The conversation whose start an event tells. */
export function flowOf({ key }: FlowStarted): number {
  const client = key.proto === UDP && key.aPort === CLIENT_PORT ? key.a : key.b;
  const [, , high, low] = client.split('.').map(Number);
  return (high! << 8) | low!;
}

/** Whether an event tells the start of one of these conversations. */
export function startsOf(flows: readonly number[]): (event: FlowEvent) => event is FlowStarted {
  return (event): event is FlowStarted => event.type === 'FlowStarted' && flows.includes(flowOf(event));
}

/** The longest time between two frames of each conversation that left at the same side, milliseconds. */
export function longestGaps(files: readonly string[]): Map<number, number> {
  const gaps = new Map<number, number>();
  for (const file of files) {
    const before = new Map<number, number>();
    for (const { time, bytes } of readCaptureFile(file).frames) {
      const flow = bytes.readUInt32BE(PAYLOAD);
      const gap = 1000 * (time - (before.get(flow) ?? time));
      before.set(flow, time);
      gaps.set(flow, Math.max(gaps.get(flow) ?? 0, gap));
    }
  }
  return gaps;
}
