import type { Announcement, ApplicationProtocol, StreamEnd, StreamWatcher, Verdict } from './protocols/protocol';
import { StreamOrder } from './stream';

/** Bytes of each end that recognisers look at. */
const HEAD_BYTES = 64;
/** Segments with payload after which an unrecognised connection is left alone. */
const PROBE_SEGMENTS_MAX = 32;

/** What an inspection finds out. */
export interface InspectionListener {
  recognised(protocol: ApplicationProtocol): void;
  /** Returns whether the announcement was believed. */
  announced(protocol: ApplicationProtocol, announcement: Announcement): boolean;
  named(kind: 'sni' | 'httpHost', name: string): void;
}

interface Candidate {
  readonly protocol: ApplicationProtocol;
  readonly verdicts: [Verdict, Verdict];
  readonly watcher?: StreamWatcher;
}

/**
 * Listens to one connection until it is known what it speaks, and on while that protocol has something to tell.
 * Every candidate hears the stream from its first byte, so that nothing is missed while it is still undecided.
 */
export class Inspection {
  private candidates: Candidate[];
  private recognised = false;
  private readonly heads: [Uint8Array, Uint8Array] = [new Uint8Array(0), new Uint8Array(0)];
  private readonly streams: [StreamOrder, StreamOrder];
  private segments = 0;

  /** @param names names are wanted: protocols that tell them are watched, not only recognised. */
  constructor(
    protocols: readonly ApplicationProtocol[],
    private readonly names: boolean,
    private readonly listener: InspectionListener,
  ) {
    this.candidates = protocols.map((protocol) => this.candidate(protocol));
    this.streams = [
      new StreamOrder((bytes, gap) => this.bytes(0, bytes, gap)),
      new StreamOrder((bytes, gap) => this.bytes(1, bytes, gap)),
    ];
  }

  /** Nothing more can be learnt from the connection. */
  get finished(): boolean {
    return this.candidates.length === 0 || (!this.recognised && this.segments > PROBE_SEGMENTS_MAX);
  }

  /** A SYN of that end with sequence number `seq`. */
  begin(end: StreamEnd, seq: number): void {
    this.streams[end].begin(seq);
  }

  /** A segment with payload. */
  segment(end: StreamEnd, seq: number, bytes: Uint8Array): void {
    this.segments++;
    this.streams[end].segment(seq, bytes);
  }

  /** That end acknowledged what the other end sent before `ack`. */
  acknowledged(end: StreamEnd, ack: number): void {
    this.streams[1 - end].acknowledged(ack);
  }

  /** A datagram. */
  datagram(end: StreamEnd, bytes: Uint8Array): void {
    this.segments++;
    this.bytes(end, bytes, false);
  }

  private candidate(protocol: ApplicationProtocol): Candidate {
    const watched = protocol.watch !== undefined && (this.names || protocol.forNames !== true);
    const watcher = watched
      ? protocol.watch!({
          announced: (announcement) => {
            // An announcement of an own endpoint says what the first bytes did not.
            if (this.listener.announced(protocol, announcement)) this.choose(protocol);
          },
          named: (kind, name) => this.listener.named(kind, name),
        })
      : undefined;
    return { protocol, verdicts: ['more', 'more'], ...(watcher === undefined ? {} : { watcher }) };
  }

  private bytes(end: StreamEnd, bytes: Uint8Array, gap: boolean): void {
    if (bytes.length === 0) return;
    if (!this.recognised) this.judge(end, bytes);
    for (const candidate of [...this.candidates]) {
      const alive = candidate.watcher?.take(end, bytes, gap) ?? !this.recognised;
      if (!alive && this.recognised) this.candidates = this.candidates.filter((other) => other !== candidate);
    }
  }

  private judge(end: StreamEnd, bytes: Uint8Array): void {
    const head = this.heads[end];
    if (head.length >= HEAD_BYTES) return;
    const longer = new Uint8Array(Math.min(HEAD_BYTES, head.length + bytes.length));
    longer.set(head);
    longer.set(bytes.subarray(0, longer.length - head.length), head.length);
    this.heads[end] = longer;
    for (const candidate of [...this.candidates]) {
      const { protocol, verdicts } = candidate;
      if (verdicts[end] !== 'more') continue;
      verdicts[end] = protocol.recognise(longer, end);
      if (verdicts[end] === 'no') this.candidates = this.candidates.filter((other) => other !== candidate);
      const agreed = verdicts[0] === 'maybe' && verdicts[1] === 'maybe';
      if (verdicts[end] === 'yes' || agreed) return this.choose(protocol);
    }
  }

  private choose(protocol: ApplicationProtocol): void {
    if (this.recognised) return;
    this.recognised = true;
    this.candidates = this.candidates.filter((candidate) => candidate.protocol === protocol && candidate.watcher);
    this.listener.recognised(protocol);
  }
}
