import { PROTO_TCP } from '../../headers/numbers';
import { LineCutter, latin1 } from './lines';
import type { ApplicationProtocol, StreamEnd, StreamWatcher, Verdict, WatchListener } from './protocol';

const METHODS = 'GET HEAD POST PUT DELETE OPTIONS PATCH CONNECT TRACE PROPFIND'.split(' ');
/** Header bytes within which the Host must come. */
const HEADER_BYTES_MAX = 16_384;

/** HTTP/1 in the clear (RFC 9112): the request's Host names the server. */
export const http: ApplicationProtocol = {
  name: 'http',
  transport: PROTO_TCP,
  recognise,
  watch: (listener) => new HostWatcher(listener),
  forNames: true,
};

function recognise(bytes: Uint8Array, end: StreamEnd): Verdict {
  const text = latin1(bytes, 0, Math.min(bytes.length, 9));
  if (end === 1) return 'HTTP/1.'.startsWith(text.slice(0, 7)) ? (text.length < 7 ? 'more' : 'yes') : 'no';
  if (METHODS.some((method) => text.startsWith(`${method} `))) return 'yes';
  return METHODS.some((method) => `${method} `.startsWith(text)) ? 'more' : 'no';
}

class HostWatcher implements StreamWatcher {
  private readonly lines = new LineCutter();
  private seen = 0;
  private done = false;

  constructor(private readonly listener: WatchListener) {}

  take(end: StreamEnd, bytes: Uint8Array, gap: boolean): boolean {
    if (end === 1) return !this.done;
    this.seen += bytes.length;
    this.lines.take(bytes, gap, (line) => this.line(line));
    return !this.done && this.seen < HEADER_BYTES_MAX;
  }

  private line(line: string): void {
    if (this.done) return;
    const host = /^host:\s*([^\s:]+|\[[0-9a-fA-F:]+\])(?::\d+)?\s*$/i.exec(line)?.[1];
    if (host !== undefined) this.listener.named('httpHost', host.toLowerCase());
    this.done = host !== undefined || line === '';
  }
}
