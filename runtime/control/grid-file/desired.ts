import type { ClusterSettings } from '../../../domain/cluster/events';
import type { GridSettings } from '../../../domain/grid/settings';
import type { NodeAddress } from '../../../domain/node/address';
import type { NodeSettings } from '../../../domain/node/events';
import type { FailurePolicy, FlowPath, FlowPolicy, VirtualLink } from '../../../domain/topology/topology';

/** A grid as its file wants it: validated, names turned into numbers, each list in order of IDs. */
export interface DesiredGrid {
  readonly settings: GridSettings;
  readonly clusters: readonly ClusterSettings[];
  readonly nodes: readonly (NodeAddress & NodeSettings)[];
  readonly links: readonly VirtualLink[];
  readonly paths: readonly FlowPath[];
  readonly policies: readonly FlowPolicy[];
  /** The capture that the file names, relative to the file; undefined if it names none. */
  readonly captureFile: string | undefined;
}

/** What a command line may decide in place of the file. */
export interface Overrides {
  readonly seed?: number;
  readonly selection?: GridSettings['selection'];
  /** Failure policies by cluster name. */
  readonly failure?: ReadonlyMap<string, FailurePolicy>;
}

/** The desired grid with the command line's decisions. Unknown cluster names are the caller's to refuse. */
export function withOverrides(desired: DesiredGrid, overrides: Overrides): DesiredGrid {
  const { seed = desired.settings.seed, selection = desired.settings.selection, failure } = overrides;
  return {
    ...desired,
    settings: { ...desired.settings, seed, selection },
    clusters: desired.clusters.map((cluster) => ({
      ...cluster,
      failure: failure?.get(cluster.name) ?? cluster.failure,
    })),
  };
}
