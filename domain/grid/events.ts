import type { EventOf } from '../message';
import type { GridSettings } from './settings';

/** The grid began. */
export type GridCreated = EventOf<'GridCreated', GridSettings>;
/** Grid-wide settings changed; carries all of them. Name and seed never change. */
export type GridReconfigured = EventOf<'GridReconfigured', GridSettings>;

export type GridEvent = GridCreated | GridReconfigured;
