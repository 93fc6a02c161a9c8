import type { CommandOf } from '../message';
import type { FlowPolicy } from '../topology/topology';

export type DefinePolicy = CommandOf<'DefinePolicy', FlowPolicy>;
export type DeletePolicy = CommandOf<'DeletePolicy', { readonly policy: number }>;

export type PolicyCommand = DefinePolicy | DeletePolicy;
