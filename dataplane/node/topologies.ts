import type { WireId } from '../../domain/base/ids';
import type { RendezvousTable } from '../../domain/cluster/rendezvous';
import type { PublishedTopology } from '../../domain/topology/topology';
import { TopologyView, type RendezvousTables } from '../select/topology-view';

/**
 * The topologies installed in a group, by wire ID: all that live flows still carry, and the one that new flows are
 * stamped with.
 */
export class Topologies {
  private readonly byWireId: (TopologyView | undefined)[] = new Array<undefined>(256).fill(undefined);
  private newest: TopologyView | undefined;
  private stamped: TopologyView | undefined;
  /** MTU of the narrowest link that an operator lets carry less than the networks send, in all of them; else Infinity. */
  narrowest = Infinity;
  /** Whether one of them has bridge domains. */
  hasBridges = false;
  /** Whether one of them has a bridge domain in which stations are learned. */
  hasLearning = false;

  constructor(private readonly tables: RendezvousTables) {}

  /** Installs a topology under its wire ID, replacing what had the ID before; the same version twice changes nothing. */
  install(published: PublishedTopology): TopologyView {
    const known = this.byWireId[published.topology.wireId];
    if (known !== undefined && known.topology.version === published.topology.version) return known;
    const view = new TopologyView(published, this.tables);
    this.byWireId[published.topology.wireId] = view;
    this.narrowest = Math.min(this.narrowest, view.narrowest);
    this.hasBridges ||= !view.bridges.isEmpty;
    this.hasLearning ||= view.bridges.areLearning;
    if (this.newest === undefined || view.topology.version > this.newest.topology.version) this.newest = view;
    return view;
  }

  /** New flows are stamped with this version from now on; false when it is not installed. */
  activate(version: number): boolean {
    const view = this.byWireId.find((each) => each?.topology.version === version);
    if (view === undefined) return false;
    this.stamped = view;
    return true;
  }

  /** Forgets a wire ID; returns the view it had. */
  retire(wireId: WireId): TopologyView | undefined {
    const view = this.byWireId[wireId];
    if (view === undefined || view === this.stamped) return undefined;
    this.byWireId[wireId] = undefined;
    const inUse = new Set<RendezvousTable>();
    this.narrowest = Infinity;
    this.hasBridges = false;
    this.hasLearning = false;
    for (const each of this.byWireId) {
      if (each === undefined) continue;
      this.narrowest = Math.min(this.narrowest, each.narrowest);
      this.hasBridges ||= !each.bridges.isEmpty;
      this.hasLearning ||= each.bridges.areLearning;
      for (const table of each.derivedTables()) inUse.add(table);
    }
    this.tables.keepOnly(inUse);
    return view;
  }

  /** The topology of a wire ID. */
  of(wireId: WireId): TopologyView | undefined {
    return this.byWireId[wireId];
  }

  /** The topology of a wire ID, if it is of that version: the ID may stand for another by now. */
  exactly({ version, wireId }: { readonly version: number; readonly wireId: WireId }): TopologyView | undefined {
    const view = this.of(wireId);
    return view?.topology.version === version ? view : undefined;
  }

  /** Visits every installed topology. */
  forEach(visit: (view: TopologyView) => void): void {
    for (const view of this.byWireId) if (view !== undefined) visit(view);
  }

  /** The least MTU of the networks that frames are routed to, as the latest topology has them; Infinity where none is known. */
  get narrowestExit(): number {
    return this.newest === undefined ? Infinity : this.newest.routing.narrowest;
  }

  /** Whether any frame may need more than to be stamped and sent where it enters: what most grids never have. */
  get hasRare(): boolean {
    return this.hasBridges || this.narrowest !== Infinity || this.narrowestExit !== Infinity;
  }

  /** The latest installed: who greets whom, and which functions run. */
  get latest(): TopologyView | undefined {
    return this.newest;
  }

  /** The one that new flows are stamped with. */
  get active(): TopologyView | undefined {
    return this.stamped;
  }
}
