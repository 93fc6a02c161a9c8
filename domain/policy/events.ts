import type { EventOf } from '../message';
import type { FlowPolicy } from '../topology/topology';

/** A policy was defined or redefined. Policies are tried in order of their IDs. */
export type PolicyDefined = EventOf<'PolicyDefined', FlowPolicy>;
export type PolicyDeleted = EventOf<'PolicyDeleted', { readonly policy: number }>;

export type PolicyEvent = PolicyDefined | PolicyDeleted;
