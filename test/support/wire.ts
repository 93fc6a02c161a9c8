import { nodeRef, type Micros } from '../../domain/base/ids';
import type { Topology } from '../../domain/topology/topology';
import { InlineHost } from '../../runtime/agent/inline-host';
import { comparable, directionKey, synOf, type CapturedFrame } from './capture-file';
import { published } from './topologies';

const ETHERNET = 1;
const LINUX_COOKED = 113;
const LINUX_COOKED_2 = 276;
const START: Micros = 1_700_000_000_000_000;
/** What a grid may carry, by length alone: an Ethernet header and more, and what a frame slot takes. */
export const FRAME_MIN_CARRIED = 14;
export const FRAME_MAX_CARRIED = 16_384;
/** Frames that one side sends before the grid comes to rest, at most. */
const BURST = 64;
/** Hello rounds at the end, after which nothing waits any more for the rest of its datagram. */
const LAST_ROUNDS = 20;

/** A frame that one of two hosts sends. */
export interface SentFrame {
  /** 0 or 1: where the host is. */
  readonly side: number;
  readonly time: Micros;
  readonly bytes: Buffer;
}

/**
 * Who of two hosts sends each frame of a capture: its stations, by source MAC address, stand on two sides such that those who
 * talk stand opposite, as far as that can be. Packets of other link types get Ethernet headers whose stations are their IP
 * addresses.
 */
export function sentFrames(captured: readonly CapturedFrame[]): SentFrame[] {
  const frames = captured.map(asEthernet);
  const sides = sidesOf(frames);
  return frames.map((bytes, i) => ({
    side: sides.get(bytes.toString('hex', 6, 12)) ?? 0,
    time: Math.round(captured[i]!.time * 1e6),
    bytes,
  }));
}

/** Side of each station. */
function sidesOf(frames: readonly Buffer[]): ReadonlyMap<string, number> {
  const heard = new Map<string, Set<string>>();
  const hear = (a: string, b: string): void => void heard.set(a, (heard.get(a) ?? new Set()).add(b));
  for (const frame of frames) {
    const from = frame.toString('hex', 6, 12);
    if (!heard.has(from)) heard.set(from, new Set());
    if (frame.length < 12 || (frame[0]! & 1) !== 0) continue;
    const to = frame.toString('hex', 0, 6);
    hear(from, to);
    hear(to, from);
  }
  const sides = new Map<string, number>();
  for (const first of heard.keys()) {
    if (sides.has(first)) continue;
    sides.set(first, 0);
    const queue = [first];
    for (let station = queue.shift(); station !== undefined; station = queue.shift()) {
      for (const other of heard.get(station)!) {
        if (sides.has(other)) continue;
        sides.set(other, 1 - sides.get(station)!);
        queue.push(other);
      }
    }
  }
  return sides;
}

function asEthernet(frame: CapturedFrame): Buffer {
  const { bytes, linkType } = frame;
  if (linkType === ETHERNET) return bytes;
  const packet = comparable(frame);
  const isIpv6 = packet.length > 0 && packet[0]! >> 4 === 6;
  const header = Buffer.alloc(14);
  header.writeUInt16BE(isIpv6 ? 0x86dd : 0x0800, 12);
  if (linkType === LINUX_COOKED && bytes.length >= 16) bytes.copy(header, 12, 14, 16);
  if (linkType === LINUX_COOKED_2 && bytes.length >= 2) bytes.copy(header, 12, 0, 2);
  const [from, to] = isIpv6 ? [20, 36] : [12, 16];
  for (const [at, address] of [
    [0, to],
    [6, from],
  ] as const) {
    header[at] = 2;
    packet.copy(header, at + 2, address, address + 4);
  }
  return Buffer.concat([header, packet]);
}

/** What the two hosts got, in the order in which it came, and what the grid dropped. */
export interface Through {
  readonly got: readonly [at0: readonly Buffer[], at1: readonly Buffer[]];
  readonly dropped: Readonly<Record<string, number>>;
}

/**
 * Sends frames through a grid of one thread, on the time of the capture: each at the network of its host's side. A host answers
 * when all that was sent to it has come. `networks` are those of the two sides.
 */
export async function throughGrid(
  topology: Topology,
  networks: readonly [number, number],
  frames: readonly SentFrame[],
): Promise<Through> {
  const got: [Buffer[], Buffer[]] = [[], []];
  const host = new InlineHost({
    secret: new Uint8Array(32).fill(7),
    workers: 1,
    slots: 8192,
    bytes: 256 * 1024 * 1024,
    limits: { flows: 8192, connections: 16_384 },
    baseDirectory: process.cwd(),
    taps: false,
    output: (network, _at, _frameNo, bytes, start, length) =>
      void got[networks.indexOf(network)]!.push(Buffer.from(bytes.slice(start, start + length))),
  });
  for (const { id, role, members } of topology.clusters)
    for (const { node, incarnation } of members) await host.add(nodeRef(id, node), incarnation, role);
  await host.install(published(topology));
  await host.activate(topology.version);

  const helloUs = topology.timing.helloMs * 1000;
  let now = START;
  let dueRound = START;
  const rounds = async (): Promise<void> => {
    await host.settle(now);
    await host.tick(now);
    await host.settle(now);
    await host.harvest();
    dueRound = now + helloUs;
  };
  let lastSide = 0;
  let burst = 0;
  const begin = frames[0]?.time ?? 0;
  for (const [n, { side, time, bytes }] of frames.entries()) {
    now = Math.max(now, START + time - begin);
    if (now >= dueRound) await rounds();
    else if (side !== lastSide || burst >= BURST) await host.settle(now);
    if (side !== lastSide || burst >= BURST) burst = 0;
    burst++;
    lastSide = side;
    const write = (target: Uint8Array, at: number): number => {
      target.set(bytes, at);
      return bytes.length;
    };
    if (!host.inject(networks[side]!, now, n, write)) throw new Error(`frame ${n} could not enter`);
  }
  for (let i = 0; i < LAST_ROUNDS; i++) {
    now = Math.max(now, dueRound);
    await rounds();
  }
  const dropped: Record<string, number> = {};
  for (const each of await host.statistics())
    for (const [why, n] of Object.entries(each.dropped)) dropped[why] = (dropped[why] ?? 0) + n;
  await host.close();
  return { got, dropped };
}

/**
 * How what came at the two sides differs from what a wire shows: every frame that the host on the other side sent, byte for
 * byte and once, in the order in which it was sent within a flow and direction; and nothing else. A wire itself shows nothing.
 */
export function unlikeAWire(frames: readonly SentFrame[], { got }: Pick<Through, 'got'>): string[] {
  const wrong: string[] = [];
  for (const side of [0, 1] as const) {
    const sent = frames.filter((frame) => frame.side !== side).map(({ bytes }) => bytes);
    const keys = flowKeys(sent);
    const byContent = new Map<string, number[]>();
    sent.forEach((bytes, n) => {
      const content = bytes.toString('latin1');
      const same = byContent.get(content);
      if (same === undefined) byContent.set(content, [n]);
      else same.push(n);
    });
    const newest = new Map<string, number>();
    for (const bytes of got[side]) {
      const n = byContent.get(bytes.toString('latin1'))?.shift();
      if (n === undefined) wrong.push(`at side ${side} came what nobody sent: ${bytes.toString('hex', 0, 60)}`);
      else if ((newest.get(keys[n]!) ?? -1) > n) wrong.push(`at side ${side} reordered: ${keys[n]}`);
      else newest.set(keys[n]!, n);
    }
    for (const n of [...byContent.values()].flat()) wrong.push(`at side ${side} did not come: ${keys[n]}`);
  }
  return wrong;
}

/** For each frame its flow and direction: a SYN with another sequence number begins another connection on its 5-tuple. */
function flowKeys(frames: readonly Buffer[]): string[] {
  const opened = new Map<string, { readonly syn: number; readonly count: number }>();
  return frames.map((frame) => {
    const tuple = `${tagsOf(frame)}${directionKey(frame, ETHERNET)}`;
    const syn = synOf(frame, ETHERNET);
    const before = opened.get(tuple);
    if (syn !== undefined && before?.syn !== syn) opened.set(tuple, { syn, count: (before?.count ?? 0) + 1 });
    return `${tuple} connection ${opened.get(tuple)?.count ?? 0}`;
  });
}

function tagsOf(frame: Buffer): string {
  let tags = '';
  for (let at = 12; at + 4 <= frame.length && [0x8100, 0x88a8].includes(frame.readUInt16BE(at)); at += 4)
    tags += `vlan ${frame.readUInt16BE(at + 2) & 0xfff} `;
  return tags;
}
