/**
 * Why a frame was dropped or left the fast path. Numbers travel in `S_REASON`; names stand in counters, reports and
 * docs. New reasons are appended.
 */
export const REASONS = [
  'none',
  // Not drops: why a frame takes the slow path.
  'new-connection',
  'slow-connection',
  'tcp-control',
  'later-fragment',
  'icmp-error',
  'not-ip',
  'unknown-flow',
  'unknown-topology',
  'slow-flow',
  'control-frame',
  'malformed-ip',
  'no-ports',
  // Drops.
  'runt',
  'oversize',
  'bad-length',
  'bad-marker',
  'bad-checksum',
  'bad-signature',
  'unknown-sender',
  'duplicate',
  'replay-old',
  'fenced',
  'looped',
  'no-path',
  'no-member',
  'discarded',
  'function-drop',
  'cluster-drop',
  'no-egress',
  'link-mtu',
  'not-a-member',
  'ring-full',
  'no-slot',
  'table-full',
  'hold-budget',
  'fragment-timeout',
  'fragment-overflow',
  'hop-limit',
  'node-dead',
  'unmatched-output',
  'replica-end',
  // Not a drop: a function took the frame for itself.
  'consumed',
  // Not a drop: the frame is carried without a flow entry, past the kernels that look for one.
  'stateless',
  // A drop: a backup emitted it again, and an INODE that died may have let it out.
  'in-doubt',
  // A drop: a control protocol between devices on one cable, which the network is not to send or get.
  'link-control',
  // Drops of layer-3 networks: not for the router, or no packet that may be routed; no route for its destination; nobody
  // there who says that it is his.
  'not-routed',
  'no-route',
  'no-neighbour',
] as const;

export type ReasonName = (typeof REASONS)[number];
/** Index into {@link REASONS}. */
export type Reason = number;

const numbers = new Map<ReasonName, Reason>(REASONS.map((name, index) => [name, index]));

/** The number of a reason. */
export function reason(name: ReasonName): Reason {
  return numbers.get(name)!;
}
