import { statSync } from 'node:fs';
import { CaptureClassifier } from '../../classify/capture-classifier';
import type { TrackedRow } from '../../classify/connection-row';
import type { Datagram } from '../../classify/datagram-ledger';
import { addressText } from '../../classify/keys';
import type { Arena } from '../../frames/arena';
import {
  FRAME_MIN,
  K_ADDR_A,
  K_ADDR_B,
  K_IP,
  K_PORT_A,
  K_PROTO,
  S_ETHERTYPE,
  S_KEY,
  S_LEN,
  S_OFF,
  S_SRC_IS_B,
  S_TAGS,
} from '../../frames/layout';
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6, PROTO_LAYER_2 } from '../../headers/numbers';
import { openCapture } from './reader';

/** Where a frame of a capture stands when it is replayed through a grid: 0 the initiator's side, 1 the responder's. */
export type Side = 0 | 1;

/**
 * Decides for each frame of a capture from which side of the grid it came: from the initiator's or the responder's of its
 * flow group (for FTP data: of the control connection). The initiator is whoever sent the first bare SYN, else the
 * first frame. An ICMP error comes from where the packet went that it quotes. What is in no connection goes with its
 * addresses: with the first connection between them, else whoever of the two is seen first is the initiator; frames
 * without readable IP addresses go by their MAC addresses.
 *
 * Reads the capture once; frames after a read error are not there.
 * @throws FlowgridError as `openCapture` does.
 */
export function planSides(path: string): Uint8Array {
  const file = statSync(path, { throwIfNoEntry: false });
  const reader = openCapture(path);
  try {
    const captureBytes = file?.isFile() === true ? file.size : 0;
    // Silence ends nothing: a host must not change sides because it fell silent.
    const classifier = new CaptureClassifier({ captureBytes, idle: 'none' });
    const plan = new SidePlan(classifier);
    while (reader.next()) {
      classifier.add(reader.record);
      plan.note();
    }
    return plan.sides();
  } finally {
    reader.close();
  }
}

/** What is kept of a frame until the whole capture is known. */
interface FramePlace {
  readonly row: TrackedRow | undefined;
  readonly datagram: Datagram | undefined;
  readonly fromB: boolean;
  /** For frames in no connection; undefined for runts, which have no addresses. */
  readonly pair: AddressPair | undefined;
  readonly fromLow: boolean;
}

/** Two addresses that frames go between. */
interface AddressPair {
  /** Whether the smaller address stands on the initiator's side. */
  lowIsInitiator: boolean;
  /** The first connection between the two, which decides, and whether its end `a` is the smaller address. */
  row?: TrackedRow;
  lowIsA: boolean;
}

class SidePlan {
  private readonly places: FramePlace[] = [];
  private readonly pairs = new Map<string, AddressPair>();

  constructor(private readonly classifier: CaptureClassifier) {}

  /** Notes the record that the classifier has just taken. */
  note(): void {
    const { arena, slot, lastRow, lastDatagram, lastQuoted, lastQuotedFromB } = this.classifier;
    const fromB = lastQuoted === undefined ? this.classifier.lastFromB : !lastQuotedFromB;
    const isRunt = arena.u32[(slot + S_LEN) >>> 2] < FRAME_MIN;
    const ends = isRunt ? undefined : frameEnds(arena, slot);
    const fromLow = ends !== undefined && ends.source <= ends.destination;
    const pair = ends === undefined ? undefined : this.pair(ends, fromLow);
    const row = lastQuoted ?? lastRow;
    if (pair !== undefined && lastRow !== undefined && lastDatagram === undefined)
      noteConnection(pair, lastRow, fromLow);
    this.places.push({ row, datagram: lastDatagram, fromB, pair, fromLow });
  }

  /** A side for each frame. */
  sides(): Uint8Array {
    return Uint8Array.from(this.places, (place) => this.side(place));
  }

  private side({ row, datagram, fromB, pair, fromLow }: FramePlace): Side {
    const known = row ?? datagram?.row;
    if (known !== undefined) return sideOf(known, fromB === known.aIsB);
    if (pair?.row !== undefined) return sideOf(pair.row, fromLow === pair.lowIsA);
    return fromLow === pair?.lowIsInitiator ? 0 : 1;
  }

  private pair(ends: FrameEnds, fromLow: boolean): AddressPair {
    const { source, destination } = ends;
    const key = fromLow ? `${source} ${destination}` : `${destination} ${source}`;
    let pair = this.pairs.get(key);
    if (pair === undefined) {
      pair = { lowIsInitiator: fromLow, lowIsA: true };
      this.pairs.set(key, pair);
    }
    return pair;
  }
}

/** Remembers the first connection between two addresses; its end `a` sent the frame in hand, its first. */
function noteConnection(pair: AddressPair, row: TrackedRow, fromLow: boolean): void {
  if (pair.row !== undefined) return;
  pair.row = row;
  pair.lowIsA = fromLow;
}

/** The side of a connection's frame from its end `a` or from the other one. */
function sideOf(row: TrackedRow, fromA: boolean): Side {
  let forward = fromA === row.initiatorIsA;
  if (row.reversed) forward = !forward;
  // The group's initiator may have shown itself only after its first frames.
  if (row.announcedBy !== undefined && !row.announcedBy.initiatorIsA) forward = !forward;
  return forward ? 0 : 1;
}

interface FrameEnds {
  readonly source: string;
  readonly destination: string;
}

/** A frame's addresses: those of its key; of an unreadable IP header, those that it still holds; else the MACs. */
function frameEnds(arena: Arena, slot: number): FrameEnds {
  const { u8 } = arena;
  const key = slot + S_KEY;
  if (u8[key + K_PROTO] === PROTO_LAYER_2 && u8[key + K_IP] === 0) {
    const unreadable = headerAddresses(arena, slot, arena.u16[(key + K_PORT_A) >>> 1]);
    if (unreadable !== undefined) return unreadable;
  }
  const a = addressText(u8, key + K_ADDR_A);
  const b = addressText(u8, key + K_ADDR_B);
  return u8[slot + S_SRC_IS_B] === 1 ? { source: b, destination: a } : { source: a, destination: b };
}

/** The addresses at their places in an IP header that makes no sense otherwise; undefined where they are cut off. */
function headerAddresses(arena: Arena, slot: number, etherType: number): FrameEnds | undefined {
  const size = etherType === ETHERTYPE_IPV4 ? 4 : etherType === ETHERTYPE_IPV6 ? 16 : 0;
  if (size === 0 || arena.u16[(slot + S_ETHERTYPE) >>> 1] !== etherType) return undefined;
  const header = 14 + 4 * arena.u8[slot + S_TAGS];
  const at = header + (size === 4 ? 12 : 8);
  if (at + 2 * size > arena.u32[(slot + S_LEN) >>> 2]) return undefined;
  const from = slot + arena.u32[(slot + S_OFF) >>> 2] + at;
  return { source: keyText(arena.u8, from, size), destination: keyText(arena.u8, from + size, size) };
}

/** An address as keys hold it: 16 bytes, zeros first. */
function keyText(bytes: Uint8Array, at: number, size: number): string {
  const address = new Uint8Array(16);
  address.set(bytes.subarray(at, at + size), 16 - size);
  return addressText(address, 0);
}
