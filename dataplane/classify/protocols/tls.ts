import { PROTO_TCP } from '../../headers/numbers';
import { latin1 } from './lines';
import type { ApplicationProtocol, StreamEnd, StreamWatcher, Verdict, WatchListener } from './protocol';

const RECORD_HANDSHAKE = 22;
const CLIENT_HELLO = 1;
const EXTENSION_SERVER_NAME = 0;
/** A ClientHello with post-quantum key shares takes some 2 KiB; nothing sensible is longer than this. */
const HELLO_BYTES_MAX = 16_384;

/** TLS (RFC 8446) and its older versions: the ClientHello names the server (RFC 6066, server_name). */
export const tls: ApplicationProtocol = {
  name: 'tls',
  transport: PROTO_TCP,
  recognise,
  watch: (listener) => new HelloWatcher(listener),
  forNames: true,
};

function recognise(bytes: Uint8Array): Verdict {
  if (bytes[0] !== RECORD_HANDSHAKE) return 'no';
  if (bytes.length < 3) return 'more';
  return bytes[1] === 3 && bytes[2] <= 4 ? 'yes' : 'no';
}

/** Collects the handshake bytes of the initiator's first records, which segments and records may split anywhere. */
class HelloWatcher implements StreamWatcher {
  private records = new Uint8Array(0);

  constructor(private readonly listener: WatchListener) {}

  take(end: StreamEnd, bytes: Uint8Array, gap: boolean): boolean {
    if (end === 1) return true;
    if (gap || this.records.length + bytes.length > HELLO_BYTES_MAX) return false;
    const joined = new Uint8Array(this.records.length + bytes.length);
    joined.set(this.records);
    joined.set(bytes, this.records.length);
    this.records = joined;
    const hello = handshakeBytes(joined);
    if (hello === undefined) return false;
    const length = hello.length < 4 ? Infinity : 4 + ((hello[1] << 16) | (hello[2] << 8) | hello[3]);
    if (hello.length > 0 && hello[0] !== CLIENT_HELLO) return false;
    if (hello.length < length) return true;
    const name = serverName(hello.subarray(4, length));
    if (name !== undefined) this.listener.named('sni', name);
    return false;
  }
}

/** The handshake bytes of complete and incomplete handshake records, headers removed; undefined = something else. */
function handshakeBytes(records: Uint8Array): Uint8Array | undefined {
  const joined = new Uint8Array(records.length);
  let used = 0;
  for (let at = 0; at + 5 <= records.length;) {
    if (records[at] !== RECORD_HANDSHAKE) return undefined;
    const end = Math.min(at + 5 + ((records[at + 3] << 8) | records[at + 4]), records.length);
    joined.set(records.subarray(at + 5, end), used);
    used += end - (at + 5);
    at = Math.max(end, at + 5);
  }
  return joined.subarray(0, used);
}

/** Reads lengths and numbers; a read past the end makes it `failed` and yields zero. */
class Cursor {
  at = 0;
  failed = false;
  constructor(readonly bytes: Uint8Array) {}

  number(size: number): number {
    let value = 0;
    const end = this.at + size;
    if (end > this.bytes.length) this.failed = true;
    for (; !this.failed && this.at < end; this.at++) value = value * 256 + this.bytes[this.at];
    return value;
  }

  /** A field preceded by its length in `size` bytes. */
  field(size: number): Uint8Array {
    const length = this.number(size);
    const from = this.at;
    if (from + length > this.bytes.length) this.failed = true;
    this.at = this.failed ? this.bytes.length : from + length;
    return this.failed ? new Uint8Array(0) : this.bytes.subarray(from, from + length);
  }

  get more(): boolean {
    return !this.failed && this.at < this.bytes.length;
  }
}

/** The server name of a ClientHello's body. */
function serverName(body: Uint8Array): string | undefined {
  const hello = new Cursor(body);
  hello.number(2);
  for (let i = 0; i < 8; i++) hello.number(4);
  hello.field(1);
  hello.field(2);
  hello.field(1);
  const extensions = new Cursor(hello.field(2));
  while (extensions.more) {
    const type = extensions.number(2);
    const data = extensions.field(2);
    if (type !== EXTENSION_SERVER_NAME || extensions.failed) continue;
    const names = new Cursor(new Cursor(data).field(2));
    const kind = names.number(1);
    const name = names.field(2);
    if (kind === 0 && !names.failed && name.length > 0) return latin1(name, 0, name.length).toLowerCase();
  }
  return undefined;
}
