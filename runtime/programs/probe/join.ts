import { clusterOf, nodeOf, type Micros, type NodeRef } from '../../../domain/base/ids';
import { LINK_ETHERNET } from '../../../dataplane/packet-ports/capture/link-types';
import { PcapngWriter } from '../../../dataplane/packet-ports/capture/pcapng-writer';
import { EXIT, type Io, type ProbeJoin } from '../../../interface/cli/programs';
import { hopLatencyText } from '../../../interface/cli/hop-latency-text';
import { hopLatencies, type HopLatency } from '../../../projections';
import { joinedFrames, type JoinedFrame } from './joined-frames';

/**
 * `flowgrid probe join`: finds each frame of a flow in raw captures of several points, by flow ID, direction and sequence,
 * and outside the grid by its bytes, and says what each hop took. Exit 4 when no frame was seen at two points.
 *
 * @throws FlowgridError `usage` for a file that is no capture, or without descriptors.
 */
export function join({ captures, write }: ProbeJoin, json: boolean, io: Io): number {
  const frames = joinedFrames(captures);
  const names = namesFrom(frames);
  const hops = hopLatencies(frames.flatMap(({ sighting }) => sighting ?? []));
  const told = hops.map(({ hop, ...rest }) => ({ hop: hopName(hop, names), ...rest }));
  if (write !== undefined) writeJoined(write, frames);
  if (json) io.out(JSON.stringify({ frames: frames.length, hops: told }));
  else for (const line of hopLatencyText(told)) io.out(line);
  if (hops.length > 0) return EXIT.ok;
  io.err('no frame was seen at two points: capture what goes in and out of a cluster, as: flowgrid probe AB --raw');
  return EXIT.findings;
}

/** Names of nodes, as far as points at their interfaces tell them. */
function namesFrom(frames: readonly JoinedFrame[]): ReadonlyMap<NodeRef, string> {
  const names = new Map<NodeRef, string>();
  for (const { point, direction, sighting } of frames) {
    const at = point.lastIndexOf('@');
    if (sighting === undefined || direction === undefined || at < 0) continue;
    names.set(direction === 'in' ? sighting.to : sighting.from, point.slice(0, at));
  }
  return names;
}

function hopName(hop: HopLatency['hop'], names: ReadonlyMap<NodeRef, string>): string {
  const nameOf = (ref: NodeRef): string => names.get(ref) ?? `${clusterOf(ref)}/${nodeOf(ref)}`;
  return 'node' in hop ? nameOf(hop.node) : `${nameOf(hop.from)} > ${nameOf(hop.to)}`;
}

/** All frames in the order of time; each says how long before it its frame was seen, and where. */
function writeJoined(path: string, frames: readonly JoinedFrame[]): void {
  const points = [...new Set(frames.map(({ point }) => point))];
  const writer = new PcapngWriter(path, { interfaces: points.map((name) => ({ name, linkType: LINK_ETHERNET })) });
  const places = new Map(points.map((name, place) => [name, place]));
  const seen = new Map<string, { readonly first: Micros; readonly last: JoinedFrame }>();
  try {
    for (const frame of frames) {
      const { point, time, bytes, direction, sighting, called } = frame;
      const before = sighting === undefined ? undefined : seen.get(sighting.frame);
      const comment =
        before === undefined
          ? undefined
          : `${called}: ${time - before.last.time} us after ${placeOf(before.last)}, ${time - before.first} us after it was seen first`;
      if (sighting !== undefined) seen.set(sighting.frame, { first: before?.first ?? time, last: frame });
      writer.write(places.get(point)!, time, 0, bytes, 0, bytes.length, bytes.length, comment, direction);
    }
  } finally {
    writer.close();
  }
}

function placeOf({ point, direction }: JoinedFrame): string {
  return direction === undefined ? point : `${point} ${direction}`;
}
