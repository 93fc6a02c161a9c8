import type { CommandOf } from '../message';
import type { GridSettings } from './settings';

export type CreateGrid = CommandOf<'CreateGrid', GridSettings>;
export type ReconfigureGrid = CommandOf<'ReconfigureGrid', GridSettings>;

export type GridCommand = CreateGrid | ReconfigureGrid;
