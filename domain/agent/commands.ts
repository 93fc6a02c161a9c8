import type { CommandOf } from '../message';
import type { NodeAddress } from '../node/address';
import type { AgentState } from './state';

/** Makes an agent known, or its new process. */
export type RegisterAgent = CommandOf<'RegisterAgent', { readonly agent: string } & AgentState>;
/** Has an agent host a node, in its next life; again for the same agent when that has a new process, or the life ended. */
export type PlaceNode = CommandOf<'PlaceNode', NodeAddress & { readonly agent: string }>;
/** Takes a node that carries nothing from its agent. */
export type DisplaceNode = CommandOf<'DisplaceNode', NodeAddress>;

export type AgentCommand = RegisterAgent | PlaceNode | DisplaceNode;
