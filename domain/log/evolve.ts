import type { FlowsAnchored } from './events';

/** How far each flow chain is known, by chain. */
export interface Anchors {
  readonly [chain: string]: { readonly number: number; readonly hash: string };
}

export function evolveAnchors(anchors: Anchors, event: FlowsAnchored): Anchors {
  const after: { [chain: string]: { readonly number: number; readonly hash: string } } = { ...anchors };
  for (const { chain, number, hash } of event.data.anchors) after[chain] = { number, hash };
  return after;
}
