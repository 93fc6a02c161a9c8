import type { CommandOf } from '../message';
import type { FlowAnchor } from './events';

/** Fixes how far the chains are known. Heads that did not move are left out. */
export type AnchorFlows = CommandOf<'AnchorFlows', { readonly anchors: readonly FlowAnchor[] }>;
