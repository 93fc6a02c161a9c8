/**
 * An application protocol that the classifier understands ([0067]: application context): one file each beside this one,
 * named in `registry.ts`. It recognises its own streams by what they say, on whatever port, and while it watches one it
 * may announce connections that belong to the same flow, or name the server that is asked for.
 */
export interface ApplicationProtocol {
  /** Name in reports. */
  readonly name: string;
  /** IP protocol it runs on: 6 or 17. */
  readonly transport: number;
  /** Judges the first bytes that one end sent (TCP: in order, at least one; UDP: the first datagram). */
  recognise(bytes: Uint8Array, end: StreamEnd): Verdict;
  /** Watches a connection; absent = the protocol is recognised only. */
  readonly watch?: (listener: WatchListener) => StreamWatcher;
  /** Worth watching only where a policy asks for names (TLS SNI, HTTP Host). */
  readonly forNames?: true;
}

/** Which end of the connection speaks: 0 the initiator (as far as known), 1 the responder. */
export type StreamEnd = 0 | 1;

/**
 * `yes`: it is this protocol. `no`: it is not. `maybe`: it looks like it; two ends that both look like it are it.
 * `more`: too few bytes to say.
 */
export type Verdict = 'yes' | 'maybe' | 'no' | 'more';

/** Follows one connection, byte for byte. */
export interface StreamWatcher {
  /**
   * Takes the next bytes that one end sent (UDP: one datagram). `gap`: bytes before them were missed.
   * Returns false when nothing more can be learnt from the connection (encrypted from here on).
   */
  take(end: StreamEnd, bytes: Uint8Array, gap: boolean): boolean;
}

/** What a watcher tells. */
export interface WatchListener {
  announced(announcement: Announcement): void;
  /** The initiator asked for a server by name. */
  named(kind: 'sni' | 'httpHost', name: string): void;
}

/** "A connection will come to this address and port." */
export interface Announcement {
  /** Who said so. */
  readonly speaker: StreamEnd;
  /** The address, 32 hex digits as in keys; undefined = the speaker's own. Taken only if it is the speaker's own. */
  readonly address?: string;
  readonly port: number;
  readonly transport: number;
  /** Flow type name of the connection in reports. */
  readonly typeName: string;
  /** The other end need not be the other end of this connection. */
  readonly anyPeer: boolean;
  /** The announced endpoint may send first. */
  readonly either: boolean;
  /** How long the announcement holds, microseconds. */
  readonly lifetimeUs: number;
}
