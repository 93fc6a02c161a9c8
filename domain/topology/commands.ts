import type { CommandOf } from '../message';

/** Makes a topology of the grid as it is, if it differs from the last one. */
export type PublishTopology = CommandOf<'PublishTopology', Record<string, never>>;
/** Records that all live nodes acknowledged the topology. */
export type ApplyTopology = CommandOf<'ApplyTopology', { readonly version: number }>;
/** Asks the nodes to move an old topology's flows to the newest applied one's wire ID. */
export type RequestRepin = CommandOf<'RequestRepin', { readonly version: number }>;
/** Records that nothing lives under the topology any more. */
export type RetireTopology = CommandOf<'RetireTopology', { readonly version: number }>;

export type TopologyLifeCommand = PublishTopology | ApplyTopology | RequestRepin | RetireTopology;
