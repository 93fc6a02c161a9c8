import type { GridState } from '../grid-state';
import { NOTHING_TO_DO, type Decision } from '../message';
import type { FlowAnchor, FlowsAnchored } from './events';
import { settledChains } from './lives';

/** Anchors the chains that grew since their last anchor, in order of their names; not those of lives long over. */
export function anchorFlows(state: GridState, anchors: readonly FlowAnchor[]): Decision<FlowsAnchored> {
  const settled = settledChains([...Object.keys(state.anchors), ...anchors.map(({ chain }) => chain)]);
  const grown = anchors
    .filter(({ chain, number }) => !settled.has(chain) && number > (state.anchors[chain]?.number ?? 0))
    .sort((a, b) => (a.chain < b.chain ? -1 : 1));
  return grown.length === 0 ? NOTHING_TO_DO : [{ type: 'FlowsAnchored', v: 1, data: { anchors: grown } }];
}
