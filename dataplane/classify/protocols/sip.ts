import { PROTO_UDP } from '../../headers/numbers';
import { addressText } from '../keys';
import { parseAddress } from '../addresses';
import { latin1 } from './lines';
import type { ApplicationProtocol, StreamEnd, StreamWatcher, Verdict, WatchListener } from './protocol';

/** A call may be answered minutes after its media were announced. */
const ANNOUNCEMENT_LIFETIME_US = 300_000_000;
const MESSAGE_BYTES_MAX = 8192;
const METHODS =
  /^(INVITE|ACK|BYE|CANCEL|OPTIONS|REGISTER|PRACK|SUBSCRIBE|NOTIFY|PUBLISH|INFO|REFER|MESSAGE|UPDATE) sips?:\S+ SIP\/2\.0\r?\n/;

/** RFC 3261 over UDP, with session descriptions (RFC 4566) that announce RTP and RTCP (RFC 3605). */
export const sip: ApplicationProtocol = {
  name: 'sip',
  transport: PROTO_UDP,
  recognise,
  watch: (listener) => new SipWatcher(listener),
};

function recognise(bytes: Uint8Array): Verdict {
  const text = latin1(bytes, 0, Math.min(bytes.length, 512));
  return /^SIP\/2\.0 \d{3} /.test(text) || METHODS.test(text) ? 'yes' : 'no';
}

/**
 * Reads session descriptions. Media of one call often run between hosts that do not speak SIP themselves, so the peer is
 * left open, while the announced address must be the speaker's own.
 */
class SipWatcher implements StreamWatcher {
  constructor(private readonly listener: WatchListener) {}

  take(end: StreamEnd, bytes: Uint8Array): boolean {
    const text = latin1(bytes, 0, Math.min(bytes.length, MESSAGE_BYTES_MAX));
    const bodyAt = /\r?\n\r?\n/.exec(text);
    if (bodyAt === null || !/^content-type\s*:\s*application\/sdp|^c\s*:\s*application\/sdp/im.test(text)) return true;
    this.description(end, text.slice(bodyAt.index + bodyAt[0].length).split(/\r?\n/));
    return true;
  }

  private description(end: StreamEnd, lines: readonly string[]): void {
    let session: string | undefined;
    for (let i = 0; i < lines.length; i++) {
      if (session === undefined) session = connectionAddress(lines[i]);
      const media = /^m=(\w+) (\d{1,5})(?:\/\d+)? (\S+)/.exec(lines[i]);
      if (media === null || media[2] === '0') continue;
      const section = mediaSection(lines, i + 1);
      const own = section.map(connectionAddress).find((address) => address !== undefined);
      this.announceMedia(end, own ?? session, Number(media[2]), media[3], section);
    }
  }

  private announceMedia(
    end: StreamEnd,
    address: string | undefined,
    port: number,
    profile: string,
    section: readonly string[],
  ) {
    const bytes = address === undefined ? undefined : parseAddress(address);
    if (bytes === undefined) return;
    const key = addressText(bytes, 0);
    const isRtp = /RTP\//.test(profile);
    this.announce(end, key, port, isRtp ? 'rtp' : 'media');
    if (!isRtp) return;
    const rtcp = section.map((line) => /^a=rtcp:(\d{1,5})/.exec(line)?.[1]).find((value) => value !== undefined);
    this.announce(end, key, rtcp === undefined ? port + 1 : Number(rtcp), 'rtcp');
  }

  private announce(speaker: StreamEnd, address: string, port: number, typeName: string): void {
    if (port < 1 || port > 65535) return;
    this.listener.announced({
      speaker,
      address,
      port,
      transport: PROTO_UDP,
      typeName,
      anyPeer: true,
      either: true,
      lifetimeUs: ANNOUNCEMENT_LIFETIME_US,
    });
  }
}

function connectionAddress(line: string): string | undefined {
  return /^c=IN IP[46] ([0-9a-fA-F.:]+)/.exec(line)?.[1];
}

/** The lines of one media description: up to the next one. */
function mediaSection(lines: readonly string[], from: number): readonly string[] {
  const end = lines.findIndex((line, index) => index >= from && line.startsWith('m='));
  return lines.slice(from, end === -1 ? lines.length : end);
}
