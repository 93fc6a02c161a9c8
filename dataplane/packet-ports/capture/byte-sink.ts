import { closeSync, openSync, writeSync } from 'node:fs';
import { FlowgridError } from '../../../domain/base/errors';

const BUFFER_BYTES = 1 << 18;

/** Gathers bytes in one buffer, little-endian; whoever extends it says where a full one goes. */
export abstract class ByteSink {
  private readonly data = new Uint8Array(BUFFER_BYTES);
  private readonly view = new DataView(this.data.buffer);
  private used = 0;

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

  /** Hands over everything gathered so far. */
  flush(): void {
    if (this.used > 0) this.drain(this.data.subarray(0, this.used));
    this.used = 0;
  }

  /** Flushes, and ends; a second call does nothing. */
  abstract close(): void;

  /** Takes bytes that are valid during the call only. */
  protected abstract drain(bytes: Uint8Array): void;

  private room(count: number): void {
    if (this.used + count > BUFFER_BYTES) this.flush();
  }
}

/** Writes a file. */
export class FileSink extends ByteSink {
  private closed = false;
  private readonly descriptor: number;

  /** @throws FlowgridError `usage` when the file cannot be made. */
  constructor(private readonly path: string) {
    super();
    try {
      this.descriptor = openSync(path, 'w');
    } catch (cause) {
      throw this.failed(cause);
    }
  }

  override close(): void {
    if (this.closed) return;
    this.closed = true;
    this.flush();
    closeSync(this.descriptor);
  }

  protected override drain(bytes: Uint8Array): void {
    try {
      for (let done = 0; done < bytes.length;) done += writeSync(this.descriptor, bytes, done, bytes.length - done);
    } catch (cause) {
      throw this.failed(cause);
    }
  }

  private failed(cause: unknown): FlowgridError {
    const code = (cause as { code?: string }).code;
    return new FlowgridError('usage', `${this.path}: cannot be written (${code})`, {
      remedy: 'Check directory, permissions and free space.',
      cause,
    });
  }
}

/** Keeps bytes until somebody takes them. */
export class MemorySink extends ByteSink {
  private parts: Uint8Array[] = [];

  /** All that was written since the last call. */
  take(): Uint8Array {
    this.flush();
    const whole = Buffer.concat(this.parts);
    this.parts = [];
    return whole;
  }

  override close(): void {
    this.flush();
  }

  protected override drain(bytes: Uint8Array): void {
    this.parts.push(bytes.slice());
  }
}
