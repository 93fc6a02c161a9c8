import type { BenchResult } from '../result';
import { chainId, type NodeRef } from '../../domain/base/ids';
import type { PublishedTopology } from '../../domain/topology/topology';
import { openLmdbLog, type LmdbLog } from '../../adapters/log/lmdb';
import { FlowSpool } from '../../runtime/agent/flow-spool';
import { establish, MemoryGrid } from '../figure-4/memory-grid';
import { recordTraffic, type Traffic } from '../figure-4/recording';
import { inTemporaryDir, median, seconds } from '../log/measure';
import type { Size } from './established';

const TABLE = 1 << 16;
/** Longer than closed connections linger, so that their flows end and are told of. */
const LINGER_US = 12_000_000;

/**
 * New flows per second when every flow shakes hands, sends a frame, closes and ends, and every event of it, at every node
 * that observes one, is durable in the log before the next flows come.
 */
export async function durableFlows(published: PublishedTopology, { rounds, flows }: Size): Promise<BenchResult> {
  return inTemporaryDir(async (dir) => {
    const log = await openLmdbLog({ dir, mode: 'writer' });
    try {
      const grid = new MemoryGrid(published, { flows: TABLE });
      const spools = new Map(grid.group.nodes().map((node) => [node, new FlowSpool(chainId(node, 1))]));
      const perSecond: number[] = [];
      let events = 0;
      for (let round = -1; round < rounds; round++) {
        const traffic = recordTraffic({ seed: 10 + round, flows, dataFrames: 1, frameBytes: 64 });
        events = 0;
        const took = await seconds(async () => {
          live(grid, traffic);
          events += await ship(grid, spools, log);
        });
        // That idle time passes costs hello rounds of an empty grid, which a busy one would not have.
        grid.pass(LINGER_US);
        const ending = await seconds(async () => {
          events += await ship(grid, spools, log);
        });
        grid.check();
        if (round >= 0) perSecond.push(flows / (took + ending));
      }
      return {
        name: 'new flows, whole lives of 7 frames, every event durable',
        unit: 'flows/s',
        value: median(perSecond),
        note: `${(events / flows).toFixed(1)} events a flow, in columnar batches`,
      };
    } finally {
      await log.close();
    }
  });
}

/** Flows begin, send and close. */
function live(grid: MemoryGrid, traffic: Traffic): void {
  establish(grid, traffic);
  grid.send(traffic.established);
  grid.sendInTurns(traffic.closing);
}

/** Makes what the nodes observed durable; returns how many events that were. */
async function ship(grid: MemoryGrid, spools: ReadonlyMap<NodeRef, FlowSpool>, log: LmdbLog): Promise<number> {
  let count = 0;
  for (const { node, events } of grid.drainEvents()) {
    count += events.length;
    spools.get(node)?.add(events);
  }
  await Promise.all(
    Array.from(spools.values(), async (spool) => {
      for (let batch = spool.next(); batch !== undefined; batch = spool.next()) {
        await log.appendFlows(batch);
        spool.acknowledge(batch.number);
      }
    }),
  );
  return count;
}
