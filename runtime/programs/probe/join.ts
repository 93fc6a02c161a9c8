import { FlowgridError } from '../../../domain/base/errors';
import { clusterOf, nodeOf, type Micros, type NodeRef } from '../../../domain/base/ids';
import { trailerV1 } from '../../../dataplane/descriptor/codec';
import { refOfMac } from '../../../dataplane/descriptor/node-table';
import { DF_REPLICA, DF_REVERSE } from '../../../dataplane/frames/layout';
import { LINK_ETHERNET } from '../../../dataplane/packet-ports/capture/link-types';
import { PcapngWriter } from '../../../dataplane/packet-ports/capture/pcapng-writer';
import { openCapture } from '../../../dataplane/packet-ports/capture/reader';
import { EXIT, type Io, type ProbeJoin } from '../../../interface/cli/programs';
import { hopLatencyText } from '../../../interface/cli/hop-latency-text';
import { flowName, hopLatencies, type HopLatency, type Sighting } from '../../../projections';

/** A frame of a raw capture. */
interface JoinedFrame {
  readonly point: string;
  readonly direction: 'in' | 'out' | undefined;
  readonly time: Micros;
  readonly bytes: Uint8Array;
  /** Absent: a frame of no flow, or one that no number tells from others. */
  readonly sighting?: Sighting;
  /** `0x01abcdef #3`, with `reverse` where it is that. */
  readonly called?: string;
}

/**
 * `flowgrid probe join`: finds each frame of a flow in raw captures of several points, by flow ID, direction and sequence, and
 * says what each hop took. Exit 4 when no frame was seen at two points.
 *
 * @throws FlowgridError `usage` for a file that is no capture, or without descriptors.
 */
export function join({ captures, write }: ProbeJoin, json: boolean, io: Io): number {
  const frames = captures.flatMap((path) => framesOf(path)).sort((a, b) => a.time - b.time);
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

function framesOf(path: string): JoinedFrame[] {
  const reader = openCapture(path);
  const frames: JoinedFrame[] = [];
  try {
    while (reader.next()) {
      const { record } = reader;
      const { name } = reader.interfaces[record.interfaceId]!;
      const { time, direction } = record;
      frames.push({ point: name === '' ? path : name, time, direction, ...readFrame(record.bytes().slice(), record) });
    }
    if (reader.readError !== null) {
      throw new FlowgridError('usage', `${path}: byte ${reader.readError.offset}: ${reader.readError.message}`);
    }
  } finally {
    reader.close();
  }
  if (frames.length > 0 && frames.every(({ sighting }) => sighting === undefined)) {
    throw new FlowgridError('usage', `${path}: no frame has the descriptor of a flow`, {
      remedy: 'capture with --raw: restored frames have none',
    });
  }
  return frames;
}

function readFrame(
  bytes: Uint8Array,
  { time, direction }: { readonly time: Micros; readonly direction: 'in' | 'out' | undefined },
): Pick<JoinedFrame, 'bytes' | 'sighting' | 'called'> {
  const [to, from] = [refOfMac(bytes, 0), refOfMac(bytes, 6)];
  const decoded = from === 0 || to === 0 ? undefined : trailerV1.decode(bytes);
  if (decoded?.ok !== true || decoded.descriptor.flowType === 0 || decoded.descriptor.sequence === 0) return { bytes };
  const { flowId, flags, sequence } = decoded.descriptor;
  const called = `${flowName(flowId)}${(flags & DF_REVERSE) === 0 ? '' : ' reverse'} #${sequence}`;
  const frame = (flags & DF_REPLICA) === 0 ? called : `${called} replica`;
  return { bytes, called, sighting: { frame, time, from, to, kind: direction === 'in' ? 'arrive' : 'depart' } };
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
