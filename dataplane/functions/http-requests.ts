/** A {@link HttpRequests} on its way to another member. */
export type HttpRequestsState = readonly [mode: 'head' | 'body' | 'opaque', head: string, remaining: number];

/** A request's head longer than this is not read to its end: the host counts as unnamed. */
const HEAD_BYTES_MAX = 16_384;

/**
 * Reads the requests of an HTTP/1 connection one after the other, so that a kept-alive connection cannot go on to a host
 * that its first request would not have been allowed. Bodies are skipped by Content-Length; a chunked body, an upgrade
 * or a CONNECT makes the rest opaque.
 */
export class HttpRequests {
  private mode: HttpRequestsState[0] = 'head';
  private head = '';
  private remaining = 0;

  constructor(state?: HttpRequestsState) {
    if (state !== undefined) [this.mode, this.head, this.remaining] = state;
  }

  state(): HttpRequestsState {
    return [this.mode, this.head, this.remaining];
  }

  /** Takes the stream's next bytes; calls `request` with each request's host, lower case, '' when it names none. */
  take(bytes: Uint8Array, at: number, length: number, request: (host: string) => void): void {
    let from = at;
    const end = at + length;
    while (from < end && this.mode !== 'opaque') {
      if (this.mode === 'body') {
        const skipped = Math.min(this.remaining, end - from);
        this.remaining -= skipped;
        from += skipped;
        if (this.remaining === 0) this.mode = 'head';
      } else {
        from = this.takeHead(bytes, from, end, request);
      }
    }
  }

  /** @returns where the head ended, or `end` while it has not. */
  private takeHead(bytes: Uint8Array, from: number, end: number, request: (host: string) => void): number {
    const before = this.head.length;
    this.head += latin1(bytes, from, end);
    const length = headLength(this.head, Math.max(0, before - 3));
    if (length < 0) {
      if (this.head.length > HEAD_BYTES_MAX) this.finish(request, this.head);
      return end;
    }
    const head = this.head.slice(0, length);
    this.finish(request, head);
    return from + length - before;
  }

  private finish(request: (host: string) => void, head: string): void {
    this.head = '';
    const text = head.trimStart();
    request(/^host:[ \t]*(\[[^\]]*\]|[^\s:]*)/im.exec(text)?.[1].toLowerCase() ?? '');
    const bodyLength = Number(/^content-length:[ \t]*(\d{1,15})/im.exec(text)?.[1] ?? 0);
    const opaque =
      /^(transfer-encoding|upgrade):/im.test(text) || text.startsWith('CONNECT ') || head.length > HEAD_BYTES_MAX;
    this.mode = opaque ? 'opaque' : bodyLength > 0 ? 'body' : 'head';
    this.remaining = bodyLength;
  }
}

/** Length of the head with its empty line, or −1. Bare line feeds count, as servers take them. */
function headLength(text: string, from: number): number {
  const strict = text.indexOf('\r\n\r\n', from);
  const bare = text.indexOf('\n\n', from);
  if (strict < 0) return bare < 0 ? -1 : bare + 2;
  return bare < 0 || strict < bare ? strict + 4 : bare + 2;
}

function latin1(bytes: Uint8Array, from: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + from, end - from).toString('latin1');
}
