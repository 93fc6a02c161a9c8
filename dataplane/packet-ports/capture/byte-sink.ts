import { closeSync, openSync, writeSync } from 'node:fs';
import { FlowgridError } from '../../../domain/base/errors';

const BUFFER_BYTES = 1 << 18;

/** Writes a file through one buffer, little-endian. */
export class ByteSink {
  private readonly data = new Uint8Array(BUFFER_BYTES);
  private readonly view = new DataView(this.data.buffer);
  private used = 0;
  private closed = false;
  private readonly descriptor: number;

  /** @throws FlowgridError `usage` when the file cannot be made. */
  constructor(private readonly path: string) {
    try {
      this.descriptor = openSync(path, 'w');
    } catch (cause) {
      throw this.failed(cause);
    }
  }

  u16(value: number): void {
    this.room(2);
    this.view.setUint16(this.used, value, true);
    this.used += 2;
  }

  u32(value: number): void {
    this.room(4);
    this.view.setUint32(this.used, value, true);
    this.used += 4;
  }

  bytes(source: Uint8Array, from: number, count: number): void {
    for (let done = 0; done < count;) {
      this.room(1);
      const step = Math.min(count - done, BUFFER_BYTES - this.used);
      this.data.set(source.subarray(from + done, from + done + step), this.used);
      this.used += step;
      done += step;
    }
  }

  /** `count` zero bytes. */
  zeros(count: number): void {
    this.room(count);
    this.data.fill(0, this.used, this.used + count);
    this.used += count;
  }

  /** Hands everything written so far to the operating system. */
  flush(): void {
    try {
      for (let done = 0; done < this.used;) done += writeSync(this.descriptor, this.data, done, this.used - done);
    } catch (cause) {
      throw this.failed(cause);
    }
    this.used = 0;
  }

  /** Flushes and closes; a second call does nothing. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.flush();
    closeSync(this.descriptor);
  }

  private room(count: number): void {
    if (this.used + count > BUFFER_BYTES) this.flush();
  }

  private failed(cause: unknown): FlowgridError {
    const code = (cause as { code?: string }).code;
    return new FlowgridError('usage', `${this.path}: cannot be written (${code})`, {
      remedy: 'Check directory, permissions and free space.',
      cause,
    });
  }
}
