import type { ChainId } from '../base/ids';

/** Of each node the present life's chain is kept, and the one before, whose last batches may still be on their way. */
export const LIVES_KEPT = 2;

/**
 * Of these chains those of lives that are over for long: newer lives of the same node have chains here too, and nothing
 * more comes of the old ones. What was anchored of them stays in the log for ever; only the state need not remember.
 */
export function settledChains(chains: Iterable<ChainId>): ReadonlySet<ChainId> {
  const byNode = new Map<string, ChainId[]>();
  for (const chain of chains) {
    const node = chain.slice(0, chain.indexOf('@'));
    const lives = byNode.get(node);
    if (lives === undefined) byNode.set(node, [chain]);
    else if (!lives.includes(chain)) lives.push(chain);
  }
  const settled = new Set<ChainId>();
  for (const lives of byNode.values()) {
    if (lives.length <= LIVES_KEPT) continue;
    lives.sort((a, b) => incarnationOf(b) - incarnationOf(a));
    for (const chain of lives.slice(LIVES_KEPT)) settled.add(chain);
  }
  return settled;
}

function incarnationOf(chain: ChainId): number {
  return Number(chain.slice(chain.indexOf('@') + 1));
}
