import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createPrng } from '../../../../domain/base/prng';
import { nodeRef } from '../../../../domain/base/ids';
import { TrafficSource } from '../../../../adapters/sim/traffic';
import { WorkerHost } from '../../../../runtime/agent/worker-host';
import { InlineHost } from '../../../../runtime/agent/inline-host';
import type { DataplaneHost, DataplaneOptions } from '../../../../runtime/agent/dataplane-host';
import { AB, published, twoStages, type TwoStages } from '../../../support/topologies';

interface Outcome {
  entered: number;
  /** Frames that entered and did not leave / that left more often than they entered. */
  missing: number;
  extra: number;
  reemitted: number;
  dropped: Record<string, number>;
}

/** How many more of each key `a` has than `b`. */
function surplus(a: Map<string, number>, b: Map<string, number>): number {
  return [...a].reduce((sum, [key, n]) => sum + Math.max(0, n - (b.get(key) ?? 0)), 0);
}

const START = 1_700_000_000_000_000;
const HELLO_US = 10_000;
const ROUNDS_TO_NOTICE = 10;

interface Frame {
  readonly flow: number;
  readonly side: number;
}

function isQuestionInside(inside: ReadonlyMap<number, Frame>, flow: number, side: number): boolean {
  return [...inside.values()].some((frame) => frame.flow === flow && frame.side !== side);
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

/** Sends seeded traffic through two stages; `killAt`: after this many frames AB/1 dies, with frames under way. */
async function run(make: (typeof makers)[number][1], stages: TwoStages, killAt?: number): Promise<Outcome> {
  const inside = new Map<number, Frame>();
  const entered = new Map<string, number>();
  const left = new Map<string, number>();
  const host = await make({
    secret: new Uint8Array(32).fill(7),
    workers: 1,
    slots: 8192,
    bytes: 256 * 1024 * 1024,
    baseDirectory: process.cwd(),
    taps: false,
    output: (_network, _at, frameNo, bytes, start, length) => {
      inside.delete(frameNo);
      count(left, Buffer.from(bytes.slice(start, start + length)).toString('hex'));
    },
  });
  const topology = twoStages(stages);
  for (const cluster of topology.clusters) {
    for (const member of cluster.members)
      await host.add(nodeRef(cluster.id, member.node), member.incarnation, cluster.role);
  }
  await host.install(published(topology));
  await host.activate(1);
  const source = new TrafficSource({
    prng: createPrng(11),
    flows: 300,
    flowsPerSecond: 1000,
    meanGapUs: 20_000,
    dataFrames: [4, 20],
    payload: 64,
    udpShare: 0.2,
    start: START,
  });
  const frame = source.frame();
  let nextTick = START;
  let n = 0;
  let lastSide = 0;
  while (source.next(frame)) {
    for (; frame.time >= nextTick; nextTick += HELLO_US) {
      await host.settle(nextTick);
      await host.tick(nextTick);
      await host.settle(nextTick);
    }
    // A host answers only what has reached it: not before its question has left, however long a death holds that up.
    if (frame.side !== lastSide) await host.settle(frame.time);
    lastSide = frame.side;
    for (let round = 0; round < ROUNDS_TO_NOTICE && isQuestionInside(inside, frame.flow, frame.side); round++) {
      await host.tick(nextTick);
      await host.settle(nextTick);
      nextTick += HELLO_US;
    }
    inside.set(n, { flow: frame.flow, side: frame.side });
    count(entered, Buffer.from(frame.bytes.slice(0, frame.length)).toString('hex'));
    const accepted = host.inject(frame.side + 1, frame.time, n, (target, at) => {
      target.set(frame.bytes.subarray(0, frame.length), at);
      return frame.length;
    });
    expect(accepted).toBe(true);
    if (n === killAt) await host.kill(nodeRef(AB, 1));
    n++;
  }
  for (let i = 0; i < 10; i++, nextTick += HELLO_US) {
    await host.settle(nextTick);
    await host.tick(nextTick);
  }
  await host.settle(nextTick);
  const statistics = await host.statistics();
  await host.close();
  const dropped: Record<string, number> = {};
  for (const each of statistics) {
    for (const [why, count] of Object.entries(each.dropped)) dropped[why] = (dropped[why] ?? 0) + count;
  }
  return {
    entered: n,
    missing: surplus(entered, left),
    extra: surplus(left, entered),
    reemitted: statistics.reduce((sum, { reemitted }) => sum + reemitted, 0),
    dropped,
  };
}

const makers: [string, (options: DataplaneOptions) => DataplaneHost | Promise<DataplaneHost>][] = [
  ['inline', (options) => new InlineHost(options)],
  ['two workers', (options) => WorkerHost.start({ ...options, workers: 2 })],
];

describe.each(makers)('a hosted dataplane (%s)', (_name, make) => {
  it('lets every frame out as it came in, once', async () => {
    const { entered, ...outcome } = await run(make, {});
    expect(entered).toBeGreaterThan(3000);
    expect(outcome).toEqual({ missing: 0, extra: 0, reemitted: 0, dropped: {} });
  });

  it.each(['centralized', 'distributed'] as const)(
    'loses and doubles nothing when a node of a backup cluster dies, selection %s',
    async (selection) => {
      const { missing, extra, reemitted, dropped } = await run(make, { selection }, 2000);
      expect({ missing, extra }).toEqual({
        missing: 0,
        extra: 0,
      });
      expect(reemitted).toBeGreaterThan(0);
      expect(dropped['node-dead']).toBeGreaterThan(0);
    },
  );

  it('loses frames when nobody backs up (control)', async () => {
    const { missing, dropped } = await run(make, { failure: 'discard' }, 2000);
    expect(missing).toBeGreaterThan(0);
    expect(Object.values(dropped).reduce((a, b) => a + b, 0)).toBe(missing);
  });
});

/** A dataplane of two stages whose one frame at a time is a UDP datagram to port 9. */
async function small(
  make: (typeof makers)[number][1],
  stages: TwoStages,
  base: string,
): Promise<[DataplaneHost, () => number]> {
  let left = 0;
  const host = await make({
    secret: new Uint8Array(32).fill(7),
    workers: 1,
    slots: 8192,
    bytes: 256 * 1024 * 1024,
    baseDirectory: base,
    taps: false,
    output: () => left++,
  });
  const topology = twoStages(stages);
  for (const { id, role, members } of topology.clusters) {
    for (const { node, incarnation } of members) await host.add(nodeRef(id, node), incarnation, role);
  }
  await host.install(published(topology));
  await host.activate(1);
  return [host, () => left];
}

function datagram(target: Uint8Array, at: number): number {
  const bytes = Buffer.from(
    '02000000000a02000000000b08004500002400000000401100000a0000010a00000204000009001000006162636465666768',
    'hex',
  );
  target.set(bytes, at);
  return bytes.length;
}

describe.each(makers)('a hosted dataplane that is driven (%s)', (_name, make) => {
  it('FG-201: may be left before it rests, and has let everything out when it rests', async () => {
    const [host, left] = await small(make, {}, process.cwd());
    for (let n = 0; n < 3000; n++) {
      expect(host.inject(1, START + n, n, datagram)).toBe(true);
      if (n % 64 === 63) host.push(START + n);
      if (n % 64 === 63 && n - left() > 512) await host.settle(START + n, 256);
    }
    await host.settle(START + 3000);
    expect(left()).toBe(3000);
    await host.close();
  });

  it('FG-201: says that it has ended when a function fails, instead of waiting for what never comes', async () => {
    const base = mkdtempSync(join(tmpdir(), 'flowgrid-test-'));
    try {
      const tick = "process: () => 0, tick: () => { throw new Error('this function is broken'); }";
      writeFileSync(
        join(base, 'broken.js'),
        `exports.definition = { name: 'broken', summary: '', create: () => ` +
          `({ stateKind: 'stateless', reads: 'bytes', dropReasons: [], ${tick} }) };`,
      );
      const broken = { name: 'module', config: { path: './broken.js' } };
      const [host] = await small(make, { function: broken }, base);
      await expect(host.tick(START)).rejects.toThrow(/broken|worker failed/);
      await host.close();
    } finally {
      rmSync(base, { recursive: true });
    }
  });
});
