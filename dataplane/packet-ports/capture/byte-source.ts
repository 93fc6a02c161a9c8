import { closeSync, openSync, readSync } from 'node:fs';
import { FlowgridError } from '../../../domain/base/errors';

const WINDOW_BYTES = 1 << 18;

/**
 * Reads a file forwards through one window that is used again and again, so that a capture of any size takes the memory
 * of its longest record. Works on pipes too: it never seeks.
 */
export class ByteSource {
  /** The window; its identity changes only when a longer one is needed. */
  data = new Uint8Array(WINDOW_BYTES);
  view = new DataView(this.data.buffer);
  /** Next unread byte in the window. */
  cursor = 0;
  private end = 0;
  /** Offset in the file of the window's first byte. */
  private base = 0;
  private atEnd = false;

  private constructor(
    readonly path: string,
    private readonly descriptor: number,
  ) {}

  /**
   * Opens a file.
   * @throws FlowgridError `not-found` or `usage`, naming the path.
   */
  static open(path: string): ByteSource {
    try {
      return new ByteSource(path, openSync(path, 'r'));
    } catch (cause) {
      throw unreadable(path, cause);
    }
  }

  /** Offset in the file of the next unread byte. */
  get offset(): number {
    return this.base + this.cursor;
  }

  /** Bytes at hand without reading. */
  get available(): number {
    return this.end - this.cursor;
  }

  /** Brings `count` bytes to `cursor`. False when the file ends before that; what is left is then `available`. */
  ensure(count: number): boolean {
    if (this.end - this.cursor >= count) return true;
    this.makeRoom(count);
    while (!this.atEnd && this.end - this.cursor < count) this.read();
    return this.end - this.cursor >= count;
  }

  /** Passes over `count` bytes, however many. False when the file ends before that. */
  skip(count: number): boolean {
    let left = count;
    for (;;) {
      const step = Math.min(left, this.available);
      this.cursor += step;
      left -= step;
      if (left === 0) return true;
      if (!this.ensure(1)) return false;
    }
  }

  /** Closes the file; a second call does nothing. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    closeSync(this.descriptor);
  }
  private closed = false;

  private makeRoom(count: number): void {
    if (this.cursor + count <= this.data.length) return;
    const target = count <= this.data.length ? this.data : new Uint8Array(Math.max(count, 2 * this.data.length));
    target.set(this.data.subarray(this.cursor, this.end));
    if (target !== this.data) {
      this.data = target;
      this.view = new DataView(target.buffer);
    }
    this.base += this.cursor;
    this.end -= this.cursor;
    this.cursor = 0;
  }

  private read(): void {
    try {
      const count = readSync(this.descriptor, this.data, this.end, this.data.length - this.end, null);
      this.end += count;
      this.atEnd = count === 0;
    } catch (cause) {
      throw unreadable(this.path, cause);
    }
  }
}

function unreadable(path: string, cause: unknown): FlowgridError {
  const code = (cause as { code?: string }).code;
  if (code === 'ENOENT') {
    return new FlowgridError('not-found', `${path}: no such file`, { remedy: 'Check the path.', cause });
  }
  const why = code === 'EISDIR' ? 'is a directory' : code === 'EACCES' ? 'may not be read' : `cannot be read (${code})`;
  return new FlowgridError('usage', `${path}: ${why}`, {
    remedy: 'Give a pcap or pcapng file that can be read.',
    cause,
  });
}
