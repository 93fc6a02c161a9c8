import type { Probe } from '../../../domain/probe/events';
import type { Tap } from '../../../dataplane/packet-ports/linux/tap';
import type { CapturedFrame } from '../../../dataplane/probes/captured-frames';
import type { Io } from '../../../interface/cli/programs';
import { wallMicros } from '../wall-clock';
import { CaptureWriter } from './capture-writer';
import type { Collector } from './collector';
import { frameJson, frameLine } from './frame-lines';
import type { ProbeInterfaces } from './interfaces';
import type { CaptureOutput } from './output';

/** Where captured frames go. */
export interface Taking {
  begin(): Promise<void>;
  /** A frame of a point, and its bytes as they are to be shown. */
  add(frame: CapturedFrame, shown: Uint8Array): void;
  /** False when nobody takes any more. */
  flush(): Promise<boolean>;
  end(): Promise<void>;
}

/** Into a file, a pipe or stdout. */
export class FileTaking implements Taking {
  private readonly writer: CaptureWriter;

  constructor(
    private readonly collector: Collector,
    private readonly output: CaptureOutput,
  ) {
    this.writer = new CaptureWriter(collector.probes, collector.names, collector.by);
  }

  async begin(): Promise<void> {
    await this.output.write(this.writer.take());
  }

  add(frame: CapturedFrame, shown: Uint8Array): void {
    this.writer.add(frame, shown);
  }

  async flush(): Promise<boolean> {
    this.writer.addCounts(this.collector.counts, wallMicros(), false);
    await this.output.write(this.writer.take());
    return !this.output.isGone;
  }

  async end(): Promise<void> {
    this.writer.addCounts(this.collector.counts, wallMicros(), true);
    await this.output.write(this.writer.take());
  }
}

/** Onto the terminal, a line for each frame. */
export class LineTaking implements Taking {
  constructor(
    private readonly collector: Collector,
    private readonly json: boolean,
    private readonly io: Io,
  ) {}

  async begin(): Promise<void> {}

  add(frame: CapturedFrame): void {
    const { probes, names } = this.collector;
    const { name: point } = probes.find(({ id }) => id === frame.probe)!;
    this.io.out(this.json ? frameJson(frame, point, names) : frameLine(frame, point, names));
  }

  async flush(): Promise<boolean> {
    return true;
  }

  async end(): Promise<void> {}
}

/** What an interface showed. */
export interface InterfaceCounts {
  readonly interface: string;
  /** Names of the points whose frames it shows. */
  readonly points: string[];
  frames: number;
  /** Frames that found no room. */
  dropped: number;
}

interface ShownPoints {
  readonly tap: Tap;
  readonly counts: InterfaceCounts;
}

/** Onto network interfaces that other programs listen to: one for all points, or one for each. */
export class InterfaceTaking implements Taking {
  private readonly shown = new Map<Tap, ShownPoints>();
  private readonly ofProbe = new Map<number, ShownPoints>();
  private isGone = false;

  /** @throws FlowgridError as {@link ProbeInterfaces.next}. */
  constructor(probes: readonly Probe[], interfaces: ProbeInterfaces) {
    for (const { id, name } of probes) {
      const tap = interfaces.next();
      const points = this.shown.get(tap) ?? {
        tap,
        counts: { interface: tap.name, points: [], frames: 0, dropped: 0 },
      };
      points.counts.points.push(name);
      this.shown.set(tap, points);
      this.ofProbe.set(id, points);
    }
  }

  get counts(): InterfaceCounts[] {
    return Array.from(this.shown.values(), ({ counts }) => counts);
  }

  async begin(): Promise<void> {}

  add({ probe }: CapturedFrame, shown: Uint8Array): void {
    const { tap, counts } = this.ofProbe.get(probe)!;
    const became = tap.write(shown);
    if (became === 'written') counts.frames++;
    else counts.dropped++;
    this.isGone ||= became === 'gone';
  }

  async flush(): Promise<boolean> {
    for (const tap of this.shown.keys()) tap.discard();
    return !this.isGone;
  }

  async end(): Promise<void> {}
}
