import type { CommandOf } from '../message';
import type { Probe } from './events';

export type AttachProbe = CommandOf<'AttachProbe', Probe>;
export type DetachProbe = CommandOf<'DetachProbe', { readonly probe: number }>;

export type ProbeCommand = AttachProbe | DetachProbe;
