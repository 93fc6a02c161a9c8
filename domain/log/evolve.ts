import type { FlowsAnchored } from './events';
import { settledChains } from './lives';

/** How far each flow chain is known, by chain; of each node the chains of its latest lives alone. */
export interface Anchors {
  readonly [chain: string]: { readonly number: number; readonly hash: string };
}

export function evolveAnchors(anchors: Anchors, event: FlowsAnchored): Anchors {
  const after: { [chain: string]: { readonly number: number; readonly hash: string } } = { ...anchors };
  for (const { chain, number, hash } of event.data.anchors) after[chain] = { number, hash };
  for (const chain of settledChains(Object.keys(after))) delete after[chain];
  return after;
}
