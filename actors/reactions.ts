import { isTakenAway } from '../domain/agent/placement';
import { nodeRef, type ClusterId, type Millis, type NodeRef, type Seq } from '../domain/base/ids';
import { carriesFlows, nodesOf, type ClusterState } from '../domain/cluster/state';
import { COMMAND_LIFETIME_MS, type CommandBody, type CommandRequest } from '../domain/commands';
import type { GridState } from '../domain/grid-state';
import { isLive, isMember, type NodeState } from '../domain/node/state';
import { isTopologyStale } from '../domain/topology/content';
import { stampedTopology, takesModes, type LiveTopology } from '../domain/topology/state';
import { freeWireIds, SCARCE_BELOW } from '../domain/topology/wire-ids';
import type { Judgement } from './accusations';
import { autoscaleReactions, autoscaleWakeAt } from './autoscale';
import { cutoverReactions, cutoverWakes } from './cutover';
import type { Loads } from './loads';
import type { Observations } from './observations';
import { placementReactions } from './placement';

/** What reactions look at: the folded state, what nodes told, and the time. */
export interface World {
  readonly state: GridState;
  readonly observed: Observations;
  readonly now: Millis;
  /** What is known of clusters' loads; absent where nothing is autoscaled. */
  readonly loads?: Loads;
}

/**
 * Everything that the grid should do of itself now. Level-triggered: a function of how things are, evaluated after
 * every fold, so that a reaction is not lost with the leader who should have made it. The same world gives the same
 * ids, so that a repeat is harmless.
 */
export function pending(world: World): CommandRequest[] {
  const placements = Array.from(placementReactions(world), (body): Proposal => ({ actor: 'placement', body }));
  const cutovers = Array.from(cutoverReactions(world.state, world.now), ({ link, body }): Proposal => ({
    actor: `link/${link}`,
    body,
  }));
  // Who is connected is settled before a topology is published that says so.
  const proposals = [...nodeReactions(world), ...placements, ...cutovers, ...topologyReactions(world)];
  const numbers = new Map<string, number>();
  const reactions = proposals.map(({ actor, body }) => {
    const n = numbers.get(actor) ?? 0;
    numbers.set(actor, n + 1);
    return reaction(actor, world.state.seq, n, body, world.now);
  });
  for (const { cluster, cause, step, body } of autoscaleReactions(world)) {
    const request = reaction(`autoscale/${cluster}`, cause === 0 ? world.state.seq : cause, step, body, world.now);
    reactions.push({ ...request, cause });
  }
  return reactions;
}

/** A command that an actor issues: `actor/<id>/<causing seq>/<n>`. */
export function reaction(actor: string, cause: Seq, n: number, body: CommandBody, now: Millis): CommandRequest {
  return { id: `actor/${actor}/${cause}/${n}`, by: `actor:${actor}`, deadline: now + COMMAND_LIFETIME_MS, cause, body };
}

/** When time alone may change what is {@link pending}; undefined if it cannot. */
export function wakeAt(world: World): Millis | undefined {
  const { state, now } = world;
  const { quarantine, live } = state.topology;
  const isBlocked = freeWireIds(state.topology, now) === 0 && isTopologyStale(state);
  const times = [
    ...(isBlocked ? quarantine.map((resting) => resting.freeAt) : []),
    ...live.map((topology) => topology.heldUntil),
    ...cutoverWakes(state),
    autoscaleWakeAt(world) ?? now,
  ].filter((time) => time > now);
  return times.length === 0 ? undefined : Math.min(...times);
}

/** Whether a new topology is due and no wire ID is free for it: publication waits, and somebody should know. */
export function isPublicationBlocked({ state, now }: World): boolean {
  return freeWireIds(state.topology, now) === 0 && isTopologyStale(state);
}

/**
 * Topologies that no FNODE's flow carries any more: nodes are asked to say that they hold nothing of them. A report names
 * the ID that the FNODE stamps, and is silent about what it stamped later: it counts for older topologies alone.
 */
export function retirable(world: World): readonly LiveTopology[] {
  const { state, observed, now } = world;
  const stamped = stampedTopology(state.topology);
  if (stamped === undefined) return [];
  const older = state.topology.live.filter(
    (topology) => topology.version < stamped.version && topology.heldUntil <= now,
  );
  if (older.length === 0) return [];
  const fnodes = liveNodes(state).filter(({ node }) => node.fnode !== 0);
  const reports = fnodes.map(({ ref, node }) => {
    const told = observed.of(ref);
    const ids = told?.incarnation === node.incarnation ? told.wires?.ids : undefined;
    const newest = state.topology.live.findLast(({ wireId }) => ids?.has(wireId) === true);
    return { ids, upTo: newest?.version ?? 0 };
  });
  return older.filter(({ version, wireId }) =>
    reports.every(({ ids, upTo }) => version < upTo && ids?.has(wireId) === false),
  );
}

interface Proposal {
  readonly actor: string;
  readonly body: CommandBody;
}

interface Located {
  readonly cluster: ClusterId;
  readonly ref: NodeRef;
  readonly node: NodeState;
}

function* nodeReactions(world: World): Iterable<Proposal> {
  const { state, observed, now } = world;
  const judgement = observed.accusations.judge(state, observed, now);
  for (const cluster of Object.values(state.clusters)) {
    for (const node of nodesOf(cluster)) {
      const body = nodeReaction(world, judgement, cluster, node);
      if (body !== undefined) yield { actor: `node/${cluster.settings.id}/${node.node}`, body };
    }
  }
}

/** The one thing that a node should do next, if any. */
function nodeReaction(
  world: World,
  judgement: Judgement,
  cluster: ClusterState,
  node: NodeState,
): CommandBody | undefined {
  const address = { cluster: cluster.settings.id, node: node.node };
  const ref = nodeRef(address.cluster, address.node);
  const observed = world.observed.of(ref);
  switch (node.status) {
    case 'admitted':
      return node.spare ? undefined : { type: 'ConfigureNode', data: { ...address, weight: node.weight } };
    case 'configured':
      if (!carriesFlows(cluster)) return { type: 'ActivateNode', data: { ...address, incarnation: 1 } };
      if (observed === undefined || isTakenAway(node, observed.incarnation)) return undefined;
      return { type: 'ActivateNode', data: { ...address, incarnation: observed.incarnation } };
    case 'suspected':
      if (observed === undefined) return undefined;
      // Its old life must be known to have ended before a new one counts.
      if (observed.incarnation > node.incarnation) {
        return { type: 'FailNode', data: { ...address, incarnation: node.incarnation } };
      }
      if (observed.incarnation < node.incarnation || observed.seenAt <= node.lastSeen) return undefined;
      return { type: 'RecoverNode', data: { ...address, incarnation: node.incarnation } };
    case 'active':
    case 'draining':
      if (observed !== undefined && observed.incarnation > node.incarnation) {
        return { type: 'FailNode', data: { ...address, incarnation: node.incarnation } };
      }
      if (observed !== undefined && isDeadToNeighbours(judgement, ref, observed)) {
        return { type: 'FailNode', data: { ...address, incarnation: observed.incarnation } };
      }
      return node.status === 'draining' && isEmptied(world, node, observed)
        ? { type: 'CompleteDrain', data: { ...address, forced: false } }
        : undefined;
    case 'failed':
      if (observed === undefined || observed.incarnation <= node.incarnation) return undefined;
      return { type: 'RecoverNode', data: { ...address, incarnation: observed.incarnation } };
    case 'recovering':
      return recoveringReaction(world, address, node, observed);
    case 'drained':
      return node.leaving ? { type: 'RemoveNode', data: address } : undefined;
    case 'discovered':
    case 'removed':
      return undefined;
  }
}

type Told = ReturnType<Observations['of']>;

/** Whether those whom a node works with have given up a life that goes on saying hello. */
function isDeadToNeighbours(judgement: Judgement, ref: NodeRef, told: NonNullable<Told>): boolean {
  return judgement.isDead({ ref, incarnation: told.incarnation }, told.seenAt);
}

/** A returned node takes part when it has installed what the others have. */
function recoveringReaction(
  { state }: World,
  address: { readonly cluster: ClusterId; readonly node: number },
  node: NodeState,
  observed: Told,
): CommandBody | undefined {
  if (observed === undefined || observed.incarnation < node.incarnation) return undefined;
  if (observed.incarnation > node.incarnation) {
    return { type: 'FailNode', data: { ...address, incarnation: node.incarnation } };
  }
  const hasCaughtUp = state.topology.version === 0 || observed.installed >= state.topology.version;
  return hasCaughtUp ? { type: 'ActivateNode', data: { ...address, incarnation: node.incarnation } } : undefined;
}

/**
 * Whether a draining node carries no flow any more, as primary or backup. Its own word counts from the moment on when
 * FNODEs stamp a topology that calls it draining: before, flows could still be on their way to it.
 */
function isEmptied({ state, observed }: World, node: NodeState, told: Told): boolean {
  if (node.status !== 'draining' || told?.flows === undefined) return false;
  const { primary, backup, at } = told.flows;
  const draining = state.topology.live.find((topology) => topology.seq > node.since && topology.appliedAt !== 0);
  if (draining === undefined || at <= draining.appliedAt || primary + backup > 0) return false;
  // FNODEs of one program stamp it as soon as it is applied; those of agents when they have heard of it.
  return Object.keys(state.agents).length === 0 || isStamped(state, observed, draining.version, at);
}

/** Whether every FNODE was known to stamp the topology, or a newer one, before `at`. */
function isStamped(state: GridState, observed: Observations, version: number, at: Millis): boolean {
  return liveNodes(state)
    .filter(({ node }) => node.fnode !== 0)
    .every(({ ref, node }) => {
      const told = observed.of(ref);
      if (told?.incarnation !== node.incarnation || told.stamps === undefined) return false;
      return told.stamps.version >= version && told.stamps.since < at;
    });
}

function* topologyReactions(world: World): Iterable<Proposal> {
  const { state, now } = world;
  for (const version of acknowledged(world)) yield grid({ type: 'ApplyTopology', data: { version } });
  for (const version of unused(world)) yield grid({ type: 'RetireTopology', data: { version } });
  for (const version of new Set([...switchable(state), ...repinnable(state, now)]))
    yield grid({ type: 'RequestRepin', data: { version } });
  if (isTopologyStale(state) && freeWireIds(state.topology, now) > 0) yield grid({ type: 'PublishTopology', data: {} });
}

function grid(body: CommandBody): Proposal {
  return { actor: 'grid', body };
}

/** The newest topology, once every live member has installed it. */
function acknowledged({ state, observed }: World): readonly number[] {
  const newest = state.topology.live.at(-1);
  if (newest === undefined || newest.appliedAt !== 0) return [];
  const members = liveNodes(state).filter(({ node }) => isMember(node));
  const hasAll = members.every(({ ref, node }) => {
    const told = observed.of(ref);
    return told?.incarnation === node.incarnation && told.installed >= newest.version;
  });
  return members.length > 0 && hasAll ? [newest.version] : [];
}

/** Retirable topologies of which every live node said that it holds nothing. */
function unused(world: World): readonly number[] {
  const candidates = retirable(world);
  if (candidates.length === 0) return [];
  const nodes = liveNodes(world.state);
  return candidates
    .filter(({ version }) => nodes.every(({ ref }) => world.observed.of(ref)?.done.has(version) === true))
    .map(({ version }) => version);
}

/** Topologies whose flows shall take the modes of the stamped one, and were not asked to. */
function switchable({ topology }: GridState): readonly number[] {
  const stamped = stampedTopology(topology);
  if (stamped === undefined || topology.modesUpTo === undefined) return [];
  const isAsked = ({ repinTo, repinModes }: LiveTopology): boolean =>
    repinModes === true && takesModes(topology, 0, repinTo) && topology.live.some(({ version }) => version === repinTo);
  return topology.live
    .filter((each) => takesModes(topology, each.version, stamped.version) && !isAsked(each))
    .map(({ version }) => version);
}

/** When wire IDs are scarce: the oldest topologies whose flows have to move to the stamped one's ID. */
function repinnable(state: GridState, now: Millis): readonly number[] {
  const { topology } = state;
  const stamped = stampedTopology(topology);
  if (stamped === undefined) return [];
  // What rests will be free without further moves.
  const resting = topology.quarantine.filter(({ freeAt }) => freeAt > now).length;
  const missing = SCARCE_BELOW - freeWireIds(topology, now) - resting;
  if (missing <= 0) return [];
  return topology.live
    .filter(({ version }) => version < stamped.version)
    .slice(0, missing)
    .filter(({ repinTo }) => repinTo === 0 || topology.live.every(({ version }) => version !== repinTo))
    .map(({ version }) => version);
}

/** Nodes that install topologies and say hello; MNODEs do neither. */
function liveNodes(state: GridState): Located[] {
  const located: Located[] = [];
  for (const cluster of Object.values(state.clusters)) {
    if (!carriesFlows(cluster)) continue;
    const { id } = cluster.settings;
    for (const node of nodesOf(cluster)) {
      if (isLive(node)) located.push({ cluster: id, ref: nodeRef(id, node.node), node });
    }
  }
  return located;
}
