import { readCaptureFile, type CapturedFrame } from './capture-file';

/** Masks what source NAT rewrites in an Ethernet frame with IPv4: the source, the port or identifier, checksums. */
function masked(bytes: Buffer): { readonly content: string; readonly source: string } {
  const copy = Buffer.from(bytes);
  const ip = ipv4At(copy);
  if (ip < 0) return { content: copy.toString('latin1'), source: '' };
  const source = [String(copy[ip + 9]), copy.toString('hex', ip + 16, ip + 20), copy.toString('hex', ip + 12, ip + 16)];
  copy.fill(0, ip + 10, ip + 16);
  const l4 = ip + (copy[ip]! & 15) * 4;
  const isLater = (copy.readUInt16BE(ip + 6) & 0x1fff) !== 0;
  if (!isLater) source.push(maskTransport(copy, copy[ip + 9]!, l4));
  return { content: copy.toString('latin1'), source: source.join(':') };
}

function maskTransport(copy: Buffer, proto: number, l4: number): string {
  const mask = (at: number, length: number): void =>
    void copy.fill(0, Math.min(at, copy.length), Math.min(at + length, copy.length));
  if (proto === 6 || proto === 17 || proto === 33 || proto === 136) {
    const port = copy.toString('hex', l4, l4 + 2);
    mask(l4, 2);
    mask(l4 + (proto === 6 ? 16 : 6), 2);
    return port;
  }
  if (proto !== 1) return '';
  const type = copy[l4];
  const isEcho = type === 0 || type === 8;
  const identifier = isEcho ? copy.toString('hex', l4 + 4, l4 + 6) : '';
  mask(l4 + 2, 2);
  // An error quotes a packet, whose ends are translated too.
  if (isEcho) mask(l4 + 4, 2);
  else mask(l4 + 8, copy.length);
  return identifier;
}

function ipv4At(bytes: Buffer): number {
  let at = 12;
  while (bytes.length >= at + 4 && (bytes.readUInt16BE(at) === 0x8100 || bytes.readUInt16BE(at) === 0x88a8)) at += 4;
  return bytes.length >= at + 22 && bytes.readUInt16BE(at) === 0x0800 && bytes[at + 2]! >> 4 === 4 ? at + 2 : -1;
}

/** A frame that left a NAT in two runs over one capture, as it was translated in each: address and port or identifier. */
export interface TranslatedTwice {
  /** When it entered in the first run, seconds since 1970. */
  readonly at: number;
  readonly first: string;
  readonly second: string;
}

/** How what left in two runs over one capture differs, but for what NAT rewrites. */
export interface TranslationComparison {
  /** IPv4 frames that left in both; those that others equal in all but their translation are left out. */
  readonly both: readonly TranslatedTwice[];
  readonly missing: number;
  readonly extra: number;
}

/** Pairs the frames that left in two runs by all that NAT does not rewrite; a death holds some up, so that times differ. */
export function compareTranslations(firstOut: string, secondOut: string): TranslationComparison {
  const waiting = new Map<string, { readonly at: number; readonly source: string }[]>();
  const ambiguous = new Set<string>();
  for (const frame of readCaptureFile(firstOut).frames) {
    const { key, source } = identity(frame);
    const same = waiting.get(key);
    if (same === undefined) waiting.set(key, [{ at: frame.time, source }]);
    else if (same.push({ at: frame.time, source }) > 1) ambiguous.add(key);
  }
  const both: TranslatedTwice[] = [];
  let extra = 0;
  for (const frame of readCaptureFile(secondOut).frames) {
    const { key, source } = identity(frame);
    const first = waiting.get(key)?.shift();
    if (first === undefined) extra++;
    else if (!ambiguous.has(key) && source !== '') both.push({ at: first.at, first: first.source, second: source });
  }
  return { both, missing: [...waiting.values()].reduce((sum, { length }) => sum + length, 0), extra };
}

function identity(frame: CapturedFrame): { readonly key: string; readonly source: string } {
  const { content, source } = masked(frame.bytes);
  return { key: `${frame.interfaceId} ${content}`, source };
}

/** A flow that is silent for longer may have ended and begun anew, seconds: less than any idle timeout. */
const SILENCE_S = 9;

/**
 * Flows, known by their translation in the first run, that have more than one in the second; and how many have frames
 * on both sides of a time.
 */
export function translationsOver(
  both: readonly TranslatedTwice[],
  time: number,
): { readonly changed: readonly string[]; readonly over: number } {
  const flows: { readonly first: string; readonly seconds: Set<string>; before: boolean; after: boolean }[] = [];
  const latest = new Map<string, { readonly flow: (typeof flows)[number]; at: number }>();
  for (const { at, first, second } of [...both].sort((a, b) => a.at - b.at)) {
    let known = latest.get(first);
    if (known === undefined || at - known.at > SILENCE_S) {
      known = { flow: { first, seconds: new Set(), before: false, after: false }, at };
      latest.set(first, known);
      flows.push(known.flow);
    }
    known.at = at;
    const { flow } = known;
    flow.seconds.add(second);
    if (at < time) flow.before = true;
    if (at > time) flow.after = true;
  }
  const changed = flows.filter(({ seconds }) => seconds.size > 1);
  return {
    changed: changed.map(({ first, seconds }) => `${first} became ${[...seconds].join(', ')}`),
    over: flows.filter(({ before, after }) => before && after).length,
  };
}
