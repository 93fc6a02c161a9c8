import type { CommandOf } from '../message';
import type { FlowPath } from '../topology/topology';

export type DefineFlowPath = CommandOf<'DefineFlowPath', FlowPath>;
export type DeleteFlowPath = CommandOf<'DeleteFlowPath', { readonly path: number }>;

export type PathCommand = DefineFlowPath | DeleteFlowPath;
