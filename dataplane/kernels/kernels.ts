/** How a frame stands to the external network in its key: not told, about to enter the grid from it, or to leave to it. */
export type Way = typeof WAY_NONE | typeof WAY_IN | typeof WAY_OUT;
export const WAY_NONE = 0;
export const WAY_IN = 1;
export const WAY_OUT = 2;

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
   * SF_MULTICAST. Slow-path reasons: `not-ip`, `malformed-ip` (both with a layer-2 key), `no-ports`, `later-fragment`
   * (both with ports 0), `icmp-error` (its own key); drops: `runt`, `oversize`. Later fragments of protocols without
   * ports count by themselves and stay on the fast path; so do first fragments (S_FRAGMENT 1), by their ports.
   * `seedLo`/`seedHi` key the hash (dataplane/headers/key-hash.ts), which is symmetric because the key is canonical.
   * `way` (absent: not told) says on which side of their external network's door the frames are: K_HERE then tells which end
   * stands on the network, beside the hash, the same for a frame that leaves and its reply that enters.
   */
  parse(list: number, n: number, seedLo: number, seedHi: number, way?: Way): void;
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
   * S_DESCRIPTOR (the path, turned round for reverse frames; own cluster named `self` and processed, the next one's
   * emitter named; ingress time, start and end flags from S_FLAGS), S_TO and S_SHADOW. `unknown-flow` without S_FLOW,
   * `slow-flow` when the entry has FS_SLOW, `no-path` when it has no path list.
   */
  stamp(self: number, list: number, n: number): void;
  /**
   * Sends: takes the template at S_DESCRIPTOR, saves the frame's MACs in it, writes the node's MAC and that of S_TO
   * into the frame, appends the descriptor, signs it with the key of `self` and writes the checksum last. S_LEN grows.
   * Only the destination MAC depends on S_TO: a sealed copy for another receiver needs `readdress`
   * (dataplane/descriptor/node-table.ts) alone. Up to 66 bytes behind the frame are overwritten. `no-member` without
   * S_TO, `bad-length` without a descriptor, `oversize` when the slot has no room.
   */
  seal(self: number, list: number, n: number): void;
  /**
   * Receives: checks length, marker, checksum, sender (by source MAC, must equal an entry with a key) and signature,
   * saves the descriptor at S_DESCRIPTOR (S_DESC_LEN, S_SEQ, S_REVERSE, S_FROM; SF_START and SF_END from its flags;
   * SF_HOLD when the list names another node of `self`'s cluster), strips it, restores the MACs, and checks that the
   * processed bit of `self`'s cluster is clear. Drops: `bad-length`, `bad-marker`, `bad-checksum`, `unknown-sender`,
   * `bad-signature`, `looped`; `control-frame` for flow type 0 (stripped, like `looped`). A frame that is not believed
   * stays as it is, but for up to 66 bytes behind it.
   * `nowUs` decides whether the previous key still verifies.
   */
  open(self: number, list: number, n: number, nowUs: number): void;
  /**
   * Judges sequences in the flow's window (64 wide, serial arithmetic; 0 = unsequenced, never judged; a frame stamped
   * by another node than the window's opens a new window), refuses fenced senders, refreshes the previous hop, and
   * counts the frame in its flow. `duplicate`, `replay-old`, `fenced`, `unknown-flow` (no S_FLOW), `slow-flow`
   * (FS_SLOW: nothing done).
   */
  admit(self: number, list: number, n: number): void;
  /**
   * Transit: names `self` in its cluster's place of the list and sets the processed bit, writes the next cluster's
   * emitter from the flow entry into the list, clears flag 6, and sets S_TO and S_SHADOW from the entry for the frame's
   * direction.
   */
  advance(self: number, list: number, n: number): void;
  /*
   * Questions about a whole batch. 1 = every frame is ordinary, and the batch may go on as one; 0 = some frame needs a
   * look of its own, and which one is for the caller to find.
   */
  /** Ingress, after `lookupConnections`: every frame is for one receiver, of a known flow that `self` stamps, no first fragment. */
  areKnown(self: number, list: number, n: number): number;
  /** After `open`: every frame is believed, carries data, and its flow has an entry by its flags. */
  arePlain(list: number, n: number): number;
  /**
   * After `admit`: every frame was admitted, came from the node that its flow names in the opposite direction, and names
   * the emitter that its flow has. At `out`: u32 bytes of all frames, u32 number of different senders, and the senders,
   * u32 each; more than SENDERS_MAX are not listed, and then the answer is 0.
   */
  survey(self: number, list: number, n: number, out: number): number;
  /**
   * Splits a batch in order: frames whose flow `self` emits to the list at `emitting`, the rest to the one at
   * `shadowing`, both with room for `n`. Returns how many `self` emits; 0xffffffff (or −1) if a frame has an `S_REASON`.
   */
  divide(self: number, list: number, n: number, emitting: number, shadowing: number): number;
  /** Before `seal`: every frame has a next hop, nothing against it, and is no replica. */
  haveHops(list: number, n: number): number;
  /** At an INODE: every frame's path ends in `self`'s cluster, its route is known in full, and none is a replica. */
  areLeaving(self: number, list: number, n: number): number;
  /** Copies slot number `source` whole (fields, descriptor, frame) over slot number `target`. */
  copySlot(source: number, target: number): void;
  /**
   * Copies what a receiver reads of the sealed frame in slot number `source` over slot number `target`: the first
   * SEALED_FIELDS bytes of the slot, and the frame where it starts. Up to 15 bytes behind it are overwritten.
   */
  copySealed(source: number, target: number): void;
  /**
   * Packs slot number `slot` tightly into memory at `to`: its first PACKED_FIELDS bytes, its descriptor, its frame, each
   * rounded up to 16 bytes. Returns how many bytes that took.
   */
  pack(slot: number, to: number): number;
  /** Puts what `pack` wrote at `from` back over slot number `slot`; up to 15 bytes behind descriptor and frame are overwritten. */
  unpack(from: number, slot: number): void;
  /** SipHash-2-4 of `length` bytes at `address` under the 16 key bytes at `key`; 8 bytes at `out`, big-endian. */
  sipHash(key: number, address: number, length: number, out: number): void;
  /** Internet checksum (RFC 1071) of `length` bytes at `address`, as the 16-bit value to store big-endian. */
  checksum(address: number, length: number): number;
}

export { loadKernels } from './load';
