import type { Millis } from '../base/ids';
import type { CommandOf } from '../message';
import type { NodeAddress, NodeLife } from './address';
import type { NodeSettings } from './events';

/** Records the hello of a node that nobody admitted. */
export type DiscoverNode = CommandOf<'DiscoverNode', NodeLife>;
/** Makes a node a member or a spare of its cluster; a spare admitted again without `spare` becomes a member. */
export type AdmitNode = CommandOf<'AdmitNode', NodeAddress & NodeSettings>;
/** Lays down the node's function (its cluster's) and weight; a drained one is to begin its next life. */
export type ConfigureNode = CommandOf<'ConfigureNode', NodeAddress & { readonly weight: number }>;
/** Lets a configured (or recovering) node take part. */
export type ActivateNode = CommandOf<'ActivateNode', NodeLife>;
export type SuspectNode = CommandOf<'SuspectNode', NodeLife & { readonly lastSeen: Millis }>;
export type FailNode = CommandOf<'FailNode', NodeLife>;
export type RecoverNode = CommandOf<'RecoverNode', NodeLife>;
/** Gives the node no new flows; `withinMs` 0 waits for its flows for ever. */
export type DrainNode = CommandOf<
  'DrainNode',
  NodeAddress & { readonly withinMs: number; readonly thenRemove: boolean }
>;
export type CompleteDrain = CommandOf<'CompleteDrain', NodeAddress & { readonly forced: boolean }>;
export type RemoveNode = CommandOf<'RemoveNode', NodeAddress>;

export type NodeCommand =
  | DiscoverNode
  | AdmitNode
  | ConfigureNode
  | ActivateNode
  | SuspectNode
  | FailNode
  | RecoverNode
  | DrainNode
  | CompleteDrain
  | RemoveNode;
