import type { Socket } from 'node:net';
import { FlowgridError } from '../../../domain/base/errors';

/**
 * What travels over the writer's socket, both ways: a length (4 bytes, big-endian), then one kind byte and the payload,
 * which the length counts. Requests and answers alternate; a connection may carry any number of them.
 */
export const FrameKind = { request: 0, answer: 1, error: 2 } as const;

/** A frame above this is refused and its connection closed: 64 MiB. */
export const FRAME_BYTES_MAX = 64 * 1024 * 1024;

const LENGTH_BYTES = 4;

export interface Frame {
  readonly kind: number;
  readonly payload: Uint8Array;
}

/** Writes one frame. */
export function writeFrame(socket: Socket, kind: number, payload: Uint8Array): void {
  const head = Buffer.allocUnsafe(LENGTH_BYTES + 1);
  head.writeUInt32BE(payload.length + 1, 0);
  head[LENGTH_BYTES] = kind;
  socket.cork();
  socket.write(head);
  socket.write(payload);
  socket.uncork();
}

/** Cuts a byte stream into frames. */
export class FrameReader {
  private chunks: Uint8Array[] = [];
  private held = 0;

  /**
   * Takes the next piece of the stream and returns the frames that it completes.
   *
   * @throws FlowgridError `invalid-record` for a frame that is empty or over {@link FRAME_BYTES_MAX}.
   */
  push(chunk: Uint8Array): Frame[] {
    this.chunks.push(chunk);
    this.held += chunk.length;
    const frames: Frame[] = [];
    for (;;) {
      const length = this.nextLength();
      if (length === undefined || this.held < LENGTH_BYTES + length) return frames;
      const all = Buffer.concat(this.chunks);
      const body = all.subarray(LENGTH_BYTES, LENGTH_BYTES + length);
      frames.push({ kind: body[0] as number, payload: body.subarray(1) });
      this.chunks = [all.subarray(LENGTH_BYTES + length)];
      this.held -= LENGTH_BYTES + length;
    }
  }

  private nextLength(): number | undefined {
    if (this.held < LENGTH_BYTES) return undefined;
    if ((this.chunks[0] as Uint8Array).length < LENGTH_BYTES) this.chunks = [Buffer.concat(this.chunks)];
    const first = this.chunks[0] as Uint8Array;
    const length = new DataView(first.buffer, first.byteOffset, LENGTH_BYTES).getUint32(0);
    if (length === 0 || length > FRAME_BYTES_MAX) {
      throw new FlowgridError('invalid-record', `a frame of ${length} bytes on the writer's socket`);
    }
    return length;
  }
}
