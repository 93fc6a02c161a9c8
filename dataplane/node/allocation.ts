import { clusterOf, nodeRef, type FlowId, type Micros, type NodeRef } from '../../domain/base/ids';
import { longestIdleMs } from '../../domain/grid/timing';
import type { FlowPath, FlowPolicy } from '../../domain/topology/topology';
import {
  F_BACKUP,
  F_COUNT,
  F_EMITTER,
  F_ID,
  F_NET_FWD,
  F_NET_REV,
  F_NEXT_FWD,
  F_NEXT_REV,
  F_SHADOW_FWD,
  F_SHADOW_REV,
  F_WIRE,
  FS_FULL_ROUTE,
  S_FLAGS,
  S_HASH,
  S_LEN,
  S_NETWORK,
  S_OFF,
  S_REASON,
  S_REVERSE,
  SF_MULTICAST,
} from '../frames/layout';
import { reason } from '../frames/reasons';
import { placeBeside } from '../select/copies';
import { choosePath, itinerary, type PathFigures } from '../select/path-policy';
import { cloneOf, replicaPathOf } from '../select/replica';
import { emitterFor } from '../select/route';
import { statelessNode } from '../select/stateless-route';
import type { TopologyView } from '../select/topology-view';
import { FlowIds } from './flow-ids';
import { PHASE_OWNED } from './flow-side';
import type { Learning } from './learning';
import type { Node } from './node';
import { routeIn } from './frame-lists';
import type { Adoption } from './stateless-ingress';

/** Secondary flows go back the way of their parents: they count on no path. */
const NO_PATH_ID = 0;
const NO_PATH = reason('no-path');
const NO_MEMBER = reason('no-member');
const NO_EGRESS = reason('no-egress');
const CLUSTER_DROP = reason('cluster-drop');
const TABLE_FULL = reason('table-full');
const NO_ROUTE = reason('no-route');
/** A flow ID rests this long beyond the longest idle timeout before it is given again, microseconds. */
const ID_REST_US = 60_000_000;

/** Allocates flows at the INODE where they begin ([0058], [0060], [0077]): an ID, a path, nodes, and the entry. */
export class FlowAllocation {
  private readonly figures: PathFigures;
  private readonly flowsByPath = new Map<number, number>();
  private ids: FlowIds | undefined;
  /** IDs of flows that were first carried without an entry. */
  private adopted: FlowIds | undefined;
  /** Flows whose clone's ID was taken while they ran. */
  private readonly clones = new Set<FlowId>();
  private restUs: Micros = 0;
  private fnode = 0;

  constructor(
    private readonly node: Node,
    private readonly learning: Learning,
  ) {
    this.figures = {
      flows: (path) => this.flowsByPath.get(path) ?? 0,
      latencyUs: (path) => node.figures.pathLatencyUs(path),
    };
  }

  /** Takes the FNODE number and the timeouts of the topology that new flows are stamped with. */
  configure(view: TopologyView): void {
    const { topology } = view;
    const member = this.node
      .clusterIn(view)
      .members.find(({ node }) => nodeRef(this.node.cluster, node) === this.node.ref);
    const fnode = member?.fnode ?? 0;
    if (this.ids !== undefined && fnode === this.fnode) return;
    this.fnode = fnode;
    this.restUs = 1000 * longestIdleMs(topology.timing) + ID_REST_US;
    this.ids = new FlowIds(fnode, topology.seed, this.restUs);
  }

  /**
   * A new flow for the frame at slot address `address`, under `policy`. Returns its entry; 0 when there can be none, with
   * the reason in `S_REASON`.
   */
  allocate(address: number, policy: FlowPolicy | undefined): number {
    const { ctx } = this.node;
    const { u8, u16, u32 } = ctx.arena;
    const view = ctx.topologies.active;
    const network = u16[(address + S_NETWORK) >>> 1];
    let towards = 0;
    if (view?.routing.port(network) !== undefined) {
      towards = view.routing.networkOfFrame(u8, address + u32[(address + S_OFF) >>> 2], u32[(address + S_LEN) >>> 2]);
      if (towards === 0) {
        u16[(address + S_REASON) >>> 1] = NO_ROUTE;
        return 0;
      }
    }
    const isGroup = (u16[(address + S_FLAGS) >>> 1] & SF_MULTICAST) !== 0;
    if (view !== undefined && policy !== undefined) {
      const path =
        isGroup && view.bridges.has(network)
          ? view.bridges.pathsOf(policy, network).paths[0]
          : (this.bridgedPath(address, policy, view) ?? choosePath(view, policy, network, this.figures, towards));
      if (path !== undefined) return this.allocateOn(address, policy, view, path);
    }
    u16[(address + S_REASON) >>> 1] = NO_PATH;
    return 0;
  }

  /** The path of a frame to one station of a bridge domain in which stations are learned; undefined = it is in none. */
  private bridgedPath(address: number, policy: FlowPolicy, view: TopologyView): FlowPath | undefined {
    const { learning, node } = this;
    if (!learning.isOn) return undefined;
    if (!learning.isUnknown(address)) return learning.pathFor(address, policy, view);
    return view.bridges.pathsOf(policy, node.ctx.arena.u16[(address + S_NETWORK) >>> 1]).paths[0];
  }

  /** A new flow like {@link allocate}'s, on a path that is given. */
  allocateOn(address: number, policy: FlowPolicy, view: TopologyView, path: FlowPath): number {
    const { ctx } = this.node;
    const { u16, u32 } = ctx.arena;
    const refuse = (why: number): number => {
      u16[(address + S_REASON) >>> 1] = why;
      return 0;
    };
    if (this.ids === undefined) return refuse(NO_PATH);
    const stages = itinerary(view, path, this.node.obituary);
    if (!stages.ok)
      return refuse({ 'cluster-drop': CLUSTER_DROP, 'no-member': NO_MEMBER, 'no-egress': NO_EGRESS }[stages.reason]);
    const hash = u32[(address + S_HASH) >>> 2];
    const isReplicated = replicaPathOf(view, policy.flowType) !== undefined;
    let id = this.ids.allocate(hash, ctx.now, isReplicated);
    while (id !== 0 && this.node.flows.find(id) !== 0) id = this.ids.allocate(hash, ctx.now, isReplicated);
    if (id === 0) return refuse(TABLE_FULL);
    const route = this.node.routing.choose(view, stages.clusters, id);
    const flow = this.node.insertFlow(id, policy.flowType, view, route, 0);
    if (flow === 0) {
      this.ids.release(id, ctx.now);
      if (isReplicated) this.ids.release(cloneOf(id), ctx.now);
      return refuse(TABLE_FULL);
    }
    this.adopt(flow, view, route, path.id);
    u16[(flow + F_NET_FWD) >>> 1] = u16[(address + S_NETWORK) >>> 1];
    u16[(flow + F_NET_REV) >>> 1] = path.to;
    return flow;
  }

  /**
   * A secondary flow ([0062]) for the frame at slot address `address`, which leaves here, at the end of `route`, under the
   * topology of its parent. `suits` says which IDs it may have. Returns its entry; 0 when there is no room.
   */
  allocateSecondary(
    address: number,
    flowType: number,
    view: TopologyView,
    route: readonly NodeRef[],
    suits: (id: FlowId) => boolean,
  ): number {
    const { node } = this;
    const { ctx } = node;
    const { u16, u32 } = ctx.arena;
    const id = this.ids?.allocateSuiting(
      u32[(address + S_HASH) >>> 2],
      ctx.now,
      (each) => node.flows.find(each) === 0 && suits(each),
    );
    if (id === undefined || id === 0 || node.flows.find(id) !== 0) return 0;
    const flow = node.insertFlow(id, flowType, view, route, route.length - 1);
    if (flow === 0) {
      this.release(id);
      return 0;
    }
    this.own(flow, NO_PATH_ID);
    node.setState(flow, FS_FULL_ROUTE);
    const back = emitterFor(view, clusterOf(route[route.length - 2]), route[route.length - 2], id, node.obituary);
    u16[(flow + F_EMITTER) >>> 1] = node.ref;
    u16[(flow + F_NEXT_REV) >>> 1] = back;
    u16[(flow + F_SHADOW_REV) >>> 1] = node.heirs.shadowOf(flow, back);
    u16[(flow + F_NET_REV) >>> 1] = u16[(address + S_NETWORK) >>> 1];
    return flow;
  }

  /**
   * A reverse frame tells where the flow went when each hop chose the next ([0079]), and so does any frame that comes back to
   * the INODE that it entered by: from now on the route is stamped in full, so that no hop's choice can be lost with the hop.
   */
  learnRoute(flow: number, address: number): void {
    const { ctx, side } = this.node;
    const { u8 } = ctx.arena;
    if (side.position[this.node.aux(flow)] !== 0 || (u8[address + S_REVERSE] === 0 && !this.node.returns(flow))) return;
    const own = this.node.routeOf(flow);
    // What a function has put in behind this node is the affair of that function's node.
    const route = routeIn(ctx.arena, address).filter((ref) => own.some((known) => clusterOf(known) === clusterOf(ref)));
    // Node 0 stands for a cluster that the flow does not visit, because a function shortened its path.
    if (route.length !== u8[flow + F_COUNT]) return;
    if (this.node.setRoute(flow, route)) this.node.setState(flow, FS_FULL_ROUTE);
  }

  /** Whether the ID of a flow without an entry may be given to one that gets an entry: no other goes by it, or did lately. */
  isFree(id: FlowId): boolean {
    return this.adopted?.mayClaim(id, this.node.ctx.now) !== false && this.node.flows.find(id) === 0;
  }

  /**
   * A flow that was carried without an entry gets one: its ID, topology and nodes stay. Returns its entry; 0 when there
   * is no room, with the reason in `S_REASON`.
   */
  allocateAs(address: number, { view, leg, id }: Adoption): number {
    const { ctx, obituary, ref } = this.node;
    const { u16 } = ctx.arena;
    if (!leg.itinerary.ok) return 0;
    const { clusters } = leg.itinerary;
    const route = clusters.map((cluster, i) =>
      i === 0 ? ref : statelessNode(view, clusters, i, id, obituary, ctx.topologies.latest) || nodeRef(cluster, 0),
    );
    const flow = this.node.insertFlow(id, leg.policy.flowType, view, route, 0);
    if (flow === 0) {
      u16[(address + S_REASON) >>> 1] = TABLE_FULL;
      return 0;
    }
    this.adopted ??= new FlowIds(0, view.topology.seed, this.restUs);
    this.adopted.claim(id, ctx.now);
    this.adopt(flow, view, route, leg.path.id);
    this.node.setState(flow, FS_FULL_ROUTE);
    u16[(flow + F_NET_FWD) >>> 1] = leg.from;
    u16[(flow + F_NET_REV) >>> 1] = leg.path.to;
    return flow;
  }

  /** The path that a policy gives flows from a network now, to `towards` if they are routed; undefined = none. */
  pathFor(view: TopologyView, policy: FlowPolicy, network: number, towards: number): FlowPath | undefined {
    return choosePath(view, policy, network, this.figures, view.routing.port(network) === undefined ? 0 : towards);
  }

  /** A flow that was allocated here has ended: its ID rests, and its path carries one less. */
  ended(id: FlowId, path: number): void {
    if (this.clones.delete(id)) this.release(cloneOf(id));
    this.flowsByPath.set(path, (this.flowsByPath.get(path) ?? 1) - 1);
    this.release(id);
  }

  /**
   * Takes the ID of the clone of a flow that runs, until that flow ends; false where another flow has it, or where the flow's
   * IDs are not this INODE's to give.
   */
  claimClone(id: FlowId): boolean {
    if (this.clones.has(id)) return true;
    if (id >>> 24 !== this.fnode || this.ids?.claim(cloneOf(id), this.node.ctx.now) !== true) return false;
    this.clones.add(id);
    return true;
  }

  /** The clone of a flow has ended, perhaps before the flow. */
  cloneEnded(id: FlowId): void {
    if (!this.clones.has(id)) this.release(cloneOf(id));
  }

  /** An ID of this INODE's rests from now on. */
  release(id: FlowId): void {
    if (id >>> 24 === this.fnode) this.ids?.release(id, this.node.ctx.now);
    else if (id >>> 24 === 0) this.adopted?.release(id, this.node.ctx.now);
  }

  private adopt(flow: number, view: TopologyView, route: readonly NodeRef[], path: number): void {
    const { u16 } = this.node.ctx.arena;
    const { node } = this;
    this.own(flow, path);
    if (view.topology.selection === 'centralized') node.setState(flow, FS_FULL_ROUTE);
    const onward = placeBeside(view, route, 0, 1);
    const id = node.ctx.arena.u32[(flow + F_ID) >>> 2];
    const next = onward < route.length ? node.routing.nextHop(view, route[onward], id) : 0;
    u16[(flow + F_EMITTER) >>> 1] = node.ref;
    u16[(flow + F_BACKUP) >>> 1] = 0;
    u16[(flow + F_NEXT_FWD) >>> 1] = next;
    u16[(flow + F_SHADOW_FWD) >>> 1] = node.heirs.shadowOf(flow, next);
    node.routing.count(flow, route.slice(1));
  }
  /** The flow is allocated here, and is one more on its path. */
  private own(flow: number, path: number): void {
    const { side, ownedByWire } = this.node;
    const aux = this.node.aux(flow);
    side.phase[aux] |= PHASE_OWNED;
    side.path[aux] = path;
    ownedByWire[this.node.ctx.arena.u8[flow + F_WIRE]]++;
    this.flowsByPath.set(path, (this.flowsByPath.get(path) ?? 0) + 1);
  }
}
