import { mix2 } from '../../domain/base/hash';
import { nodeRef, type ClusterId, type FlowId, type NodeRef } from '../../domain/base/ids';
import type { FlowPath, FlowPolicy } from '../../domain/topology/topology';
import { compilePolicies, type CompiledPolicies } from '../classify/policies';
import type { Arena } from '../frames/arena';
import {
  K_ADDR_A,
  K_ADDR_B,
  K_HERE,
  K_IP,
  K_NETWORK,
  K_PORT_A,
  K_PORT_B,
  K_PROTO,
  S_FLAGS,
  S_KEY,
  SF_MULTICAST,
} from '../frames/layout';
import { hasPorts } from '../headers/numbers';
import { hashKey } from '../headers/key-hash';
import type { Obituary } from './liveness';
import { candidatePaths, itinerary, type Itinerary } from './path-policy';
import { hashedNode } from './route';
import type { TopologyView } from './topology-view';

/**
 * Where frames go that no table knows (DESIGN.md section 5, flood guard): everything follows from the frame's constant
 * fields and one topology, so that INODEs at both ends of a flow find the same nodes, each by itself.
 */

const LOW_BITS = 0xff_ffff;

/**
 * The flow ID of a flow without an entry: a keyed hash of its constant fields in the low 24 bits, FNODE number 0, which
 * no FNODE has, in the high ones. Different flows may share it; it names nodes, not flows.
 */
export function statelessFlowId(seed: number, hash: number): FlowId {
  return mix2(seed, hash) & LOW_BITS || 1;
}

/** Hash of the canonical key in a slot but for the external network and who stands there, which differ by the side. */
export function constantFieldsHash(arena: Arena, slot: number, seed: Uint32Array): number {
  const at = (slot + S_KEY + K_NETWORK) >>> 1;
  const end = (slot + S_KEY + K_HERE) >>> 2;
  const network = arena.u16[at];
  const here = arena.u32[end];
  arena.u16[at] = 0;
  arena.u32[end] = 0;
  const hash = hashKey(arena.u32, slot + S_KEY, seed);
  arena.u16[at] = network;
  arena.u32[end] = here;
  return hash;
}

/** A policy and path that flows from one external network take. */
export interface Leg {
  /** Place of the policy among the topology's: earlier ones are more specific. */
  readonly policyIndex: number;
  readonly policy: FlowPolicy;
  /** Network of the initiator. */
  readonly from: number;
  readonly path: FlowPath;
  /** The clusters that are visited, as modes and failures leave them, or why there is no way. */
  readonly itinerary: Itinerary;
}

/**
 * The node for a flow without an entry in the cluster at a place of its path: as the hash selects it, but nobody of a cluster that
 * the latest topology has no more. 0 = none. Both ends know the clusters beside it, and not whom each chose there.
 */
export function statelessNode(
  view: TopologyView,
  clusters: readonly ClusterId[],
  place: number,
  flow: FlowId,
  dead: Obituary,
  latest: TopologyView | undefined,
): NodeRef {
  const cluster = clusters[place];
  if (latest?.hasCluster(cluster) === false) return 0;
  const before = place === 0 ? 0 : nodeRef(clusters[place - 1], 0);
  const after = place === clusters.length - 1 ? 0 : nodeRef(clusters[place + 1], 0);
  return hashedNode(view, cluster, flow, dead, before, after);
}

/**
 * Finds policy, path and direction of a frame whose flow nobody remembers. Who began the flow cannot be known, so both
 * ends are tried, and the choice between them depends only on what both ends see: the earlier policy, then the
 * responder with the lower port, then the earlier path.
 */
export class StatelessLegs {
  private readonly policies: CompiledPolicies;
  private readonly legs = new Map<number, Leg | null>();
  /** Number of deaths and departures that the legs were found under. */
  private changes = -1;

  constructor(
    private readonly view: TopologyView,
    private readonly dead: Obituary,
  ) {
    this.policies = compilePolicies(view.topology.policies);
  }

  /** Whether the frame last looked for runs against its flow. */
  reverse = false;

  /**
   * The leg of a frame that entered from `network`, whose key is in `slot` and whose sender is end B of it or not.
   * Undefined: no policy has a path for it. {@link reverse} tells the direction.
   */
  find(arena: Arena, slot: number, fromB: boolean, network: number): Leg | undefined {
    if (this.changes !== this.dead.changes) {
      this.changes = this.dead.changes;
      this.legs.clear();
    }
    const at = (slot + S_KEY + K_NETWORK) >>> 1;
    const before = arena.u16[at];
    const a = this.legFor(arena, slot, false, !fromB, network);
    const b = this.legFor(arena, slot, true, fromB, network);
    arena.u16[at] = before;
    const isGroup = (arena.u16[(slot + S_FLAGS) >>> 1] & SF_MULTICAST) !== 0;
    // A group begins nothing.
    const isB = isGroup && (fromB ? b : a) !== undefined ? fromB : undefined;
    const initiatorIsB = isB ?? (a === undefined || (b !== undefined && this.prefersB(arena, slot, a, b)));
    this.reverse = initiatorIsB !== fromB;
    return initiatorIsB ? b : a;
  }

  private legFor(
    arena: Arena,
    slot: number,
    initiatorIsB: boolean,
    senderInitiates: boolean,
    network: number,
  ): Leg | undefined {
    if (senderInitiates) return this.legFrom(arena, slot, initiatorIsB, network);
    for (const { id } of this.view.topology.networks) {
      if (id === network) continue;
      const leg = this.legFrom(arena, slot, initiatorIsB, id);
      if (leg?.path.to === network) return leg;
    }
    return undefined;
  }

  private legFrom(arena: Arena, slot: number, initiatorIsB: boolean, network: number): Leg | undefined {
    arena.u16[(slot + S_KEY + K_NETWORK) >>> 1] = network;
    const towards = this.towards(arena, slot, initiatorIsB, network);
    const index = towards < 0 ? -1 : this.policies.match(arena, slot, initiatorIsB);
    if (index < 0) return undefined;
    const key = (index * 256 + towards) * 256 + network;
    let leg = this.legs.get(key);
    if (leg === undefined) this.legs.set(key, (leg = this.makeLeg(index, network, towards)));
    return leg ?? undefined;
  }

  /** The network that a flow from a layer-3 network is routed to, by its responder; 0 = it is bridged, −1 = there is no route. */
  private towards(arena: Arena, slot: number, initiatorIsB: boolean, network: number): number {
    const { routing } = this.view;
    if (routing.port(network) === undefined) return 0;
    const version = arena.u8[slot + S_KEY + K_IP];
    const responder = slot + S_KEY + (initiatorIsB ? K_ADDR_A : K_ADDR_B) + (version === 4 ? 12 : 0);
    return version === 0 ? -1 : routing.networkFor(version, arena.u8, responder) || -1;
  }

  private makeLeg(policyIndex: number, from: number, towards: number): Leg | null {
    const policy = this.view.topology.policies[policyIndex];
    const path = candidatePaths(this.view, policy, from, towards)[0];
    if (path === undefined) return null;
    return { policyIndex, policy, from, path, itinerary: itinerary(this.view, path, this.dead) };
  }

  private prefersB(arena: Arena, slot: number, a: Leg, b: Leg): boolean {
    if (a.policyIndex !== b.policyIndex) return b.policyIndex < a.policyIndex;
    const portA = arena.u16[(slot + S_KEY + K_PORT_A) >>> 1];
    const portB = arena.u16[(slot + S_KEY + K_PORT_B) >>> 1];
    if (hasPorts(arena.u8[slot + S_KEY + K_PROTO]) && portA !== portB) return portA < portB;
    const { paths } = this.view.topology;
    return paths.indexOf(b.path) < paths.indexOf(a.path);
  }
}
