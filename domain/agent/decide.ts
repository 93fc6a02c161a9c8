import { canonical, type Canonical } from '../base/canonical';
import type { GridState } from '../grid-state';
import { NOTHING_TO_DO, reject, type Decision, type Rejection } from '../message';
import type { NodeAddress } from '../node/address';
import { findNode, nameOf } from '../node/decide';
import { isMember, type NodeState } from '../node/state';
import type { PlaceNode, RegisterAgent } from './commands';
import type { AgentRegistered, NodeDisplaced, NodePlaced } from './events';
import { isLanAddress } from './state';
import { nextIncarnation, obstacle, occupied, wantsPlace } from './placement';

/** Nodes that one agent offers to host, at most. */
export const AGENT_CAPACITY_MAX = 1_024;
/** Functions, networks and pinned nodes that one agent names, at most. */
export const AGENT_LIST_MAX = 4_096;
/** Characters of an agent's name, and of each name that it lists. */
export const AGENT_NAME_MAX = 128;

export function registerAgent(state: GridState, data: RegisterAgent['data']): Decision<AgentRegistered> {
  if (state.grid === null) return reject('not-found', 'there is no grid yet');
  const fault = faultOf(data);
  if (fault !== undefined) return reject('invalid', `agent ${data.agent}: ${fault}`);
  const known = state.agents[data.agent];
  if (known !== undefined && known.life > data.life) {
    return reject('stale', `agent ${data.agent}: a newer process of that name has registered`);
  }
  if (known?.life === data.life) {
    const { agent: _, ...offered } = data;
    return canonical(offered as unknown as Canonical) === canonical(known as unknown as Canonical)
      ? NOTHING_TO_DO
      : reject('exists', `agent ${data.agent}: another process of that name began at the same time`);
  }
  return [{ type: 'AgentRegistered', v: 1, data }];
}

export function placeNode(state: GridState, data: PlaceNode['data']): Decision<NodePlaced> {
  const node = findNode(state, data);
  const agent = state.agents[data.agent];
  if (node === undefined) return reject('not-found', `there is no node ${nameOf(state, data)}`);
  if (agent === undefined) return reject('not-found', `there is no agent ${data.agent}`);
  const refusal = unplaceable(state, data, node);
  if (refusal !== undefined) return refusal;
  const { placement } = node;
  const isHere = placement.agent === data.agent;
  // The life that it was given has not ended, and neither has the process that was told: there is nothing to do.
  const isOver = node.status === 'failed' && node.incarnation >= placement.incarnation;
  if (isHere && placement.life === agent.life && !isOver) return NOTHING_TO_DO;
  if (!isHere && (occupied(state).get(data.agent) ?? 0) >= agent.capacity) {
    return reject('none-free', `agent ${data.agent} has no room left for ${nameOf(state, data)}`);
  }
  const { cluster, node: id } = data;
  const incarnation = nextIncarnation(node);
  return [{ type: 'NodePlaced', v: 1, data: { cluster, node: id, agent: data.agent, life: agent.life, incarnation } }];
}

function unplaceable(state: GridState, data: PlaceNode['data'], node: NodeState): Rejection | undefined {
  const name = nameOf(state, data);
  if (!wantsPlace(node)) return reject('not-allowed', `${name} is ${node.status} and needs no place`);
  const { agent } = node.placement;
  if (agent !== '' && agent !== data.agent) return reject('in-use', `${name} lives with agent ${agent}`);
  if (agent === '' && isMember(node)) return reject('not-allowed', `${name} is ${node.status}: it lives already`);
  const why = obstacle(state, state.clusters[data.cluster]!, state.agents[data.agent]!);
  return why === undefined ? undefined : reject('not-allowed', `agent ${data.agent} cannot host ${name}: ${why}`);
}

/** Only what takes no part any more, or never did, is taken away: others are drained first. */
export function displaceNode(state: GridState, address: NodeAddress): Decision<NodeDisplaced> {
  const node = findNode(state, address);
  if (node === undefined) return reject('not-found', `there is no node ${nameOf(state, address)}`);
  const { agent } = node.placement;
  if (agent === '') return NOTHING_TO_DO;
  if (isMember(node)) return reject('in-use', `${nameOf(state, address)} is ${node.status}: drain it first`);
  return [{ type: 'NodeDisplaced', v: 1, data: { cluster: address.cluster, node: address.node, agent } }];
}

function faultOf({
  agent,
  life,
  address,
  capacity,
  functions,
  networks,
  pinned,
}: RegisterAgent['data']): string | undefined {
  if (!isName(agent)) return `a name has 1–${AGENT_NAME_MAX} characters`;
  if (!Number.isSafeInteger(life) || life < 1) return `life ${life} is no time`;
  if ((!/^.+:\d{1,5}$/.test(address) && !isLanAddress(address)) || address.length > AGENT_NAME_MAX * 2) {
    return `address ${address} is no host:port`;
  }
  if (!Number.isInteger(capacity) || capacity < 0 || capacity > AGENT_CAPACITY_MAX) {
    return `capacity ${capacity} is not in 0–${AGENT_CAPACITY_MAX}`;
  }
  for (const names of [functions, networks, pinned]) {
    if (names.length > AGENT_LIST_MAX || !names.every(isName))
      return 'a list of names is too long or holds an empty one';
  }
  return undefined;
}

function isName(name: string): boolean {
  return name.length > 0 && name.length <= AGENT_NAME_MAX;
}
