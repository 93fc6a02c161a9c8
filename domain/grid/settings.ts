import type { VlanSettings } from '../link/vlan-settings';
import type { ExternalNetwork, FloodSettings, FlowMatch, StaticRoute, Timing, Topology } from '../topology/topology';

/** What holds for the grid as a whole. */
export interface GridSettings {
  readonly name: string;
  /** Seeds rendezvous and flow-ID hashes; fixed for the grid's life, because flows live by it. */
  readonly seed: number;
  readonly selection: Topology['selection'];
  readonly timing: Timing;
  /** Absent where the grid file says nothing of floods. */
  readonly flood?: FloodSettings;
  /** Absent where the grid file says nothing of VLAN IDs. */
  readonly vlans?: VlanSettings;
  readonly networks: readonly ExternalNetwork[];
  /** Absent where the grid file gives none. */
  readonly routes?: readonly StaticRoute[];
  readonly capture: CaptureEntry | null;
}

/** Where replayed traffic enters: the initiator's side at one external network, the responder's at another. */
export interface CaptureEntry extends CaptureSides {
  /** First matching rule wins; without one, the sides above. */
  readonly rules: readonly CaptureRule[];
  /** Bridge domains as older grid files listed them; networks name their own now, and this list is empty. */
  readonly bridges: readonly (readonly number[])[];
  /**
   * Networks at which the frames of a capture's interfaces enter, by the interfaces' names; absent, or of another interface:
   * by the rules and sides.
   */
  readonly interfaces?: readonly CaptureInterface[];
}

export interface CaptureInterface {
  readonly name: string;
  readonly network: number;
}

/** Network IDs of the two sides. */
export interface CaptureSides {
  readonly initiator: number;
  readonly responder: number;
}

export interface CaptureRule extends CaptureSides {
  readonly match: FlowMatch;
}
