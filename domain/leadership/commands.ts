import type { CommandOf } from '../message';

/** Takes over with the next epoch. */
export type ElectLeader = CommandOf<'ElectLeader', { readonly leader: string }>;
