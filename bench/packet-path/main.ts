import { performance } from 'node:perf_hooks';
import { D_FIXED, SIGNED_FRAME_BYTES, S_DESCRIPTOR, S_SCRATCH } from '../../dataplane/frames/layout';
import { loadKernels, type Kernels } from '../../dataplane/kernels/kernels';
import { median } from '../log/measure';
import type { BenchOptions, BenchResult } from '../result';
import { BATCH, PATH, Workbench } from './workbench';
import { buildYardstick, type Yardstick } from './yardstick';

const FLOWS = [10_000, 1_000_000];
const FRAME_BYTES = [64, 1400];
/** Batches of 64 frames per figure: enough that every flow of the smaller table is met a hundred times. */
const BATCHES = 20_000;
const TWIN_BATCHES = 2_000;
const TURNS = 5;
const BARE_MAX = 1.6;
const C_MAX = 1.3;
const DESCRIPTOR_BYTES = D_FIXED + 2 * PATH.length;

/**
 * Nanoseconds per frame of what each node does with an established flow's frame, one thread, no I/O. Kernels, twin,
 * bare kernels and the C yardstick run in turns over the same tables, and each figure is the median over batches, so
 * that ratios compare like with like on a noisy machine.
 */
export async function run(options: BenchOptions = { smoke: false }): Promise<BenchResult[]> {
  const yardstick = buildYardstick();
  try {
    return (options.smoke ? [1000] : FLOWS).flatMap((flows) => {
      const bench = new Workbench(flows);
      return FRAME_BYTES.flatMap((size) => measure(bench, size, yardstick, options.smoke));
    });
  } finally {
    yardstick?.dispose();
  }
}

function measure(bench: Workbench, size: number, yardstick: Yardstick | undefined, smoke: boolean): BenchResult[] {
  bench.setFrameSize(size);
  const batches = smoke ? 20 : BATCHES;
  const wasm = journey(bench, loadKernels(bench.arena, 'wasm'), batches);
  const twin = journey(bench, loadKernels(bench.arena, 'ts'), smoke ? 5 : TWIN_BATCHES);
  const bare = wasm.parse + wasm.lookup + wasm.sipHash + wasm.checksum;
  const where = `${size} B, ${bench.flows.toLocaleString('en-US')} flows`;
  const twinMin = bench.flows > 100_000 ? 1.5 : 4;
  const results: BenchResult[] = [
    {
      name: `ingress push, ${where}`,
      unit: 'ns',
      value: wasm.push,
      ratio: against('its bare kernels', wasm.push / bare, BARE_MAX, 'most'),
      note: `parse ${wasm.parse.toFixed(0)}, lookup ${wasm.lookup.toFixed(0)}, SipHash ${wasm.sipHash.toFixed(0)}, checksum ${wasm.checksum.toFixed(0)}`,
    },
    {
      name: `ingress push by the twin, ${where}`,
      unit: 'ns',
      value: twin.push,
      ratio: against('the compiled kernels', twin.push / wasm.push, twinMin, 'least'),
    },
    { name: `transit, ${where}`, unit: 'ns', value: wasm.transit, note: `twin ${twin.transit.toFixed(0)}` },
    { name: `egress, ${where}`, unit: 'ns', value: wasm.egress, note: `twin ${twin.egress.toFixed(0)}` },
  ];
  if (yardstick !== undefined) results.push(besideC(bench, size, yardstick, batches, where));
  return results;
}

/** Kernels and C in turns, as often as {@link TURNS}: the median of the ratios, so that neither has a quieter machine. */
function besideC(bench: Workbench, size: number, yardstick: Yardstick, batches: number, where: string): BenchResult {
  const kernels = loadKernels(bench.arena, 'wasm');
  const each = Math.ceil(batches / TURNS);
  const turns = Array.from({ length: TURNS }, () => {
    const push = stage(
      bench,
      each,
      () => bench.fill(),
      () => bench.push(kernels),
    );
    return { push, inC: yardstick.push(bench.flows, size, each) };
  });
  return {
    name: `ingress push in C, ${where}`,
    unit: 'ns',
    value: median(turns.map(({ inC }) => inC)),
    ratio: against('C by the kernels', median(turns.map(({ push, inC }) => push / inC)), C_MAX, 'most'),
    note: 'the same work, yardstick.c with cc -O3',
  };
}

function against(of: string, value: number, budget: number, at: 'most' | 'least'): NonNullable<BenchResult['ratio']> {
  return {
    of,
    value,
    budget: `${at === 'most' ? '≤' : '≥'} ${budget}`,
    ok: at === 'most' ? value <= budget : value >= budget,
  };
}

/** Median nanoseconds per frame of each stage. */
interface Journey {
  readonly push: number;
  readonly transit: number;
  readonly egress: number;
  readonly parse: number;
  readonly lookup: number;
  readonly sipHash: number;
  readonly checksum: number;
}

function journey(bench: Workbench, kernels: Kernels, batches: number): Journey {
  const push = stage(
    bench,
    batches,
    () => bench.fill(),
    () => bench.push(kernels),
  );
  const sealed = (): void => {
    bench.fill();
    bench.push(kernels);
  };
  const transit = stage(bench, batches, sealed, () => bench.transit(kernels));
  const egress = stage(bench, batches, sealed, () => bench.egress(kernels));
  const parse = stage(
    bench,
    batches,
    () => bench.fill(),
    () => bench.parse(kernels),
  );
  const parsed = (): void => {
    bench.fill();
    bench.parse(kernels);
  };
  const lookup = stage(bench, batches, parsed, () => bench.lookup(kernels));
  // The two that have no batch form are called once a frame, on what a frame's signature and descriptor are as long as.
  const slot = bench.arena.slot(0);
  const signed = DESCRIPTOR_BYTES + 2 + SIGNED_FRAME_BYTES;
  const descriptor = slot + S_DESCRIPTOR;
  const sipHash = stage(
    bench,
    batches,
    () => bench.fill(),
    () => {
      for (let i = 0; i < BATCH; i++) kernels.sipHash(descriptor, descriptor, signed, slot + S_SCRATCH);
    },
  );
  const checksum = stage(
    bench,
    batches,
    () => bench.fill(),
    () => {
      for (let i = 0; i < BATCH; i++) kernels.checksum(descriptor, DESCRIPTOR_BYTES);
    },
  );
  return { push, transit, egress, parse, lookup, sipHash, checksum };
}

/** Median time per frame of `work` over batches that `prepare` makes; the first tenth only warms up. */
function stage(bench: Workbench, batches: number, prepare: () => void, work: () => void): number {
  const warmUp = Math.ceil(batches / 10);
  const took = new Float64Array(batches);
  for (let i = -warmUp; i < batches; i++) {
    prepare();
    const start = performance.now();
    work();
    const end = performance.now();
    bench.check();
    if (i >= 0) took[i] = end - start;
  }
  took.sort();
  return (took[batches >>> 1] * 1e6) / BATCH;
}
