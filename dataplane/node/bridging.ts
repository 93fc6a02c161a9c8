import type { FlowPath, FlowPolicy } from '../../domain/topology/topology';
import {
  C_FLOW,
  F_COUNT,
  F_NET_FWD,
  F_NET_REV,
  F_TYPE,
  S_FLAGS,
  S_FLOW,
  S_NETWORK,
  S_REASON,
  SF_START,
} from '../frames/layout';
import { reason } from '../frames/reasons';
import type { FlowAllocation } from './allocation';
import { BRIDGED } from './counters';
import type { Node } from './node';
import type { StatelessIngress } from './stateless-ingress';

const NO_PATH = reason('no-path');

/** The further flows of a flow whose frames go to a group, and how many networks of the domain none of them reaches. */
interface Branches {
  readonly flows: readonly number[];
  readonly missed: number;
}

const ALONE: Branches = { flows: [], missed: 0 };

/**
 * Broadcast, multicast, and frames to stations that are not known ({@link Learning}), at the INODE where they enter: a flow leads to one INODE cluster, so for each further cluster
 * that connects networks of the bridge domain a flow has a branch, a flow of its own, that carries a copy of each frame.
 */
export class Bridging {
  private readonly byFlow = new Map<number, Branches>();
  private copies: number[] = [];

  constructor(
    private readonly node: Node,
    private readonly allocation: FlowAllocation,
    private readonly stateless: StatelessIngress,
    /** A branch has begun, with the frame at this address. */
    private readonly began: (flow: number, address: number) => void,
    /** A connection goes on by a branch of its flow. */
    private readonly goesOn: (connection: number, branch: number) => void,
  ) {}

  /** Whether one flow is a branch of another. */
  isBranch(flow: number, of: number): boolean {
    return this.byFlow.get(of)?.flows.includes(flow) === true;
  }

  /**
   * The station to which frames of a connection went everywhere is found at a network: the branch that leads there carries
   * them on, behind those that it has carried, and ends with its flow no more. False: no branch does.
   */
  turn(connection: number, network: number): boolean {
    const { u16, u32 } = this.node.ctx.arena;
    const flow = u32[(connection + C_FLOW) >>> 2];
    const known = this.byFlow.get(flow);
    const { bridges } = this.node.viewOf(flow);
    const branch = known?.flows.find((each) => bridges.areTogether(u16[(each + F_NET_REV) >>> 1], network));
    if (known === undefined || branch === undefined) return false;
    this.byFlow.set(flow, { ...known, flows: known.flows.filter((each) => each !== branch) });
    this.goesOn(connection, branch);
    return true;
  }

  /** Copies of a classified group frame for the branches of its flow, each a slot of the caller's; valid until the next call. */
  copiesOf(slot: number, address: number): readonly number[] {
    this.copies.length = 0;
    const { ctx } = this.node;
    const { u16, u32 } = ctx.arena;
    const flow = u32[(address + S_FLOW) >>> 2];
    const isStateless = this.node.stateless.has(flow);
    const known = isStateless ? undefined : this.byFlow.get(flow);
    const { flows, missed } = known ?? (isStateless ? this.lend(flow, address) : this.branch(flow, address));
    for (let i = 0; i < missed; i++) {
      this.node.counters.values[BRIDGED]++;
      this.node.counters.drop(NO_PATH);
    }
    for (const branch of flows) {
      this.node.counters.values[BRIDGED]++;
      const copy = this.node.copyOf(slot);
      if (copy < 0) continue;
      const target = ctx.slot(copy);
      u32[(target + S_FLOW) >>> 2] = branch;
      const flags = u16[(target + S_FLAGS) >>> 1];
      if (!isStateless) u16[(target + S_FLAGS) >>> 1] = known === undefined ? flags | SF_START : flags & ~SF_START;
      this.copies.push(copy);
    }
    return this.copies;
  }

  /** A flow ends: its branches, which end with it. */
  take(flow: number): readonly number[] {
    const { flows } = this.byFlow.get(flow) ?? ALONE;
    this.byFlow.delete(flow);
    return flows;
  }

  /** The branches of a flow without an entry: entries for as long as the frame at hand needs them. */
  private lend(flow: number, address: number): Branches {
    return this.branchOn(flow, address, (policy, path) => this.stateless.branch(flow, policy, path));
  }

  /** Makes the branches of a flow; also of one that fell to this node, whose branches died with the INODE before it. */
  private branch(flow: number, address: number): Branches {
    const view = this.node.viewOf(flow);
    const branches = this.branchOn(flow, address, (policy, path) =>
      this.allocation.allocateOn(address, policy, view, path),
    );
    this.byFlow.set(flow, branches);
    for (const each of branches.flows) this.began(each, address);
    return branches;
  }

  /** One branch for each further INODE cluster with networks of the domain, as `make` makes them (0 = it cannot). */
  private branchOn(flow: number, address: number, make: (policy: FlowPolicy, path: FlowPath) => number): Branches {
    const { u8, u16 } = this.node.ctx.arena;
    const network = u16[(flow + F_NET_FWD) >>> 1];
    const view = this.node.viewOf(flow);
    const type = u16[(flow + F_TYPE) >>> 1];
    const policy = view.topology.policies.find(({ flowType }) => flowType === type);
    if (policy === undefined || !view.bridges.has(network) || u16[(address + S_NETWORK) >>> 1] !== network)
      return ALONE;
    const { paths, missed: pathless } = view.bridges.pathsOf(policy, network);
    let missed = pathless;
    const last = this.node.clusterAt(flow, u8[flow + F_COUNT] - 1);
    const flows: number[] = [];
    for (const path of paths) {
      if (path.clusters[path.clusters.length - 1] === last) continue;
      const branch = make(policy, path);
      if (branch !== 0) flows.push(branch);
      else missed++;
    }
    u16[(address + S_REASON) >>> 1] = 0;
    return { flows, missed };
  }
}
