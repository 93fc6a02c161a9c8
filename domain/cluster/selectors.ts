import { mix2, mix32 } from '../base/hash';
import { NODE_ID_MAX, type NodeId } from '../base/ids';
import { unreachable } from '../base/errors';
import type { SelectorKind } from '../topology/topology';
import type { LiveNodes, RendezvousTable } from './rendezvous';

/**
 * Next-hop selectors ([0066 b], [0079], [0083]): which member of a cluster takes a new flow. Plain functions over
 * arrays, called once per new flow, without allocation. What they remember (whose turn it is) lies in the arrays too,
 * so that a choice is a function of what is passed in.
 */

/** What is known about the members of one cluster; all arrays are indexed alike, in order of node ID. */
export interface SelectorMembers {
  count: number;
  readonly node: Uint8Array;
  /** 1 = may take new flows: alive, not draining, not congested. */
  readonly eligible: Uint8Array;
  /** Relative capacity, 1–100. */
  readonly weight: Uint8Array;
  /** Live flows for which the member is primary. */
  readonly flows: Uint32Array;
  /** End-to-end latency reported for flows through the member, microseconds. */
  readonly latencyUs: Uint32Array;
  /** Utilisation reported by the member, per mille. */
  readonly utilisation: Uint16Array;
  /** Smooth weighted round-robin: each member's running credit. */
  readonly credit: Int32Array;
  /** Round-robin: index of the member chosen last. */
  turn: number;
}

/** Creates the arrays for the given members, all eligible, weight 1, idle. */
export function createSelectorMembers(nodes: readonly NodeId[], weights?: readonly number[]): SelectorMembers {
  const count = Math.min(nodes.length, NODE_ID_MAX);
  const members: SelectorMembers = {
    count,
    node: Uint8Array.from(nodes),
    eligible: new Uint8Array(count).fill(1),
    weight: new Uint8Array(count).fill(1),
    flows: new Uint32Array(count),
    latencyUs: new Uint32Array(count),
    utilisation: new Uint16Array(count),
    credit: new Int32Array(count),
    turn: -1,
  };
  weights?.forEach((weight, index) => (members.weight[index] = weight));
  return members;
}

/** Carries what is remembered of members over to a changed membership: turns go on where they were, by node. */
export function continueMembers(before: SelectorMembers, after: SelectorMembers): SelectorMembers {
  for (let i = 0; i < after.count; i++) {
    const known = before.node.indexOf(after.node[i]!);
    if (known < 0) continue;
    after.flows[i] = before.flows[known]!;
    after.latencyUs[i] = before.latencyUs[known]!;
    after.utilisation[i] = before.utilisation[known]!;
    after.credit[i] = before.credit[known]!;
  }
  const last = before.node[before.turn] ?? 0;
  after.turn = after.node.findLastIndex((node) => node <= last);
  return after;
}

/** The next eligible member in turn; 0 if there is none. */
export function selectRoundRobin(members: SelectorMembers): NodeId {
  const { count, eligible } = members;
  for (let step = 1; step <= count; step++) {
    const index = (members.turn + step) % count;
    if (eligible[index] === 1) {
      members.turn = index;
      return members.node[index]!;
    }
  }
  return 0;
}

/**
 * Smooth weighted round-robin: each turn every eligible member earns its weight, the richest is chosen and pays what
 * all earned. Heavy members are interleaved with light ones instead of served in bursts. 0 if none is eligible.
 */
export function selectWeightedRoundRobin(members: SelectorMembers): NodeId {
  const { count, eligible, weight, credit } = members;
  let earned = 0;
  let richest = -1;
  for (let i = 0; i < count; i++) {
    if (eligible[i] !== 1) continue;
    earned += weight[i]!;
    credit[i]! += weight[i]!;
    if (richest < 0 || credit[i]! > credit[richest]!) richest = i;
  }
  if (richest < 0) return 0;
  credit[richest]! -= earned;
  return members.node[richest]!;
}

/** The eligible member with the fewest live flows in proportion to its weight; the lower node ID wins a tie. 0 if none. */
export function selectLeastFlows(members: SelectorMembers): NodeId {
  const { count, eligible, weight, flows } = members;
  let best = -1;
  for (let i = 0; i < count; i++) {
    if (eligible[i] !== 1) continue;
    if (best < 0 || flows[i]! * weight[best]! < flows[best]! * weight[i]!) best = i;
  }
  return best < 0 ? 0 : members.node[best]!;
}

/**
 * Feedback with the power of two choices ([0083]): two eligible members drawn by the flow's hash, the one with the
 * lower latency in proportion to the capacity it has left is taken. Two draws keep most of the benefit of looking at
 * all and do not send every new flow to the one that looked best a second ago. 0 if none is eligible.
 */
export function selectFeedback(members: SelectorMembers, flowHash: number): NodeId {
  const one = drawEligible(members, mix32(flowHash), -1);
  if (one < 0) return 0;
  const two = drawEligible(members, mix2(flowHash, 0x2c0_1ce5), one);
  const chosen = two >= 0 && costs(members, two, one) ? two : one;
  return members.node[chosen]!;
}

/** Whether member `a` costs less than member `b`: latency / free capacity, compared without division. */
function costs(members: SelectorMembers, a: number, b: number): boolean {
  const { latencyUs, utilisation, flows, weight } = members;
  const freeA = 1001 - Math.min(utilisation[a]!, 1000);
  const freeB = 1001 - Math.min(utilisation[b]!, 1000);
  const left = (latencyUs[a]! + 1) * freeB;
  const right = (latencyUs[b]! + 1) * freeA;
  if (left !== right) return left < right;
  return flows[a]! * weight[b]! < flows[b]! * weight[a]!;
}

/** Index of the (hash mod n)th eligible member, leaving out `except`; −1 if there is none. */
function drawEligible(members: SelectorMembers, hash: number, except: number): number {
  const { count, eligible } = members;
  let candidates = 0;
  for (let i = 0; i < count; i++) if (eligible[i] === 1 && i !== except) candidates++;
  if (candidates === 0) return -1;
  let skip = hash % candidates;
  for (let i = 0; i < count; i++) {
    if (eligible[i] !== 1 || i === except) continue;
    if (skip-- === 0) return i;
  }
  return -1;
}

/**
 * Selects by any algorithm. `hash` takes the first live member of the flow's bucket; a choice by any other algorithm
 * cannot be computed again from the flow ID and so travels in the descriptor. 0 if no member can take the flow.
 */
export function select(
  kind: SelectorKind,
  members: SelectorMembers,
  table: RendezvousTable,
  bucket: number,
  flowHash: number,
  live: LiveNodes,
): NodeId {
  switch (kind) {
    case 'hash':
      return table.firstLive(bucket, live);
    case 'round-robin':
      return selectRoundRobin(members);
    case 'weighted-round-robin':
      return selectWeightedRoundRobin(members);
    case 'least-flows':
      return selectLeastFlows(members);
    case 'feedback':
      return selectFeedback(members, flowHash);
    default:
      return unreachable(kind);
  }
}
