import type { EventOf } from '../message';
import type { FlowPath } from '../topology/topology';

/** A flow path was defined or redefined ([0060], [0064]). */
export type FlowPathDefined = EventOf<'FlowPathDefined', FlowPath>;
export type FlowPathDeleted = EventOf<'FlowPathDeleted', { readonly path: number }>;

export type PathEvent = FlowPathDefined | FlowPathDeleted;
