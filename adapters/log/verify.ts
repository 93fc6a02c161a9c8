import type { ChainId } from '../../domain/base/ids';
import type { FlowAnchor, FlowsAnchored } from '../../domain/log/events';
import { NO_HASH, type ChainHead } from '../../domain/seams/event-log';
import { flowBatchHead } from '../codec/flow-batch';
import { sha256 } from '../codec/hash';
import { decodeCommit } from '../codec/records';
import type { RawLog } from './auditable';
import { ChainWalk, type Finding, type Link } from './chain-walk';

export type { Finding, FindingReason } from './chain-walk';

/** What verification found, and how much it looked at. */
export interface VerifyReport {
  /** Damage; empty when the log is what was written. */
  readonly findings: readonly Finding[];
  /** History that retention let go of, and that an anchor still vouches for: no damage. */
  readonly trimmed: readonly { readonly chain: ChainId; readonly from: number; readonly through: number }[];
  readonly commits: number;
  readonly chains: number;
  readonly batches: number;
}

/**
 * Walks a whole log: every commit against the hash it was accepted with, against the `prev` of its successor and the
 * stored head; every flow batch against its successor, its chain's head and the anchors in `topology`. Reads everything
 * once, keeps one anchor list in memory.
 */
export async function verifyLog(raw: RawLog): Promise<VerifyReport> {
  const findings: Finding[] = [];
  const anchors = new Map<ChainId, FlowAnchor[]>();
  const commits = await verifyTopology(raw, findings, anchors);

  const trimmed: { chain: ChainId; from: number; through: number }[] = [];
  const known = new Set<ChainId>();
  let batches = 0;
  for (const head of await raw.chains()) {
    known.add(head.chain);
    const anchored = anchors.get(head.chain) ?? [];
    const vouchedFor = Math.max(0, ...anchored.map((anchor) => anchor.number));
    if (head.oldest > 1 && vouchedFor >= head.oldest - 1) {
      trimmed.push({ chain: head.chain, from: 1, through: head.oldest - 1 });
    } else if (head.oldest > 1) {
      findings.push({ chain: head.chain, seq: 1, through: head.oldest - 1, reason: 'missing' });
    }
    batches += await verifyChain(raw, head, anchored, findings);
  }
  for (const [chain, anchored] of anchors) {
    if (known.has(chain)) continue;
    const through = Math.max(...anchored.map((anchor) => anchor.number));
    if (raw.forgetsChains) trimmed.push({ chain, from: 1, through });
    else findings.push({ chain, seq: 1, through, reason: 'missing' });
  }
  return { findings, trimmed, commits, chains: known.size, batches };
}

/** Verifies `topology` and collects its anchors. */
async function verifyTopology(raw: RawLog, findings: Finding[], anchors: Map<ChainId, FlowAnchor[]>): Promise<number> {
  const head = raw.storedHead();
  const walk = new ChainWalk('topology', { first: 1, last: head.seq, lastHash: head.hash }, findings);
  walk.vouch(0, NO_HASH);
  for await (const { seq, hash, bytes } of raw.commits()) {
    const inside = attempt(() => decodeCommit(bytes));
    const now = sha256(bytes);
    walk.next({
      place: seq,
      hash: now,
      storedHash: hash,
      ...(inside && { inside: { seq: inside.seq, prev: inside.prev } }),
    });
    // A commit that was changed vouches for nothing.
    if (inside === undefined || now !== hash) continue;
    for (const event of inside.events) {
      if (event.type !== 'FlowsAnchored') continue;
      for (const anchor of (event.data as FlowsAnchored['data']).anchors) {
        const ofChain = anchors.get(anchor.chain);
        if (ofChain === undefined) anchors.set(anchor.chain, [anchor]);
        else ofChain.push(anchor);
      }
    }
  }
  return walk.end();
}

/** Verifies what is left of one flow chain. */
async function verifyChain(
  raw: RawLog,
  head: ChainHead,
  anchors: readonly FlowAnchor[],
  findings: Finding[],
): Promise<number> {
  const last = Math.max(head.number, ...anchors.map((anchor) => anchor.number));
  const walk = new ChainWalk(head.chain, { first: head.oldest, last, lastHash: head.hash }, findings);
  walk.vouch(0, NO_HASH);
  for (const anchor of anchors) walk.vouch(anchor.number, anchor.hash);
  for await (const { number, prev, bytes } of raw.batches(head)) {
    walk.next(batchLink(head.chain, number, prev, bytes));
  }
  return walk.end();
}

function batchLink(chain: ChainId, number: number, prev: string, bytes: Uint8Array): Link {
  const inside = attempt(() => flowBatchHead(bytes));
  const link = { place: number, hash: sha256(bytes), storedPrev: prev };
  if (inside === undefined) return link;
  // A batch of another chain is nowhere in this one: no place has the number 0.
  return { ...link, inside: { seq: inside.chain === chain ? inside.number : 0, prev: inside.prev } };
}

function attempt<Value>(decode: () => Value): Value | undefined {
  try {
    return decode();
  } catch {
    return undefined;
  }
}
