import { mix2 } from '../../domain/base/hash';
import { PROTO_ICMP, PROTO_ICMPV6 } from './frame-view';

/** How a frame that an application sent was matched with one that it was given. */
export type Match = 'bytes' | 'tuple' | 'translation' | 'secondary' | 'unmatched';

/** What the mapper knows of a frame that is, or was, inside the application. */
export interface MappedFrame {
  /** The flow's ID. */
  readonly flow: number;
  /** 1 = against the flow's direction. */
  readonly reverse: number;
}

/** The frame's fields by which the mapper works, read from parse results. Offsets are absolute in `bytes`. */
export interface MapperFrame {
  readonly bytes: Uint8Array;
  /** Transport header (0 = none) and the frame's end. */
  readonly l4: number;
  readonly end: number;
  /** 4, 6, or 0. */
  readonly ip: number;
  readonly proto: number;
  /** Source and destination address, 4 or 16 bytes each; without an IP header both 12 bytes into the frame. */
  readonly source: number;
  readonly destination: number;
}

/** A change of addresses or ports that an application declares: frames of `inner` leave as `outer`. */
export interface Translation {
  readonly inner: string;
  readonly outer: string;
}

export interface FlowMapperOptions {
  /** Frames inside the application at most; the oldest make room (counted as `evicted`). */
  readonly capacity: number;
  /** 5-tuples remembered, and translations declared, at most; the longest unused, and the oldest, make room. */
  readonly tuples: number;
  /** What becomes of what cannot be matched: a flow of the application's own ([0062]), or nothing (`unmatched`). */
  readonly secondary: boolean;
  /** Whether frames of a flow may be sent from here; what would match one of another flow is looked for further. */
  carries?(flow: number): boolean;
}

/**
 * The flow mapper ([0078]): the descriptor is taken off before an application sees the frame; for what the application
 * sends, the mapper finds it again, by the first of these that applies:
 *
 * 1. the bytes from the layer-4 header on are those of a frame that is inside;
 * 2. the 5-tuple is one that a frame inside, or an earlier one of a live flow, had: the same flow and direction, or, when
 *    the ends are swapped, the opposite direction (an answer);
 * 3. a translation that the application declares maps the 5-tuple to such a one;
 * 4. otherwise it opens a secondary flow, where it has a 5-tuple and those are made here, or is `unmatched`.
 *
 * The table of frames is small and bounded, because an entry is kept only while its frame is inside ([0078]); tuples are
 * kept while their flow lives, within their own bound.
 */
export class FlowMapper {
  evicted = 0;

  /** Frames inside by the hash of their bytes, oldest first; equal frames queue up behind each other. */
  private readonly inside = new Map<number, InsideFrame[]>();
  private readonly order = new Map<number, InsideFrame>();
  private readonly tuples = new Map<string, MappedFrame>();
  /** The 5-tuples of each flow, so that its end costs no more than it left. */
  private readonly tuplesOf = new Map<number, Set<string>>();
  private readonly translations = new Map<string, string>();
  private serial = 0;

  constructor(private readonly options: FlowMapperOptions) {}

  /** Frames inside now. */
  get size(): number {
    return this.order.size;
  }

  /** A frame goes into the application. @returns its ticket. */
  enter(frame: MapperFrame, mapped: MappedFrame): number {
    if (this.order.size >= this.options.capacity) this.evictOldest();
    const tuple = tupleOf(frame);
    const entry: InsideFrame = { ticket: ++this.serial, hash: hashFromL4(frame), tuple, mapped };
    const queue = this.inside.get(entry.hash);
    if (queue === undefined) this.inside.set(entry.hash, [entry]);
    else queue.push(entry);
    this.order.set(entry.ticket, entry);
    if (tuple !== undefined) this.learn(tuple, mapped);
    return entry.ticket;
  }

  /** The application sent a frame: what it belongs to. A match by bytes takes the frame out of the table. */
  leave(frame: MapperFrame): Found {
    const tuple = tupleOf(frame);
    const candidates = this.inside.get(hashFromL4(frame))?.filter(({ mapped }) => this.carries(mapped));
    // Two hosts may send the same segment; of equal ones the one with the same ends is meant, else the oldest.
    const entry = candidates?.find((candidate) => candidate.tuple === tuple) ?? candidates?.[0];
    if (entry !== undefined) {
      this.forget(entry.ticket);
      return { match: 'bytes', mapped: entry.mapped, answer: false };
    }
    if (tuple !== undefined) {
      const direct = this.byTuple(tuple);
      if (direct !== undefined) return { match: 'tuple', ...direct };
      const inner = this.translations.get(tuple);
      const translated = inner === undefined ? undefined : this.byTuple(inner);
      if (translated !== undefined) return { match: 'translation', ...translated };
    }
    if (this.options.secondary && tuple !== undefined) return { match: 'secondary', tuple };
    return { match: 'unmatched' };
  }

  /** Frames of a 5-tuple that {@link leave} found no flow for belong to one from now on, until it ends. */
  bind(tuple: string, mapped: MappedFrame): void {
    this.learn(tuple, mapped);
  }

  /** The application is done with a frame without sending it (dropped, consumed, or timed out). */
  forget(ticket: number): void {
    const entry = this.order.get(ticket);
    if (entry === undefined) return;
    this.order.delete(ticket);
    const queue = this.inside.get(entry.hash);
    if (queue === undefined) return;
    queue.splice(queue.indexOf(entry), 1);
    if (queue.length === 0) this.inside.delete(entry.hash);
  }

  /** The application says that frames of 5-tuple `inner` leave as `outer` ({@link tupleText}), and back. */
  declare(translation: Translation): void {
    this.translations.set(translation.outer, translation.inner);
    this.translations.set(swapped(translation.outer), swapped(translation.inner));
    for (const oldest of this.translations.keys()) {
      if (this.translations.size <= 2 * this.options.tuples) break;
      this.translations.delete(oldest);
    }
  }

  /** The translation no longer holds. */
  withdraw(translation: Translation): void {
    this.translations.delete(translation.outer);
    this.translations.delete(swapped(translation.outer));
  }

  /** The flow is over: its tuples and whatever is still inside are forgotten. */
  flowEnded(flow: number): void {
    for (const tuple of this.tuplesOf.get(flow) ?? []) this.tuples.delete(tuple);
    this.tuplesOf.delete(flow);
    for (const [ticket, entry] of this.order) if (entry.mapped.flow === flow) this.forget(ticket);
  }

  private byTuple(tuple: string): { mapped: MappedFrame; answer: boolean } | undefined {
    const same = this.tuples.get(tuple);
    if (same !== undefined && this.carries(same)) return { mapped: same, answer: false };
    const answered = this.tuples.get(swapped(tuple));
    return answered !== undefined && this.carries(answered) ? { mapped: answered, answer: true } : undefined;
  }

  private carries(mapped: MappedFrame): boolean {
    return this.options.carries?.(mapped.flow) ?? true;
  }

  /** The newest frame of a tuple speaks for it; re-inserting keeps the map in order of use. */
  private learn(tuple: string, mapped: MappedFrame): void {
    this.unlearn(tuple);
    if (this.tuples.size >= this.options.tuples) {
      for (const oldest of this.tuples.keys()) {
        this.unlearn(oldest);
        break;
      }
    }
    this.tuples.set(tuple, mapped);
    const own = this.tuplesOf.get(mapped.flow);
    if (own === undefined) this.tuplesOf.set(mapped.flow, new Set([tuple]));
    else own.add(tuple);
  }

  private unlearn(tuple: string): void {
    const mapped = this.tuples.get(tuple);
    if (mapped === undefined) return;
    this.tuples.delete(tuple);
    const own = this.tuplesOf.get(mapped.flow);
    own?.delete(tuple);
    if (own?.size === 0) this.tuplesOf.delete(mapped.flow);
  }

  private evictOldest(): void {
    for (const ticket of this.order.keys()) {
      this.forget(ticket);
      this.evicted++;
      return;
    }
  }
}

/** What a frame belongs to; `answer`: against the direction of the frame that it was matched with. */
export interface Found {
  readonly match: Match;
  readonly mapped?: MappedFrame;
  readonly answer?: boolean;
  /** The 5-tuple of a new secondary flow. */
  readonly tuple?: string;
}

interface InsideFrame {
  readonly ticket: number;
  readonly hash: number;
  readonly tuple: string | undefined;
  readonly mapped: MappedFrame;
}

/** Hash of the bytes from the layer-4 header (without one: from `source` on) to the end. */
function hashFromL4(frame: MapperFrame): number {
  const { bytes, end } = frame;
  const from = frame.l4 === 0 ? frame.source : frame.l4;
  let hash = mix2(frame.proto, end - from);
  let at = from;
  for (; at + 4 <= end; at += 4) {
    hash = mix2(hash, (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]);
  }
  for (; at < end; at++) hash = mix2(hash, bytes[at]);
  return hash;
}

/** `proto source:port destination:port`, addresses in hex: the names by which translations are declared. */
export function tupleText(
  proto: number,
  source: string,
  sourcePort: number,
  destination: string,
  port: number,
): string {
  return `${proto} ${source}:${sourcePort} ${destination}:${port}`;
}

function tupleOf(frame: MapperFrame): string | undefined {
  if (frame.ip === 0) return undefined;
  const length = frame.ip === 4 ? 4 : 16;
  const hex = (at: number): string => Buffer.from(frame.bytes.subarray(at, at + length)).toString('hex');
  const portless = frame.l4 === 0 || frame.proto === PROTO_ICMP || frame.proto === PROTO_ICMPV6;
  const port = (at: number): number => (portless ? 0 : (frame.bytes[at] << 8) | frame.bytes[at + 1]);
  return tupleText(frame.proto, hex(frame.source), port(frame.l4), hex(frame.destination), port(frame.l4 + 2));
}

function swapped(tuple: string): string {
  const [proto, source, destination] = tuple.split(' ');
  return `${proto} ${destination} ${source}`;
}
