import { FlowgridError } from '../../domain/base/errors';
import { parseFilter } from '../../domain/probe/filter';
import { RING_BYTES_DEFAULT, type Probe } from '../../domain/probe/events';
import type { Arena } from '../../dataplane/frames/arena';
import { CaptureReader, createCaptureRing, ringSize, type CaptureCounts } from '../../dataplane/probes/capture-ring';
import type { PointSetup } from '../../dataplane/probes/probe-points';

/** What becomes of a probe in one group of nodes. */
export type ProbeCommand =
  { readonly op: 'attach-probe'; readonly point: PointSetup } | { readonly op: 'detach-probe'; readonly probe: number };

/** A point that captures, as whoever reads it sees it. */
export interface ProbeTap {
  readonly probe: Probe;
  /** Takes captured frames (records of capture-ring.ts) into `target` from `at` on; returns how many bytes. */
  take(target: Uint8Array, at: number): number;
  /** Bytes that wait to be taken. */
  readonly pending: number;
  /** What was captured and what was not, since it was attached. */
  counts(): CaptureCounts;
  /** The point captures nothing more; what waits can still be taken. */
  stop(): Promise<void>;
  /** Stops, and lets go of what waits. */
  detach(): Promise<void>;
}

/** Where probe points can be attached: nodes hosted in this process. */
export interface ProbeHost {
  /**
   * @param network the external network at which the probe is, or that its link leads to; 0 = it is on an internal one
   * @throws FlowgridError `rejected` when there is no memory for its rings.
   */
  attachProbe(probe: Probe, network: number): Promise<ProbeTap>;
}

/** The probe points of all groups on one arena: a ring for each point and group. Rings of detached points are used again. */
export class ProbeTaps implements ProbeHost {
  /** Addresses of rings that are nobody's, by size. */
  private readonly spare = new Map<number, number[]>();

  constructor(
    private readonly arena: Arena,
    private readonly groups: number,
    private readonly tell: (group: number, command: ProbeCommand) => Promise<void>,
  ) {}

  async attachProbe(probe: Probe, network: number): Promise<ProbeTap> {
    const { arena, groups } = this;
    const bytes = probe.ringBytes ?? RING_BYTES_DEFAULT;
    const size = ringSize(bytes);
    const rings = this.takeRings(size, probe.name);
    const filter = probe.filter === undefined ? {} : { filter: parseFilter(probe.filter) };
    const readers = rings.map((ring) => {
      createCaptureRing(arena, ring, bytes);
      return new CaptureReader(arena, ring);
    });
    for (let group = 0; group < groups; group++) {
      const { id, link, node } = probe;
      const point: PointSetup = { id, link, network, node, ring: rings[group]!, ...filter };
      await this.tell(group, { op: 'attach-probe', point });
    }
    let isStopped = false;
    let isAttached = true;
    const stop = async (): Promise<void> => {
      if (isStopped) return;
      isStopped = true;
      for (let group = 0; group < groups; group++) await this.tell(group, { op: 'detach-probe', probe: probe.id });
    };
    return {
      probe,
      take: (target, at) => readers.reduce((taken, reader) => taken + reader.take(target, at + taken), 0),
      get pending() {
        return readers.reduce((bytes, reader) => bytes + reader.pending, 0);
      },
      counts: () => readers.map((reader) => reader.counts()).reduce(added),
      stop,
      detach: async () => {
        if (!isAttached) return;
        isAttached = false;
        await stop();
        this.spare.set(size, [...(this.spare.get(size) ?? []), ...rings]);
      },
    };
  }

  private takeRings(size: number, name: string): number[] {
    const spare = this.spare.get(size) ?? [];
    const rings = spare.splice(0, this.groups);
    while (rings.length < this.groups) {
      const ring = this.arena.tryAllocate(size);
      if (ring === 0) {
        this.spare.set(size, [...spare, ...rings]);
        throw new FlowgridError('rejected', `probe ${name}: no memory is left for a ring of ${size} bytes`, {
          remedy: 'ask for a smaller one with --ring, or detach another probe',
        });
      }
      rings.push(ring);
    }
    return rings;
  }
}

function added(a: CaptureCounts, b: CaptureCounts): CaptureCounts {
  return { captured: a.captured + b.captured, dropped: a.dropped + b.dropped };
}
