import type { AgentState } from '../agent/state';
import { canonical, type Canonical } from '../base/canonical';
import type { ClusterState } from '../cluster/state';
import { carriesFlows, nodesOf } from '../cluster/state';
import type { GridState } from '../grid-state';
import { lanLinks } from '../link/lan-links';
import { isMember, type NodeState } from '../node/state';
import { packageOf, type PackageDigest } from '../package/state';
import type { Topology, TopologyAgent, TopologyCluster, TopologyMember } from './topology';

/** A topology but for its numbers: what decides whether a new one has to be published. */
export type TopologyContent = Omit<Topology, 'version' | 'wireId'>;

/** The topology that the grid should have now; undefined while nothing can carry a flow. */
export function contentOf(state: GridState): TopologyContent | undefined {
  if (state.grid === null) return undefined;
  const clusters = Object.values(state.clusters);
  if (!clusters.some((cluster) => carriesFlows(cluster) && nodesOf(cluster).some(isMember))) return undefined;
  const { name, seed, selection, timing, flood, networks, routes } = state.grid;
  const members = clusters.map(clusterContent);
  const agents = agentsOf(state, members);
  const replications = Object.values(state.replications);
  const packages = packagesOf(state, members);
  return {
    grid: name,
    seed,
    selection,
    timing,
    ...(flood === undefined ? {} : { flood }),
    networks,
    clusters: members,
    links: lanLinks(state.links),
    paths: Object.values(state.paths),
    policies: Object.values(state.policies),
    ...(agents.length === 0 ? {} : { agents }),
    ...(replications.length === 0 ? {} : { replications }),
    ...(packages.length === 0 ? {} : { packages }),
    ...(routes === undefined ? {} : { routes }),
  };
}

/** Whether the grid has moved on since its newest topology. */
export function isTopologyStale(state: GridState): boolean {
  const content = contentOf(state);
  if (content === undefined) return false;
  const { latest } = state.topology;
  return latest === null || !sameContent(content, latest);
}

/** States are immutable, so a cluster that did not change is derived once: publication costs what changed. */
const derived = new WeakMap<ClusterState, TopologyCluster>();

function clusterContent(cluster: ClusterState): TopologyCluster {
  let content = derived.get(cluster);
  if (content === undefined) {
    const { originates: _, autoscale: _autoscale, ...settings } = cluster.settings;
    content = { ...settings, members: nodesOf(cluster).filter(isMember).map(memberContent) };
    derived.set(cluster, content);
  }
  return content;
}

function memberContent(node: NodeState): TopologyMember {
  const member: TopologyMember = {
    node: node.node,
    incarnation: node.incarnation,
    weight: node.weight,
    state: node.status === 'draining' ? 'draining' : 'active',
  };
  const { fnode, placement } = node;
  return {
    ...member,
    ...(fnode === 0 ? {} : { fnode }),
    ...(placement.agent === '' ? {} : { agent: placement.agent }),
  };
}

/** Where the agents are reached that host a member, in order of name. */
function agentsOf({ agents }: GridState, clusters: readonly TopologyCluster[]): TopologyAgent[] {
  const named = new Set<string>();
  for (const { members } of clusters) for (const { agent } of members) if (agent !== undefined) named.add(agent);
  return [...named].sort().flatMap((name) => {
    const agent = agents[name];
    return agent === undefined ? [] : [agentContent(name, agent)];
  });
}

/** One object for each state of an agent, too: whether the topology is stale is asked at every word of every agent. */
const reached = new WeakMap<AgentState, TopologyAgent>();

function agentContent(name: string, agent: AgentState): TopologyAgent {
  let content = reached.get(agent);
  if (content?.name !== name) {
    content = { name, address: agent.address };
    reached.set(agent, content);
  }
  return content;
}

/** The packages that clusters name, in order. */
function packagesOf({ packages }: GridState, clusters: readonly TopologyCluster[]): PackageDigest[] {
  const named = new Set<string>();
  for (const { function: spec } of clusters) named.add(packageOf(spec) ?? '');
  return [...named].sort().flatMap((key) => {
    const known = packages[key];
    if (known === undefined) return [];
    const { name, version, sha256, bytes } = known;
    return [{ name, version, sha256, bytes }];
  });
}

function sameContent(content: TopologyContent, latest: Topology): boolean {
  return (
    content.selection === latest.selection &&
    sameParts([content.timing], [latest.timing]) &&
    sameParts(content.flood === undefined ? [] : [content.flood], latest.flood === undefined ? [] : [latest.flood]) &&
    sameParts(content.agents ?? [], latest.agents ?? []) &&
    sameParts(content.replications ?? [], latest.replications ?? []) &&
    sameParts(content.packages ?? [], latest.packages ?? []) &&
    sameParts(content.networks, latest.networks) &&
    sameParts(content.routes ?? [], latest.routes ?? []) &&
    sameParts(content.clusters, latest.clusters) &&
    sameParts(content.links, latest.links) &&
    sameParts(content.paths, latest.paths) &&
    sameParts(content.policies, latest.policies)
  );
}

/** Whether two lists hold equal parts; parts that are the same object, or were compared before, cost nothing. */
export function sameParts(a: readonly object[], b: readonly object[]): boolean {
  return a.length === b.length && a.every((part, index) => part === b[index] || textOf(part) === textOf(b[index]!));
}

const texts = new WeakMap<object, string>();

function textOf(part: object): string {
  let text = texts.get(part);
  if (text === undefined) {
    text = canonical(part as Canonical);
    texts.set(part, text);
  }
  return text;
}
