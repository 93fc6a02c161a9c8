import { createPrng } from '../../../../domain/base/prng';
import { nodeRef } from '../../../../domain/base/ids';
import { TrafficSource } from '../../../../adapters/sim/traffic';
import { InlineHost } from '../../../../runtime/agent/inline-host';
import type { DataplaneHost, DataplaneOptions } from '../../../../runtime/agent/dataplane-host';
import { AB, published, twoStages, type TwoStages } from '../../../support/topologies';

interface Outcome {
  entered: Map<string, number>;
  left: Map<string, number>;
  reemitted: number;
}

const START = 1_700_000_000_000_000;
const HELLO_US = 10_000;

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

/** Sends seeded traffic through two stages; `killAt`: after this many frames AB/1 dies, with frames under way. */
async function run(
  make: (options: DataplaneOptions) => DataplaneHost,
  stages: TwoStages,
  killAt?: number,
): Promise<Outcome> {
  const entered = new Map<string, number>();
  const left = new Map<string, number>();
  const host = make({
    secret: new Uint8Array(32).fill(7),
    workers: 1,
    slots: 8192,
    bytes: 256 * 1024 * 1024,
    baseDirectory: process.cwd(),
    taps: false,
    output: (_network, _at, _frameNo, bytes, start, length) =>
      count(left, Buffer.from(bytes.slice(start, start + length)).toString('hex')),
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
  while (source.next(frame)) {
    for (; frame.time >= nextTick; nextTick += HELLO_US) {
      await host.settle(nextTick);
      await host.tick(nextTick);
      await host.settle(nextTick);
    }
    count(entered, Buffer.from(frame.bytes.slice(0, frame.length)).toString('hex'));
    const accepted = host.inject(frame.side + 1, frame.time, n, (target, at) => {
      target.set(frame.bytes.subarray(0, frame.length), at);
      return frame.length;
    });
    expect(accepted).toBe(true);
    if (n % 16 === 0) await host.settle(frame.time);
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
  return { entered, left, reemitted: statistics.reduce((sum, { reemitted }) => sum + reemitted, 0) };
}

describe.each([['inline', (options: DataplaneOptions): DataplaneHost => new InlineHost(options)]])(
  'a hosted dataplane (%s)',
  (_name, make) => {
    it('lets every frame out as it came in, once', async () => {
      const { entered, left } = await run(make, {});
      expect(left.size).toBeGreaterThan(3000);
      expect(left).toEqual(entered);
    });

    it('loses and doubles nothing when a node of a backup cluster dies', async () => {
      const { entered, left, reemitted } = await run(make, {}, 2000);
      expect(left).toEqual(entered);
      expect(reemitted).toBeGreaterThan(0);
    });

    it('does so under distributed selection', async () => {
      const { entered, left } = await run(make, { selection: 'distributed' }, 2000);
      expect(left).toEqual(entered);
    });

    it('loses frames when nobody backs up (control)', async () => {
      const { entered, left } = await run(make, { failure: 'discard' }, 2000);
      const total = (counts: Map<string, number>): number => [...counts.values()].reduce((a, b) => a + b, 0);
      expect(total(left)).toBeLessThan(total(entered));
    });
  },
);
