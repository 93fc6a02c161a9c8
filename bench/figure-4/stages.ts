import { performance } from 'node:perf_hooks';
import { loadKernels, type Kernels } from '../../dataplane/kernels/kernels';
import { median } from '../log/measure';
import { BATCH, Workbench } from '../packet-path/workbench';

/** What the stages of a frame's way cost alone, nanoseconds a frame. */
export interface StageCosts {
  /** Parse, look up, stamp, seal, at the INODE where the frame enters. */
  readonly push: number;
  /** Open, look up, admit, advance, seal, at an ANODE. */
  readonly transit: number;
  /** Open, look up, admit: what a shadow does before it holds the frame, and an INODE before the frame leaves. */
  readonly arrival: number;
  /** Parse and look up, by which the INODE where the frame leaves knows its connection. */
  readonly recognition: number;
}

/** The kernels alone, over tables with as many flows as the grid has. */
export class Stages {
  private readonly bench: Workbench;
  private readonly kernels: Kernels;

  /** @param places of each table, here as in the grid that is compared with this. */
  constructor(
    flows: number,
    frameBytes: number,
    readonly places: number,
  ) {
    this.bench = new Workbench(flows, places);
    this.bench.setFrameSize(frameBytes);
    this.kernels = loadKernels(this.bench.arena);
  }

  /** Times each stage over `batches` batches. */
  measure(batches: number): StageCosts {
    const { bench, kernels } = this;
    const fill = (): void => bench.fill();
    const sealed = (): void => {
      bench.fill();
      bench.push(kernels);
    };
    return {
      push: this.time(batches, fill, () => bench.push(kernels)),
      transit: this.time(batches, sealed, () => bench.transit(kernels)),
      arrival: this.time(batches, sealed, () => bench.egress(kernels)),
      recognition: this.time(batches, fill, () => {
        bench.parse(kernels);
        bench.lookup(kernels);
      }),
    };
  }

  private time(batches: number, prepare: () => void, work: () => void): number {
    const took = Array.from({ length: batches }, () => {
      prepare();
      const begin = performance.now();
      work();
      const ms = performance.now() - begin;
      this.bench.check();
      return ms;
    });
    return (median(took) * 1e6) / BATCH;
  }
}

/**
 * What a frame's way through figure 4 costs by its stages: in at an INODE, two ANODEs, a shadow beside the first of
 * them, out at another INODE. The copy for the shadow is left out.
 */
export function sumOf({ push, transit, arrival, recognition }: StageCosts): number {
  return push + 2 * transit + arrival + (arrival + recognition);
}
