import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Arena } from '../../../../dataplane/frames/arena';
import { FRAME_MAX, S_FRAGMENT, S_IP, S_KEY, S_PROTO, S_REASON, S_SRC_IS_B } from '../../../../dataplane/frames/layout';
import { REASONS } from '../../../../dataplane/frames/reasons';
import { readKey } from '../../../../dataplane/headers/key';
import { hasPorts } from '../../../../dataplane/headers/numbers';
import { loadKernels, type Kernels } from '../../../../dataplane/kernels/kernels';
import { putFrame } from '../kernels/test-grid';
import { captureFrames } from './capture-frames';

const TRACES = join(__dirname, '../../../../../shared/traces');
const captures = existsSync(TRACES) ? readdirSync(TRACES).filter((name) => /\.pcap(ng)?$/.test(name)) : [];

interface Truth {
  readonly ipPackets: number;
  readonly malformedIp: number;
  readonly nonIp: number;
  readonly fragments: number;
  readonly atomicFragments: number;
  readonly packetsWithoutPorts: number;
  readonly perFlow: readonly {
    readonly a: string;
    readonly aPort: number;
    readonly b: string;
    readonly bPort: number;
    readonly proto: number;
    readonly packetsAB: number;
    readonly packetsBA: number;
  }[];
}

describe.each(['ts', 'wasm'] as const)('parse on real captures (%s kernels)', (kind) => {
  if (captures.length === 0) {
    it('has no captures to read: ../shared/traces is absent', () => expect(existsSync(TRACES)).toBe(false));
    return;
  }
  const arena = Arena.create({ slots: 64, bytes: 4096 });
  const list = arena.allocate(4);
  let kernels: Kernels;
  beforeAll(() => {
    kernels = loadKernels(arena, kind);
  });

  it.each(captures)('%s: every count and every 5-tuple is the truth’s', (name) => {
    const truth = JSON.parse(readFileSync(join(TRACES, 'truth', `${name}.json`), 'utf8')) as Truth;
    const seen = { ipPackets: 0, malformedIp: 0, nonIp: 0, fragments: 0, atomicFragments: 0, packetsWithoutPorts: 0 };
    const flows = new Map<string, number>();
    for (const frame of captureFrames(join(TRACES, name))) {
      const slot = putFrame(arena, 0, frame.subarray(0, FRAME_MAX));
      kernels.parse(list, 1, 1, 2);
      const why = REASONS[arena.u16[(slot + S_REASON) >>> 1]];
      const fragment = arena.u8[slot + S_FRAGMENT];
      const proto = arena.u8[slot + S_PROTO];
      if (why === 'malformed-ip') seen.malformedIp++;
      else if (arena.u8[slot + S_IP] === 0) seen.nonIp++;
      else seen.ipPackets++;
      if (fragment === 1 || fragment === 2) seen.fragments++;
      if (fragment === 3) seen.atomicFragments++;
      if (why === 'no-ports') seen.packetsWithoutPorts++;
      if (arena.u8[slot + S_IP] === 0 || why === 'no-ports' || why === 'later-fragment') continue;
      const key = readKey(arena.u8, slot + S_KEY, arena.u8[slot + S_SRC_IS_B]);
      expect(hasPorts(proto) || key.sourcePort + key.destinationPort === 0).toBe(true);
      const text = tuple(
        key.proto,
        address(key.source, key.ip),
        key.sourcePort,
        address(key.destination, key.ip),
        key.destinationPort,
      );
      flows.set(text, (flows.get(text) ?? 0) + 1);
    }
    const expected = new Map<string, number>();
    for (const flow of truth.perFlow) {
      const packets = flow.packetsAB + flow.packetsBA;
      if (packets > 0) expected.set(tuple(flow.proto, flow.a, flow.aPort, flow.b, flow.bPort), packets);
    }
    const { ipPackets, malformedIp, nonIp, fragments, atomicFragments, packetsWithoutPorts } = truth;
    expect(seen).toEqual({ ipPackets, malformedIp, nonIp, fragments, atomicFragments, packetsWithoutPorts });
    expect([...flows].sort()).toEqual([...expected].sort());
  });
});

function tuple(proto: number, a: string, aPort: number, b: string, bPort: number): string {
  const ends = [`${expand(a)} ${aPort}`, `${expand(b)} ${bPort}`].sort();
  return `${proto} ${ends.join(' ')}`;
}

function address(bytes: Uint8Array, ip: number): string {
  if (ip === 4) return bytes.subarray(12).join('.');
  return Array.from({ length: 8 }, (_, i) => ((bytes[2 * i] << 8) | bytes[2 * i + 1]).toString(16)).join(':');
}

/** IPv6 addresses without abbreviation. */
function expand(text: string): string {
  if (!text.includes(':')) return text;
  const [head, tail] = text.split('::');
  const left = head.split(':').filter((part) => part !== '');
  const right = (tail ?? '').split(':').filter((part) => part !== '');
  const dotted = right.at(-1)?.includes('.') ? right.pop()!.split('.').map(Number) : [];
  if (dotted.length === 4) {
    right.push(((dotted[0] << 8) | dotted[1]).toString(16), ((dotted[2] << 8) | dotted[3]).toString(16));
  }
  const zeros = tail === undefined ? [] : Array.from({ length: 8 - left.length - right.length }, () => '0');
  return [...left, ...zeros, ...right].join(':');
}
