import type { Endpoint } from '../../../domain/base/endpoint';
import type { Arena } from '../../frames/arena';
import { addFrame, beginDatagram, DATAGRAM_HEADER, DATAGRAM_MAX, FRAME_LENGTH, frameCount } from './datagram';

/** Datagrams that may be on their way to the operating system at once. */
const BUFFERS = 128;
/** Bytes up to which frames are packed together: what a jumbo frame carries behind IPv6 and UDP headers. */
const FILL = 8952;

/** Hands a datagram to the operating system; `done` is called when its buffer may be written again. */
export type Transmit = (datagram: Buffer, length: number, to: Endpoint, done: (error: Error | null) => void) => void;

/** A datagram being filled or sent: its place in the shared memory, from where the operating system copies it. */
interface SendBuffer {
  readonly at: number;
  readonly view: Buffer;
  length: number;
  readonly done: (error: Error | null) => void;
}

/** The datagrams of one peer: its stream, and the one being filled. */
interface Outbox {
  readonly stream: number;
  sequence: number;
  filling: SendBuffer | undefined;
}

/** The way out of a UDP port: frames are packed into datagrams, one being filled for each peer, in order for each. */
export class Outgoing {
  frames = 0;
  bytes = 0;
  datagrams = 0;
  /** Frames of datagrams that the operating system refused. */
  failed = 0;
  private readonly fill: number;
  private readonly free: SendBuffer[] = [];
  private readonly boxes: Outbox[] = [];
  private readonly dirty: number[] = [];

  constructor(
    private readonly arena: Arena,
    /** Longest datagram. */
    private readonly limit: number,
    private readonly endpoints: readonly Endpoint[],
    /** Makes the number of a peer's stream. */
    private readonly newStream: () => number,
    private readonly transmit: Transmit,
    /** A buffer has become free. */
    private readonly freed: () => void,
  ) {
    this.fill = Math.min(limit, FILL);
    const size = Math.min(limit, DATAGRAM_MAX);
    for (let i = 0; i < BUFFERS; i++) this.free.push(this.buffer(size));
  }

  /** Whether datagrams are being filled or are on their way to the operating system. */
  get isSending(): boolean {
    return this.free.length < BUFFERS;
  }

  /** Whether a frame of this length may travel at all. */
  takes(length: number): boolean {
    return DATAGRAM_HEADER + FRAME_LENGTH + length <= this.limit;
  }

  /** Adds a frame to what goes to a peer; false: no datagram is free for it. Call {@link flush} after a batch. */
  add(peer: number, frame: number, length: number): boolean {
    const box = (this.boxes[peer] ??= { stream: this.newStream(), sequence: 0, filling: undefined });
    if (box.filling !== undefined && box.filling.length + FRAME_LENGTH + length > this.fill) this.ship(peer, box);
    const buffer = box.filling ?? this.begin(peer, box);
    if (buffer === undefined) return false;
    buffer.length = addFrame(this.arena.u8, buffer.at, buffer.length, frame, length);
    this.frames++;
    this.bytes += length;
    return true;
  }

  /** Sends every datagram begun. */
  flush(): void {
    for (let i = 0; i < this.dirty.length; i++) {
      const peer = this.dirty[i];
      this.ship(peer, this.boxes[peer]);
    }
    this.dirty.length = 0;
  }

  private begin(peer: number, box: Outbox): SendBuffer | undefined {
    const buffer = this.free.pop();
    if (buffer === undefined) return undefined;
    buffer.length = beginDatagram(this.arena.u8, buffer.at, box.stream, box.sequence);
    box.sequence = (box.sequence + 1) >>> 0;
    box.filling = buffer;
    this.dirty.push(peer);
    return buffer;
  }

  private ship(peer: number, box: Outbox): void {
    const buffer = box.filling;
    if (buffer === undefined) return;
    box.filling = undefined;
    this.datagrams++;
    this.transmit(buffer.view, buffer.length, this.endpoints[peer], buffer.done);
  }

  private buffer(size: number): SendBuffer {
    const at = this.arena.allocate(size);
    const buffer: SendBuffer = {
      at,
      view: Buffer.from(this.arena.memory.buffer, at, size),
      length: 0,
      done: (error) => {
        if (error !== null) this.failed += frameCount(this.arena.u8, at);
        this.free.push(buffer);
        this.freed();
      },
    };
    return buffer;
  }
}
