import type { BenchResult } from '../result';
import type { PublishedTopology } from '../../domain/topology/topology';
import { establish, MemoryGrid, nsPerFrame } from '../figure-4/memory-grid';
import { recordTraffic, type Traffic } from '../figure-4/recording';
import { median, seconds } from '../log/measure';
import { liveVersions, withPolicies } from './variants';

const ALIKE_MAX = 1.2;
const FIRST_MAX = 25;
const POLICIES = 200;
/** Rounds that do not count: code is still being compiled. */
const ROUNDS_WARM = 2;
const TABLE = 1 << 15;

/** How long the measurements are. */
export interface Size {
  readonly rounds: number;
  readonly flows: number;
}

/** An established flow's frame among many policies, against one among a single one. */
export function manyPolicies(published: PublishedTopology, size: Size): BenchResult {
  const traffic = trafficOf(size);
  const grid = (policies: number): MemoryGrid => {
    const made = new MemoryGrid(withPolicies(published, policies), { flows: TABLE });
    establish(made, traffic);
    return made;
  };
  return compare(
    `established frame, ${POLICIES} policies`,
    'one with 1 policy',
    grid(POLICIES),
    grid(1),
    traffic,
    size,
  );
}

/** An established flow's frame when flows live under every wire ID there is, against one when all live under one. */
export function manyTopologies(published: PublishedTopology, size: Size): BenchResult {
  const traffic = trafficOf(size);
  const one = new MemoryGrid(published, { flows: TABLE });
  establish(one, traffic);
  const many = new MemoryGrid(published, { flows: TABLE });
  const versions = liveVersions(published);
  const share = Math.ceil(traffic.first.length / versions.length);
  versions.forEach((version, i) => {
    many.install(version);
    many.send(
      traffic.first,
      Math.min(i * share, traffic.first.length),
      Math.min((i + 1) * share, traffic.first.length),
    );
  });
  many.sendInTurns(traffic.handshake);
  many.check();
  const live = many.group.reportLiveWireIds().length;
  return {
    ...compare(`established frame, ${live} live topologies`, 'one with 1', many, one, traffic, size),
    note: `wire IDs are 1–255: more topologies cannot live`,
  };
}

/** What a new flow's first frame costs on its whole way, setting the flow up on every node of it. */
export async function firstPacket(published: PublishedTopology, { rounds, flows }: Size): Promise<BenchResult> {
  const grid = new MemoryGrid(published, { flows: 1 << 17 });
  const settled = recordTraffic({ seed: 1, flows, dataFrames: 10, frameBytes: 64 });
  establish(grid, settled);
  const fresh = recordTraffic({
    seed: 2,
    flows: (rounds + ROUNDS_WARM + 1) * flows,
    dataFrames: 1,
    frameBytes: 64,
  }).first;
  const times: number[] = [];
  const ratios: number[] = [];
  for (let round = 0, from = flows; round < rounds + ROUNDS_WARM; round++, from += flows) {
    const first = (1e9 * (await seconds(() => grid.send(fresh, from, from + flows)))) / flows;
    const other = nsPerFrame(grid, settled.established);
    if (round < ROUNDS_WARM) continue;
    times.push(first);
    ratios.push(first / other);
  }
  grid.check();
  const ratio = median(ratios);
  return {
    name: 'first frame of a flow, all four stages',
    unit: 'ns',
    value: median(times),
    ratio: { of: 'an established one', value: ratio, budget: `≤ ${FIRST_MAX}`, ok: ratio <= FIRST_MAX },
  };
}

function trafficOf({ flows }: Size): Traffic {
  return recordTraffic({ seed: 3, flows, dataFrames: 10, frameBytes: 64 });
}

function compare(
  name: string,
  of: string,
  ours: MemoryGrid,
  theirs: MemoryGrid,
  { established }: Traffic,
  { rounds }: Size,
): BenchResult {
  const ratios: number[] = [];
  const times: number[] = [];
  for (let round = -ROUNDS_WARM; round < rounds; round++) {
    const mine = nsPerFrame(ours, established);
    const other = nsPerFrame(theirs, established);
    if (round < 0) continue;
    times.push(mine);
    ratios.push(mine / other);
  }
  ours.check();
  theirs.check();
  const value = median(ratios);
  const ok = value <= ALIKE_MAX;
  return { name, unit: 'ns', value: median(times), ratio: { of, value, budget: `≤ ${ALIKE_MAX}`, ok } };
}
