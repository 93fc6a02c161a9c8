import { PROTO_TCP } from '../../headers/numbers';
import { addressText, ipv4Text } from '../keys';
import { parseAddress } from '../addresses';
import { LineCutter, latin1 } from './lines';
import type { ApplicationProtocol, StreamEnd, StreamWatcher, Verdict, WatchListener } from './protocol';

/** A client opens its data connection at once, or after the user's next command. */
const ANNOUNCEMENT_LIFETIME_US = 300_000_000;

/** Commands that only FTP has; and those that POP3 or SMTP know too. */
const OWN_COMMANDS = new Set(
  (
    'PORT PASV EPRT EPSV LPRT LPSV FEAT SYST TYPE CWD XCWD CDUP XCUP PWD XPWD MKD XMKD RMD XRMD RNFR RNTO STOR STOU APPE ' +
    'NLST MLSD MLST SIZE MDTM ALLO REIN MODE STRU SITE ABOR CLNT PBSZ PROT CCC ADAT SMNT ACCT OPTS'
  ).split(' '),
);
const SHARED_COMMANDS = new Set('USER PASS QUIT NOOP HELP STAT LIST RETR DELE REST HOST LANG AUTH'.split(' '));
const VERDICT_BYTES = 5;

/** RFC 959, RFC 2428 (EPRT, EPSV), RFC 4217 (AUTH): the control connection announces its data connections. */
export const ftp: ApplicationProtocol = {
  name: 'ftp',
  transport: PROTO_TCP,
  recognise,
  watch: (listener) => new FtpWatcher(listener),
};

function recognise(bytes: Uint8Array): Verdict {
  const text = latin1(bytes, 0, Math.min(bytes.length, 64));
  if (text.length < VERDICT_BYTES && !text.includes('\n'))
    return /^(\d{1,3}|[A-Za-z]+)?[ -]?$/.test(text) ? 'more' : 'no';
  if (/^(227|229)[ -]/.test(text)) return 'yes';
  if (/^[1-6]\d\d[ -]/.test(text)) return 'maybe';
  const [, verb, rest] = /^([A-Za-z]{3,4})(?:\r?\n| ([^\r\n]*)|$)/.exec(text) ?? [];
  if (verb === undefined) return 'no';
  const command = verb.toUpperCase();
  if (command === 'AUTH') return /^(TLS|SSL|TLS-C|TLS-P|GSSAPI)/i.test(rest ?? '') ? 'yes' : 'no';
  if (OWN_COMMANDS.has(command)) return 'yes';
  return SHARED_COMMANDS.has(command) ? 'maybe' : 'no';
}

/** Reads both ends alike, by what they say: who sends commands is not known when a capture begins in the middle. */
class FtpWatcher implements StreamWatcher {
  private readonly lines = [new LineCutter(), new LineCutter()] as const;
  private securityAsked = false;
  private dark = false;

  constructor(private readonly listener: WatchListener) {}

  take(end: StreamEnd, bytes: Uint8Array, gap: boolean): boolean {
    this.lines[end].take(bytes, gap, (line) => this.line(end, line));
    return !this.dark;
  }

  private line(end: StreamEnd, line: string): void {
    if (this.dark) return;
    if (/^227[ -]/.test(line)) this.announceHostPort(end, line.slice(4));
    else if (/^229[ -]/.test(line)) this.announceExtendedPassive(end, line);
    else if (/^PORT /i.test(line)) this.announceHostPort(end, line.slice(5));
    else if (/^EPRT /i.test(line)) this.announceExtended(end, line.slice(5).trim());
    else if (/^AUTH /i.test(line)) this.securityAsked = true;
    // 234: go on in TLS; 334: in another mechanism. What follows cannot be read.
    else if (this.securityAsked && /^[23]34[ -]/.test(line)) this.dark = true;
  }

  /** `h1,h2,h3,h4,p1,p2` of PORT and 227, whatever stands around it. */
  private announceHostPort(end: StreamEnd, text: string): void {
    const match = /(\d{1,3}),(\d{1,3}),(\d{1,3}),(\d{1,3}),(\d{1,3}),(\d{1,3})/.exec(text);
    if (match === null) return;
    const [h1, h2, h3, h4, p1, p2] = match.slice(1).map(Number);
    if ([h1, h2, h3, h4, p1, p2].some((value) => value > 255)) return;
    this.announce(end, p1 * 256 + p2, ipv4Text(h1, h2, h3, h4));
  }

  /** `|2|2001:db8::1|5282|` of EPRT, with any delimiter. */
  private announceExtended(end: StreamEnd, text: string): void {
    const [, family, address, port, ...rest] = text.split(text[0] ?? '|');
    if (!/^\d{1,5}$/.test(port ?? '') || rest.length > 1) return;
    const bytes = parseAddress(address);
    if (bytes === undefined || family !== (address.includes(':') ? '2' : '1')) return;
    this.announce(end, Number(port), addressText(bytes, 0));
  }

  /** `229 Entering Extended Passive Mode (|||6446|)`: a port at the speaker's own address. */
  private announceExtendedPassive(end: StreamEnd, line: string): void {
    const match = /\((.)\1\1(\d{1,5})\1\)/.exec(line);
    if (match !== null) this.announce(end, Number(match[2]), undefined);
  }

  private announce(speaker: StreamEnd, port: number, address: string | undefined): void {
    if (port < 1 || port > 65535) return;
    this.listener.announced({
      speaker,
      port,
      ...(address === undefined ? {} : { address }),
      transport: PROTO_TCP,
      typeName: 'ftp-data',
      anyPeer: false,
      either: false,
      lifetimeUs: ANNOUNCEMENT_LIFETIME_US,
    });
  }
}
