/**
 * The per-packet kernels, called once per batch. `wasm` is AssemblyScript over the shared memory; `ts` is the plain
 * twin over the same bytes: its test oracle, and the fallback where WebAssembly cannot be had.
 *
 * A batch is `n` slot numbers (u32) at byte address `list`. Kernels read and write slot fields (`S_*`), tables and the
 * node table; they never allocate, call back or throw. A frame that a kernel cannot finish gets a non-zero `S_REASON`
 * and the rest of that kernel's work is left undone for it; kernels skip slots whose `S_REASON` is already non-zero.
 */
export interface Kernels {
  readonly kind: 'wasm' | 'ts';
  /**
   * Headers to parse results and canonical key: Ethernet, 802.1Q/802.1ad tags, MPLS, PPPoE, IPv4, IPv6 with extension
   * headers, TCP, UDP, UDP-Lite, SCTP, DCCP, ICMP. Sets S_ETHERTYPE … S_IP_ID, S_KEY, S_HASH, S_SRC_IS_B,
   * SF_MULTICAST. Slow-path reasons: `not-ip`, `malformed-ip`, `no-ports`, `later-fragment`, `icmp-error`; drops: `runt`.
   * `seedLo`/`seedHi` key the hash (SipHash-1-3 of the key, or a keyed mix; symmetric because the key is canonical).
   */
  parse(list: number, n: number, seedLo: number, seedHi: number): void;
  /**
   * Finds each frame's connection in `table` and counts it there (packets, bytes, last time): sets S_CONN, S_FLOW,
   * S_REVERSE. Slow-path reasons, uncounted: `new-connection`, `tcp-control` (SYN, FIN or RST; S_CONN set when known),
   * `slow-connection`.
   */
  lookupConnections(table: number, list: number, n: number): void;
  /** Finds each frame's flow by the flow ID of its saved descriptor: sets S_FLOW. `unknown-flow` when there is none. */
  lookupFlows(table: number, list: number, n: number): void;
  /**
   * Ingress: advances the flow's sequence, counts the frame in its flow, and writes the descriptor template at
   * S_DESCRIPTOR (own cluster's processed bit set, ingress time, start and end flags from S_FLAGS), S_TO and S_SHADOW.
   * `slow-flow` when the entry has FS_SLOW.
   */
  stamp(self: number, list: number, n: number): void;
  /**
   * Sends: takes the template at S_DESCRIPTOR, saves the frame's MACs in it, writes the node's MAC and that of S_TO
   * into the frame, appends the descriptor, signs it with the key of `self` and writes the checksum last. S_LEN grows.
   */
  seal(self: number, list: number, n: number): void;
  /**
   * Receives: checks length, marker, checksum, sender (by source MAC, must equal an entry with a key) and signature,
   * saves the descriptor at S_DESCRIPTOR (S_DESC_LEN, S_SEQ, S_REVERSE, S_FROM), strips it, restores the MACs, and
   * checks that the processed bit of `self`'s cluster is clear. Drops: `bad-length`, `bad-marker`, `bad-checksum`,
   * `unknown-sender`, `bad-signature`, `looped`; `control-frame` for flow type 0.
   * `nowUs` decides whether the previous key still verifies.
   */
  open(self: number, list: number, n: number, nowUs: number): void;
  /**
   * Judges sequences in the flow's window (64 wide, serial arithmetic; 0 = unsequenced, never judged), refuses fenced
   * senders, refreshes the previous hop, and counts the frame in its flow. `duplicate`, `replay-old`, `fenced`,
   * `slow-flow` (FS_SLOW: nothing done).
   */
  admit(self: number, list: number, n: number): void;
  /**
   * Transit: sets the processed bit of `self`'s cluster, writes the next cluster's emitter from the flow entry into the
   * list, clears flag 6, and sets S_TO and S_SHADOW from the entry for the frame's direction.
   */
  advance(self: number, list: number, n: number): void;
  /** Copies slot `source` whole (fields, descriptor, frame) over slot `target`. */
  copySlot(source: number, target: number): void;
  /** SipHash-2-4 of `length` bytes at `address` under the 16 key bytes at `key`; 8 bytes at `out`, big-endian. */
  sipHash(key: number, address: number, length: number, out: number): void;
  /** Internet checksum (RFC 1071) of `length` bytes at `address`, as the 16-bit value to store big-endian. */
  checksum(address: number, length: number): number;
}

export { loadKernels } from './load';
