import type { PublishedTopology, Topology } from '../../domain/topology/topology';
import { asPublished } from './agent-messages';
import { isCount } from './shape';

/** Bytes of an announcement with its topology, at most: every agent gets it, whether it needs it or not. */
export const ANNOUNCEMENT_BYTES_MAX = 32 * 1024;
/** A member takes more than this many bytes as JSON. */
const MEMBER_BYTES_MIN = 50;

/** A topology that came with its announcement. */
export interface AnnouncedTopology {
  /** The leadership that published it. */
  readonly epoch: number;
  readonly published: PublishedTopology;
}

/**
 * Announces that a topology was published, as JSON (docs/reference/bus.md): with the topology itself, so that agents need
 * not ask for it, unless it is large.
 *
 * @param epoch the leadership that has just published it; absent: it only holds still, and those who lack it ask
 */
export function encodePublication({ topology, seq, hash, dead }: PublishedTopology, epoch?: number): Uint8Array {
  const hint = { kind: 'published', version: topology.version, seq, hash };
  if (epoch !== undefined && !isCertainlyLarge(topology)) {
    const whole = encoder.encode(JSON.stringify({ ...hint, epoch, topology, dead }));
    if (whole.length <= ANNOUNCEMENT_BYTES_MAX) return whole;
  }
  return encoder.encode(JSON.stringify(hint));
}

/** The topology that an announcement, from untrusted bytes, holds; undefined if it holds none. */
export function decodeAnnounced(bytes: Uint8Array): AnnouncedTopology | undefined {
  if (bytes.length > ANNOUNCEMENT_BYTES_MAX) return undefined;
  const value = parsed(bytes) as { readonly kind?: unknown; readonly epoch?: unknown } | null | undefined;
  if (value?.kind !== 'published' || !isCount(value.epoch)) return undefined;
  const published = asPublished(value);
  if (published === undefined) return undefined;
  const { topology, seq, hash, dead } = published;
  return { epoch: value.epoch, published: { topology, seq, hash, dead } };
}

/** Spares the leader the encoding of thousands of members for nothing. */
function isCertainlyLarge({ clusters }: Topology): boolean {
  const members = clusters.reduce((sum, cluster) => sum + cluster.members.length, 0);
  return members * MEMBER_BYTES_MIN > ANNOUNCEMENT_BYTES_MAX;
}

function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(decoder.decode(bytes));
  } catch {
    return undefined;
  }
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
