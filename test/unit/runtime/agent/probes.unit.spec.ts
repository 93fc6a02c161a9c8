import { createPrng } from '../../../../domain/base/prng';
import { clusterOf, nodeRef } from '../../../../domain/base/ids';
import type { Probe } from '../../../../domain/probe/events';
import type { TapRecord } from '../../../../domain/seams/tap';
import { TrafficSource } from '../../../../adapters/sim/traffic';
import { trailerV1 } from '../../../../dataplane/descriptor/codec';
import { capturedFrames, type CapturedFrame } from '../../../../dataplane/probes/captured-frames';
import { restored } from '../../../../dataplane/probes/restore';
import type { DataplaneHost, DataplaneOptions } from '../../../../runtime/agent/dataplane-host';
import { InlineHost } from '../../../../runtime/agent/inline-host';
import type { ProbeHost, ProbeTap } from '../../../../runtime/agent/probe-taps';
import { WorkerHost } from '../../../../runtime/agent/worker-host';
import { AB, IA, published, twoStages } from '../../../support/topologies';

const START = 1_700_000_000_000_000;
const HELLO_US = 10_000;

const makers: [string, (options: DataplaneOptions) => Promise<DataplaneHost & ProbeHost>][] = [
  ['inline', async (options) => new InlineHost(options)],
  ['two workers', (options) => WorkerHost.start({ ...options, workers: 2 })],
];

interface Outcome {
  readonly taps: readonly TapRecord[];
  readonly frames: ReadonlyMap<number, readonly CapturedFrame[]>;
  readonly counts: ReadonlyMap<number, { captured: number; dropped: number }>;
  readonly entered: ReadonlySet<string>;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

/** Sends seeded traffic through two stages with probes attached; those in `briefly` are detached before the end. */
async function run(
  make: (typeof makers)[number][1],
  probes: readonly Probe[],
  briefly: readonly number[] = [],
): Promise<Outcome> {
  const host = await make({
    secret: new Uint8Array(32).fill(7),
    workers: 1,
    slots: 8192,
    bytes: 512 * 1024 * 1024,
    baseDirectory: process.cwd(),
    taps: true,
    output: () => undefined,
  });
  const topology = twoStages();
  for (const cluster of topology.clusters) {
    for (const { node, incarnation } of cluster.members)
      await host.add(nodeRef(cluster.id, node), incarnation, cluster.role);
  }
  await host.install(published(topology));
  await host.activate(1);
  const taps: ProbeTap[] = [];
  for (const probe of probes) taps.push(await host.attachProbe(probe, networkOf(probe)));
  const counts = new Map<number, { captured: number; dropped: number }>();
  const source = new TrafficSource({
    prng: createPrng(11),
    flows: 60,
    flowsPerSecond: 1000,
    meanGapUs: 20_000,
    dataFrames: [4, 8],
    payload: 64,
    udpShare: 0.3,
    start: START,
  });
  const frame = source.frame();
  const entered = new Set<string>();
  let now = START;
  for (let n = 0; source.next(frame); n++) {
    for (; now <= frame.time; now += HELLO_US) {
      await host.settle(now);
      await host.tick(now);
    }
    entered.add(hex(frame.bytes.subarray(0, frame.length)));
    host.inject(frame.side + 1, frame.time, n, (target, at) => {
      target.set(frame.bytes.subarray(0, frame.length), at);
      return frame.length;
    });
    await host.settle(frame.time);
    if (n !== 100) continue;
    for (const tap of taps.filter(({ probe }) => briefly.includes(probe.id))) {
      counts.set(tap.probe.id, tap.counts());
      await tap.detach();
    }
  }
  for (let i = 0; i < 10; i++, now += HELLO_US) {
    await host.settle(now);
    await host.tick(now);
  }
  await host.settle(now);
  const frames = new Map<number, CapturedFrame[]>();
  for (const tap of taps) {
    const target = new Uint8Array(1 << 24);
    if (!briefly.includes(tap.probe.id)) counts.set(tap.probe.id, tap.counts());
    frames.set(tap.probe.id, capturedFrames(target.subarray(0, tap.take(target, 0))));
  }
  const outcome = { taps: (await host.harvest()).taps, frames, counts, entered };
  await host.close();
  return outcome;
}

/** Links beyond {@link EXTERNAL} lead to the network of that number. */
const EXTERNAL = 90;

function networkOf({ link, network }: Probe): number {
  return network ?? Math.max(0, link - EXTERNAL);
}

const probe = (id: number, link: number, node = 0, more: Partial<Probe> = {}): Probe => {
  return { id, name: `p${id}`, link, node, view: 'raw', collector: 'c', ...more };
};

/** Frames of flows, without the nodes' own, as a sorted list. */
function flowsOf(frames: readonly CapturedFrame[]): string[] {
  return frames
    .filter(({ bytes }) => flowTypeOf(bytes) !== 0)
    .map(({ bytes }) => hex(bytes))
    .sort();
}

function flowTypeOf(bytes: Uint8Array): number {
  const decoded = trailerV1.decode(bytes);
  return decoded.ok ? decoded.descriptor.flowType : -1;
}

function tapped(taps: readonly TapRecord[], passes: (record: TapRecord) => boolean): string[] {
  return taps
    .filter((record) => record.kind === 'sent' && flowTypeOf(record.bytes) !== 0 && passes(record))
    .map(({ bytes }) => hex(bytes))
    .sort();
}

describe.each(makers)('probe points of a hosted dataplane (%s)', (_name, make) => {
  it('FG-520: a link probe sees each frame that is sent on its link, an interface probe what one node sends and gets', async () => {
    const node = nodeRef(AB, 2);
    const { taps, frames, counts } = await run(make, [probe(1, 1), probe(2, 2), probe(3, 1, node), probe(4, 2, node)]);
    for (const link of [1, 2]) {
      const seen = frames.get(link)!;
      expect(flowsOf(seen)).toEqual(tapped(taps, (record) => record.link === link));
      expect(new Set(seen.map(({ direction }) => direction))).toEqual(new Set([undefined]));
      const atNode = frames.get(link + 2)!;
      const [out, into] = (['out', 'in'] as const).map((way) => atNode.filter(({ direction }) => direction === way));
      expect(flowsOf(out!)).toEqual(tapped(taps, (record) => record.link === link && record.from === node));
      expect(flowsOf(into!)).toEqual(tapped(taps, (record) => record.link === link && record.to === node));
      expect(flowsOf(out!).length).toBeGreaterThan(50);
      expect(flowsOf(into!).length).toBeGreaterThan(50);
    }
    // The nodes' own frames are on the link, too.
    expect(frames.get(1)!.filter(({ bytes }) => flowTypeOf(bytes) === 0).length).toBeGreaterThan(10);
    for (const { dropped } of counts.values()) expect(dropped).toBe(0);
  });

  it('FG-521: what is restored is what entered, byte for byte, and control frames are none', async () => {
    const { frames, entered } = await run(make, [probe(1, 1), probe(3, 3)]);
    for (const seen of frames.values()) {
      for (const frame of seen) {
        const own = restored(frame);
        if (own === undefined) expect(flowTypeOf(frame.bytes)).toBe(0);
        else expect(entered.has(hex(own))).toBe(true);
      }
      expect(seen.filter((frame) => restored(frame) !== undefined).length).toBeGreaterThan(100);
    }
  });

  it('FG-520, FG-535: on the link to a network frames are seen as they enter and leave, and nothing of another network', async () => {
    const door = nodeRef(IA, 1);
    const points = [
      probe(1, EXTERNAL + 1),
      probe(2, EXTERNAL + 1, door),
      probe(3, EXTERNAL + 2, door),
      probe(4, 0, 0, { network: 1 }),
      probe(5, 0, door, { network: 1 }),
    ];
    const { taps, frames } = await run(make, points);
    const outside = (kind: TapRecord['kind'], network: number): string[] =>
      taps
        .filter((record) => record.kind === kind && record.network === network)
        .map(({ bytes }) => hex(bytes))
        .sort();
    const [entered, left] = [outside('entered', 1), outside('left', 1)];
    expect(entered.length).toBeGreaterThan(50);
    expect(left.length).toBeGreaterThan(50);
    const seen = (id: number, way?: 'in' | 'out'): string[] =>
      frames
        .get(id)!
        .filter(({ direction }) => direction === way)
        .map(({ bytes }) => hex(bytes))
        .sort();
    expect(seen(1)).toEqual([]);
    expect([seen(1, 'in'), seen(1, 'out')]).toEqual([entered, left]);
    expect(seen(2, 'in')).toEqual(entered);
    expect(seen(2, 'out')).toEqual(left);
    expect(frames.get(3)).toEqual([]);
    // FG-535: the point of a network is where it joins, and nothing that is on no link is taken for its frames.
    expect([seen(4), seen(4, 'in'), seen(4, 'out')]).toEqual([[], entered, left]);
    expect([seen(5), seen(5, 'in'), seen(5, 'out')]).toEqual([[], entered, left]);
    for (const frame of frames.get(1)!) expect(restored(frame)).toBe(frame.bytes);
  });

  it('FG-523: a full ring costs captures that are counted, and no frame', async () => {
    const whole = await run(make, [probe(1, 1)]);
    const { taps, frames, counts } = await run(make, [probe(1, 1, 0, { ringBytes: 65_536 })]);
    const { captured, dropped } = counts.get(1)!;
    expect(captured).toBe(frames.get(1)!.length);
    expect(dropped).toBeGreaterThan(100);
    expect(captured + dropped).toBe(whole.counts.get(1)!.captured);
    expect(tapped(taps, () => true)).toEqual(tapped(whole.taps, () => true));
  });

  it('FG-524: frames go the same ways with probes, without, and after probes were detached', async () => {
    const without = await run(make, []);
    const attached = [probe(1, 1), probe(2, 2, nodeRef(AB, 1)), probe(3, 1, nodeRef(IA, 1))];
    const { taps, counts } = await run(make, attached, [1, 2, 3]);
    expect(tapped(taps, () => true)).toEqual(tapped(without.taps, () => true));
    const after = counts.get(1)!.captured;
    expect(after).toBeGreaterThan(0);
    expect(after).toBeLessThan(tapped(taps, ({ link }) => link === 1).length);
  });

  it('FG-525: a filter keeps what does not pass out of the ring', async () => {
    const filters = ['udp', 'tcp', 'control'];
    const { frames } = await run(make, [
      probe(9, 1),
      ...filters.map((filter, i) => probe(i + 1, 1, 0, { filter })),
      probe(5, 1, 0, { filter: 'not (udp or tcp or control)' }),
    ]);
    const all = frames
      .get(9)!
      .map(({ bytes }) => hex(bytes))
      .sort();
    expect([1, 2, 3].flatMap((id) => frames.get(id)!.map(({ bytes }) => hex(bytes))).sort()).toEqual(all);
    for (const id of [1, 2, 3]) expect(frames.get(id)!.length).toBeGreaterThan(10);
    expect(frames.get(5)).toEqual([]);
    expect(frames.get(1)!.every(({ bytes }) => bytes[23] === 17)).toBe(true);
    expect(frames.get(1)!.every(({ from }) => [IA, AB].includes(clusterOf(from)))).toBe(true);
  });
});
