import type { BenchOptions, BenchResult } from '../result';
import { figure4, publishedTopology } from '../figure-4/topology';
import { durableFlows } from './durable';
import { firstPacket, manyPolicies, manyTopologies } from './established';

/** What many policies, many topologies and many new flows cost: figure 4 whole, in one thread. */
export async function run({ smoke }: BenchOptions = { smoke: false }): Promise<BenchResult[]> {
  const published = await publishedTopology(figure4());
  const size = { rounds: smoke ? 1 : 9, flows: smoke ? 300 : 10_000 };
  return [
    manyPolicies(published, size),
    manyTopologies(published, size),
    await firstPacket(published, { rounds: smoke ? 1 : 5, flows: smoke ? 100 : 8000 }),
    await durableFlows(published, { rounds: smoke ? 1 : 5, flows: smoke ? 200 : 10_000 }),
  ];
}
