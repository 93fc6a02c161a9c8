import type { Millis } from '../base/ids';

/** From which VLAN IDs the grid gives its own links theirs, and how long a frame can be under way on one ([0041]). */
export interface VlanSettings {
  /** First and last ID of the reserved block, 1–{@link VLAN_ID_MAX}. */
  readonly first: number;
  readonly last: number;
  /** No frame is on a LAN switch, or in a node's queue, longer than that. */
  readonly frameLifetimeMs: Millis;
}

/** The greatest ID that a tag can carry; 4095 is reserved (IEEE 802.1Q, table 9-2). */
export const VLAN_ID_MAX = 4_094;

/** A day: no frame lives longer. */
export const FRAME_LIFETIME_MAX_MS = 86_400_000;

/** What holds where the grid file says nothing: the upper half of all IDs. */
export const DEFAULT_VLANS: VlanSettings = { first: 2_048, last: VLAN_ID_MAX, frameLifetimeMs: 30_000 };

/** The settings of a grid, or those of one that has none. */
export function vlanSettingsOf(grid: { readonly vlans?: VlanSettings } | null): VlanSettings {
  return grid?.vlans ?? DEFAULT_VLANS;
}

/** How long a released ID rests: the last frame of the old link has gone before one of the new can be. */
export function restMs({ frameLifetimeMs }: VlanSettings): Millis {
  return 2 * frameLifetimeMs;
}

/** Whether the grid gives the ID to its own links. */
export function isReserved({ first, last }: VlanSettings, vlan: number): boolean {
  return vlan >= first && vlan <= last;
}

/** What is wrong with settings; undefined = nothing. */
export function vlanSettingsProblem({ first, last, frameLifetimeMs }: VlanSettings): string | undefined {
  const isId = (vlan: number): boolean => Number.isInteger(vlan) && vlan >= 1 && vlan <= VLAN_ID_MAX;
  if (!isId(first) || !isId(last) || last < first) return `VLAN IDs ${first}–${last} are no block of 1–${VLAN_ID_MAX}`;
  if (Number.isInteger(frameLifetimeMs) && frameLifetimeMs >= 1 && frameLifetimeMs <= FRAME_LIFETIME_MAX_MS) {
    return undefined;
  }
  return `a frame's lifetime of ${frameLifetimeMs} ms is not in 1–${FRAME_LIFETIME_MAX_MS}`;
}
