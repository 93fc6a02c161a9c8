import { createHash } from 'node:crypto';
import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises';
import type { Arena } from '../../../dataplane/frames/arena';
import { S_LEN, S_OFF } from '../../../dataplane/frames/layout';
import { LINK_ETHERNET } from '../../../dataplane/packet-ports/capture/link-types';
import { PcapngWriter } from '../../../dataplane/packet-ports/capture/pcapng-writer';
import { OnePeer } from '../../../dataplane/packet-ports/udp/peers';
import { EXIT, type Io, type RecordOptions } from '../../../interface/cli/programs';
import { realTime } from '../agent/real-time';
import { openAlone, type AlonePort } from './port-memory';
import { isOver, Recording, type RecordingEnd } from './recording';

/** The file's one interface. */
const RECORDED = { name: 'recorded', linkType: LINK_ETHERNET };
const BATCH = 64;
const WAIT_MS = 1;

/** What was recorded, as `--json` prints it. */
interface RecordReport {
  readonly frames: number;
  readonly bytes: number;
  readonly seconds: number;
  readonly duplicates: number;
  readonly longestGapMs: number;
  /** Microseconds since 1970. */
  readonly longestGapAt: number;
  readonly dropped: { readonly [reason: string]: number };
}

/**
 * `flowgrid record`: takes the frames that arrive at a UDP port, keeps them in a file, and says how long the longest
 * silence between two of them was and how many came twice. Ends when asked to, or after a silence. Exit 0.
 *
 * @throws FlowgridError `usage` when the port or the file cannot be had.
 */
export async function record(options: RecordOptions, io: Io): Promise<number> {
  const from = await openAlone(options.from, new OnePeer(options.from));
  try {
    const writer = options.file === undefined ? undefined : new PcapngWriter(options.file, { interfaces: [RECORDED] });
    try {
      if (!options.json) io.err(`recording what arrives at UDP port ${from.port.local.port}`);
      const recording = await take(from, writer, options, io.interrupted);
      const report = reportOf(recording, from.port.statistics().dropped);
      io.out(options.json ? JSON.stringify(report) : recordText(report));
      return EXIT.ok;
    } finally {
      writer?.close();
    }
  } finally {
    await from.port.close();
  }
}

/** Takes frames until it is over. */
async function take(
  { arena, slots, port }: AlonePort,
  writer: PcapngWriter | undefined,
  end: RecordingEnd,
  interrupted: AbortSignal,
): Promise<Recording> {
  const { micros } = realTime();
  const recording = new Recording();
  const list = arena.allocate(4 * BATCH);
  const began = micros();
  for (let now = began; !interrupted.aborted && !isOver(end, recording, began, now);) {
    await delay(WAIT_MS);
    // Sockets are read between timers and this: what came while this process got no turn is no silence.
    await turn();
    now = micros();
    for (let n = BATCH; n === BATCH;) {
      n = port.receive(list, BATCH);
      for (let i = 0; i < n; i++) {
        const slot = arena.u32[(list >>> 2) + i]!;
        const bytes = frameOf(arena, arena.slot(slot));
        recording.add(now, createHash('md5').update(bytes).digest('base64'), bytes.length);
        writer?.write(0, now, 0, bytes, 0, bytes.length);
        slots.free(slot);
      }
    }
  }
  return recording;
}

/** The frame in the slot at `address`; valid until the slot is freed. */
function frameOf({ u8, u32 }: Arena, address: number): Uint8Array {
  const start = address + u32[(address + S_OFF) >>> 2]!;
  return u8.subarray(start, start + u32[(address + S_LEN) >>> 2]!);
}

function reportOf(recording: Recording, dropped: RecordReport['dropped']): RecordReport {
  const { frames, bytes, duplicates, firstAt, lastAt, longestGapUs, longestGapAt } = recording;
  const seconds = (lastAt - firstAt) / 1e6;
  return { frames, bytes, seconds, duplicates, longestGapMs: longestGapUs / 1000, longestGapAt, dropped };
}

function recordText({ frames, bytes, seconds, duplicates, longestGapMs, dropped }: RecordReport): string {
  const lost = Object.entries(dropped).map(([why, n]) => `, ${n} ${why}`);
  return (
    `${frames} frames, ${bytes} bytes in ${seconds.toFixed(1)} s; longest gap ${longestGapMs.toFixed(1)} ms; ` +
    `${duplicates} came twice${lost.join('')}`
  );
}
