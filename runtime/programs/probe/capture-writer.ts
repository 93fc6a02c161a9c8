import type { Micros } from '../../../domain/base/ids';
import type { Probe } from '../../../domain/probe/events';
import { sealedFrameText, type DescriptorNames } from '../../../dataplane/descriptor/text';
import { LINK_ETHERNET } from '../../../dataplane/packet-ports/capture/link-types';
import { MemorySink } from '../../../dataplane/packet-ports/capture/byte-sink';
import { PcapngWriter } from '../../../dataplane/packet-ports/capture/pcapng-writer';
import type { CaptureCounts } from '../../../dataplane/probes/capture-ring';
import { isInside, type CapturedFrame } from '../../../dataplane/probes/captured-frames';

/**
 * Makes what probe points captured a pcapng file: an interface for each point, what each descriptor says as the comment on
 * its packet, and what was dropped as interface statistics.
 */
export class CaptureWriter {
  private readonly sink = new MemorySink();
  private readonly writer: PcapngWriter;
  private readonly places: ReadonlyMap<number, number>;
  /** Counts as they were written last. */
  private readonly told = new Map<number, number>();

  constructor(
    probes: readonly Probe[],
    private readonly names: DescriptorNames,
    collector: string,
  ) {
    this.places = new Map(probes.map(({ id }, place) => [id, place]));
    this.writer = new PcapngWriter(this.sink, {
      interfaces: probes.map((probe) => ({
        name: probe.name,
        description: descriptionOf(probe),
        linkType: LINK_ETHERNET,
      })),
      comment: `captured by ${collector}`,
    });
  }

  /** Adds a frame of a point, with its bytes as they are shown. */
  add(frame: CapturedFrame, shown: Uint8Array): void {
    const comment = isInside(frame) ? sealedFrameText(frame.bytes, this.names) : undefined;
    const place = this.places.get(frame.probe)!;
    this.writer.write(place, frame.time, 0, shown, 0, shown.length, shown.length, comment, frame.direction);
  }

  /** Adds what points have counted; unless `all`, only of those that have dropped more frames since. */
  addCounts(counts: ReadonlyMap<number, CaptureCounts>, at: Micros, all: boolean): void {
    for (const [probe, { captured, dropped }] of counts) {
      const place = this.places.get(probe);
      if (place === undefined || (!all && dropped === (this.told.get(probe) ?? 0))) continue;
      this.told.set(probe, dropped);
      this.writer.statistics(place, at, captured + dropped, dropped);
    }
  }

  /** The bytes of the file since the last call. */
  take(): Uint8Array {
    return this.sink.take();
  }
}

function descriptionOf({ node, network, view, filter }: Probe): string {
  const whole = network === undefined ? 'link probe' : 'network probe';
  const kind = node === 0 ? whole : 'interface probe';
  return `${kind}, ${view} frames${filter === undefined ? '' : `, filter: ${filter}`}`;
}
