import { sha256 } from '../../../adapters/codec/hash';
import { FlowgridError } from '../../../domain/base/errors';
import type { Micros } from '../../../domain/base/ids';
import { trailerV1, type Descriptor } from '../../../dataplane/descriptor/codec';
import { refOfMac } from '../../../dataplane/descriptor/node-table';
import { DF_REPLICA, DF_REVERSE } from '../../../dataplane/frames/layout';
import { openCapture } from '../../../dataplane/packet-ports/capture/reader';
import { restored } from '../../../dataplane/probes/restore';
import { flowName, type Sighting } from '../../../projections';
import { outsideSightings, type BorderFrame, type OutsideFrame } from './outside-frames';

/** A frame of a raw capture. */
export interface JoinedFrame {
  readonly point: string;
  readonly direction: 'in' | 'out' | undefined;
  readonly time: Micros;
  readonly bytes: Uint8Array;
  /** Absent: a frame of no flow, one that no number tells from others, or outside the grid one that is not found inside. */
  readonly sighting?: Sighting;
  /** `0x01abcdef #3`, with `reverse` where it is that. */
  readonly called?: string;
  /** What stands in its descriptor, where it has one of a flow. */
  readonly descriptor?: Descriptor;
}

/**
 * The frames of raw captures in the order of time.
 *
 * @throws FlowgridError `usage` for a file that is no capture or holds restored frames, or when no frame has a descriptor.
 */
export function joinedFrames(captures: readonly string[]): JoinedFrame[] {
  const frames = captures.flatMap((path) => framesOf(path)).sort((a, b) => a.time - b.time);
  if (frames.length > 0 && frames.every(({ sighting }) => sighting === undefined)) {
    throw new FlowgridError('usage', `${captures.join(', ')}: no frame has the descriptor of a flow`, {
      remedy: 'capture with --raw: restored frames have none; and not networks alone: outside there are none',
    });
  }
  return withOutside(frames);
}

function framesOf(path: string): JoinedFrame[] {
  const reader = openCapture(path);
  const frames: JoinedFrame[] = [];
  try {
    while (reader.next()) {
      const { record } = reader;
      const { name, description } = reader.interfaces[record.interfaceId]!;
      if (description?.includes('restored frames') === true) throw isRestored(path);
      const { time, direction } = record;
      frames.push({ point: name === '' ? path : name, time, direction, ...readFrame(record.bytes().slice(), record) });
    }
    if (reader.readError !== null) {
      throw new FlowgridError('usage', `${path}: byte ${reader.readError.offset}: ${reader.readError.message}`);
    }
  } finally {
    reader.close();
  }
  return frames;
}

function isRestored(path: string): FlowgridError {
  return new FlowgridError('usage', `${path}: its frames are restored, without the descriptors of their flows`, {
    remedy: 'capture with --raw',
  });
}

function readFrame(
  bytes: Uint8Array,
  { time, direction }: { readonly time: Micros; readonly direction: 'in' | 'out' | undefined },
): Pick<JoinedFrame, 'bytes' | 'sighting' | 'called' | 'descriptor'> {
  const [to, from] = [refOfMac(bytes, 0), refOfMac(bytes, 6)];
  const decoded = from === 0 || to === 0 ? undefined : trailerV1.decode(bytes);
  if (decoded?.ok !== true || decoded.descriptor.flowType === 0 || decoded.descriptor.sequence === 0) return { bytes };
  const { descriptor } = decoded;
  const { flowId, flags, sequence } = descriptor;
  const called = `${flowName(flowId)}${(flags & DF_REVERSE) === 0 ? '' : ' reverse'} #${sequence}`;
  const frame = (flags & DF_REPLICA) === 0 ? called : `${called} replica`;
  const kind = direction === 'in' ? 'arrive' : 'depart';
  return { bytes, called, descriptor, sighting: { frame, time, from, to, kind } };
}

/** Names frames outside the grid as they are called inside, at each point for itself: one frame can be seen at several. */
function withOutside(frames: readonly JoinedFrame[]): JoinedFrame[] {
  const points = new Map<string, Map<OutsideFrame, number>>();
  frames.forEach(({ point, bytes, time, direction, sighting }, place) => {
    if (direction === undefined || sighting !== undefined || refOfMac(bytes, 6) !== 0) return;
    const places = points.get(point) ?? new Map<OutsideFrame, number>();
    points.set(point, places.set({ time, direction, content: sha256(bytes) }, place));
  });
  const joined = [...frames];
  const inside = points.size === 0 ? [] : frames.flatMap(borderFrame);
  for (const places of points.values()) {
    for (const [outside, sighting] of outsideSightings([...places.keys()], inside)) {
      const place = places.get(outside)!;
      joined[place] = { ...joined[place]!, sighting, called: sighting.frame };
    }
  }
  return joined;
}

/** A frame as it was outside, where the node at its one end is the INODE of its flow. */
function borderFrame({ time, bytes, descriptor, sighting }: JoinedFrame): BorderFrame[] {
  if (descriptor === undefined || sighting === undefined || (descriptor.flags & DF_REPLICA) !== 0) return [];
  const { frame, from, to } = sighting;
  const own = restored({ probe: 0, time, direction: undefined, from, to, bytes });
  if (own === undefined) return [];
  const passed = descriptor.path.filter(({ processed }) => processed).length;
  const at = { frame, time, content: sha256(own) };
  return [
    ...(passed === 1 ? [{ ...at, border: 'first', inode: from } as const] : []),
    ...(passed === descriptor.path.length - 1 ? [{ ...at, border: 'last', inode: to } as const] : []),
  ];
}
