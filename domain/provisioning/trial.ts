import { FlowgridError } from '../base/errors';
import { CLUSTER_ID_MAX, type ClusterId, type NodeId } from '../base/ids';
import type { ClusterSettings } from '../cluster/events';
import type { ClusterState } from '../cluster/state';
import type { GridState } from '../grid-state';
import { unknownPackage } from '../package/decide';
import { wholeTopologies } from '../topology/state';
import type { FlowPath, FlowPolicy, FunctionSpec, VirtualLink } from '../topology/topology';

/**
 * A part that is added to a grid for a while and fed with clones of its flows ([0084]): what is added, and what of the grid
 * is another meanwhile. Everything that it takes to build it, and to take it away again.
 */
export interface Trial {
  readonly clusters: readonly ClusterSettings[];
  readonly nodes: readonly { readonly cluster: ClusterId; readonly node: NodeId; readonly weight: number }[];
  readonly links: readonly VirtualLink[];
  /** Paths that clones take. */
  readonly paths: readonly FlowPath[];
  /** Paths that lead another way meanwhile. */
  readonly rerouted: readonly Change<FlowPath>[];
  /** Policies that have their flows replicated meanwhile. */
  readonly policies: readonly Change<FlowPolicy>[];
}

export interface Change<Part> {
  readonly before: Part;
  readonly after: Part;
}

/** Stands in every name that belongs to a trial, and in no other: a grid file leaves what is named so alone. */
export const TRIAL_MARK = '~';

/** Whether something was added for a while, by its name. */
export function isTrial(name: string | undefined): boolean {
  return name?.includes(TRIAL_MARK) === true;
}

/**
 * A copy of clusters, with so many nodes each, into which flows that pass the originals are replicated.
 *
 * @throws FlowgridError `rejected` when there is nothing to copy, or no flow to feed it with.
 */
export function cloneOf(
  state: GridState,
  input: { readonly clusters: readonly string[]; readonly name: string; readonly nodes: number },
): Trial {
  const draft = new Draft(state, input.name);
  const copies = new Map<ClusterId, ClusterId>();
  for (const name of input.clusters) {
    const original = anode(state, name);
    const { autoscale: _, ...settings } = original.settings;
    const copy = draft.cluster({ ...settings, name: draft.name(settings.name), originates: false }, input.nodes);
    copies.set(settings.id, copy);
  }
  if (copies.size === 0) throw refused('a copy of which clusters?');
  const instead = (cluster: ClusterId): ClusterId => copies.get(cluster) ?? cluster;
  for (const link of flowLinks(state)) {
    if (link.kind === 'replicated' || !link.members.some((each) => 'cluster' in each && copies.has(each.cluster)))
      continue;
    const members = link.members.map((member) => ('cluster' in member ? { cluster: instead(member.cluster) } : member));
    const once = members.filter((member, i) => members.findIndex((each) => same(each, member)) === i);
    // A copy carries flows, no more: roles that single nodes have on the original nobody has there.
    const { id, name, control, mtu, narrow } = link;
    draft.link({ id, name, kind: 'switch', members: once, control, mtu, ...(narrow === true ? { narrow } : {}) });
  }
  return draft.replicate((path) => path.clusters.some((cluster) => copies.has(cluster)), instead);
}

/**
 * A candidate for a cluster's function beside it: flows that pass the cluster are replicated through a node that runs the
 * candidate, and recorders on both sides of the two compare what they emit of what flows' beginners sent, whichever end they began at.
 *
 * @throws FlowgridError `rejected` when there is no such cluster or package, or no flow to compare.
 */
export function canaryOf(
  state: GridState,
  input: { readonly cluster: string; readonly function: FunctionSpec },
): Trial & { readonly recorders: readonly [ClusterId, ClusterId] } {
  const original = anode(state, input.cluster);
  const unknown = unknownPackage(state, input.function);
  if (unknown !== undefined) throw refused(unknown.message);
  const { autoscale: _, id: at, ...settings } = original.settings;
  const draft = new Draft(state, 'canary');
  const alone = { ...settings, originates: false, failure: 'redirect', whenEmpty: 'bypass', mode: 'through' } as const;
  // Clones of answers may be lost where their originals are not, until the far INODE knows of the clone.
  const recorder = { name: 'recorder', config: { ends: 'none', compares: 'forward' } };
  // A candidate that is dead lets nothing by: what it did not see must not look as if it had passed.
  const candidate = { ...alone, whenEmpty: 'drop', function: input.function } as const;
  const k = draft.cluster({ ...candidate, name: draft.name(settings.name) }, 1);
  const r1 = draft.cluster({ ...alone, name: draft.name(`${settings.name}-in`), function: recorder }, 1);
  const r2 = draft.cluster({ ...alone, name: draft.name(`${settings.name}-out`), function: recorder }, 1);
  const sides = sidesOf(state, at);
  const mtu = Math.max(
    ...flowLinks(state)
      .filter((link) => joins(link, at))
      .map((link) => link.mtu),
  );
  const link = (name: string, clusters: readonly ClusterId[]): void =>
    draft.link({ id: 0, name, kind: 'switch', members: clusters.map((cluster) => ({ cluster })), control: false, mtu });
  link(`${settings.name}-in`, [...sides.near, r1]);
  link(settings.name, [r1, at, k, r2]);
  link(`${settings.name}-out`, [r2, ...sides.far]);
  for (const { path, isTurned } of sides.paths) {
    const [before, after] = isTurned ? [r2, r1] : [r1, r2];
    const clusters = path.clusters.flatMap((cluster) => (cluster === at ? [before, at, after] : [cluster]));
    draft.reroute(path, { ...path, clusters });
  }
  const trial = draft.replicate(
    (path) => path.clusters.includes(at),
    (cluster) => (cluster === at ? k : cluster),
  );
  return { ...trial, recorders: [r1, r2] };
}

interface Sides {
  /** Neighbours on the paths through a cluster, on the side where those begin that are not turned. */
  readonly near: readonly ClusterId[];
  readonly far: readonly ClusterId[];
  readonly paths: readonly { readonly path: FlowPath; readonly isTurned: boolean }[];
}

/** Tells paths through a cluster that lead one way from those that lead back, by the INODE clusters that they begin and end at. */
function sidesOf(state: GridState, at: ClusterId): Sides {
  const paths = Object.values(state.paths)
    .filter((path) => path.clusters.includes(at))
    .map((path) => ({ path, isTurned: false }));
  const [first] = paths;
  if (first === undefined) throw refused('no path leads through the cluster');
  const ends = ({ clusters }: FlowPath): [ClusterId, ClusterId] => [clusters[0]!, clusters.at(-1)!];
  const begins = new Set<ClusterId>();
  const finishes = new Set<ClusterId>();
  const near = new Set<ClusterId>();
  const far = new Set<ClusterId>();
  for (const each of paths) {
    const [from, to] = ends(each.path);
    each.isTurned = from !== to && (finishes.has(from) || begins.has(to));
    const [begin, finish] = each.isTurned ? [to, from] : [from, to];
    if (finishes.has(begin) || begins.has(finish)) {
      throw refused(`path ${each.path.name} begins where others that pass the cluster begin, and ends there`);
    }
    begins.add(begin);
    finishes.add(finish);
    const { clusters } = each.path;
    const place = clusters.indexOf(at);
    const [before, after] = [clusters[place - 1]!, clusters[place + 1]!];
    near.add(each.isTurned ? after : before);
    far.add(each.isTurned ? before : after);
  }
  return { near: [...near], far: [...far], paths };
}

/** A trial in the making: gives names and IDs that nothing has, not even under a live topology. */
class Draft {
  private readonly clusters: ClusterSettings[] = [];
  private readonly nodes: Trial['nodes'][number][] = [];
  private readonly links: VirtualLink[] = [];
  private readonly paths: FlowPath[] = [];
  private readonly rerouted: Change<FlowPath>[] = [];
  private readonly policies: Change<FlowPolicy>[] = [];
  private readonly taken: { readonly clusters: Set<number>; readonly links: Set<number>; readonly paths: Set<number> };

  constructor(
    private readonly state: GridState,
    private readonly suffix: string,
  ) {
    const topologies = [...wholeTopologies(state.topology)];
    const ids = (parts: readonly { readonly id: number }[]): number[] => parts.map(({ id }) => id);
    this.taken = {
      clusters: new Set([
        ...Object.keys(state.clusters).map(Number),
        ...topologies.flatMap((each) => ids(each.clusters)),
      ]),
      links: new Set([...ids(Object.values(state.links.links)), ...topologies.flatMap((each) => ids(each.links))]),
      paths: new Set([...ids(Object.values(state.paths)), ...topologies.flatMap((each) => ids(each.paths))]),
    };
  }

  name(of: string): string {
    return `${of}${TRIAL_MARK}${this.suffix}`;
  }

  /** A cluster of so many nodes; its ID. */
  cluster(settings: Omit<ClusterSettings, 'id'>, nodes: number): ClusterId {
    const { name } = settings;
    if (Object.values(this.state.clusters).some((other) => other.settings.name === name)) {
      throw refused(`there is a cluster ${name} already: a trial of that name is under way`);
    }
    const id = free(this.taken.clusters);
    if (id > CLUSTER_ID_MAX) throw refused(`all ${CLUSTER_ID_MAX} cluster IDs are taken`);
    this.clusters.push({ ...settings, id });
    for (let node = 1; node <= nodes; node++) this.nodes.push({ cluster: id, node, weight: 1 });
    return id;
  }

  link(link: VirtualLink): void {
    this.links.push({ ...link, id: free(this.taken.links), name: this.name(link.name) });
  }

  reroute(before: FlowPath, after: FlowPath): void {
    this.rerouted.push({ before, after });
  }

  /** Has every policy whose flows pass replicate them, along the first of its paths that does, by way of others. */
  replicate(passes: (path: FlowPath) => boolean, instead: (cluster: ClusterId) => ClusterId): Trial {
    const now = new Map<string, FlowPath>(Object.values(this.state.paths).map((path) => [path.name, path]));
    for (const { after } of this.rerouted) now.set(after.name, after);
    for (const policy of Object.values(this.state.policies)) {
      const path: FlowPath | undefined = known(policy, now).find(passes);
      // A flow has one clone at most.
      if (path === undefined || policy.replicateTo !== undefined) continue;
      const name = this.name(path.name);
      if (this.paths.every((each) => each.name !== name)) {
        this.paths.push({ ...path, id: free(this.taken.paths), name, clusters: path.clusters.map(instead) });
      }
      this.policies.push({ before: policy, after: { ...policy, replicateTo: name } });
    }
    const { clusters, nodes, links, paths, rerouted, policies } = this;
    if (policies.length === 0) {
      throw refused('no policy leads flows there that are not replicated already');
    }
    return { clusters, nodes, links, paths, rerouted, policies };
  }
}

/** The paths that a policy names. */
function known({ paths }: FlowPolicy, byName: ReadonlyMap<string, FlowPath>): FlowPath[] {
  return paths.flatMap((name) => byName.get(name) ?? []);
}

/** What cannot be planned; trying again does not help. */
function refused(why: string): FlowgridError {
  return new FlowgridError('rejected', why);
}

/** The lowest number from 1 that is not taken; it is from now on. */
function free(taken: Set<number>): number {
  let id = 1;
  while (taken.has(id)) id++;
  taken.add(id);
  return id;
}

function anode({ clusters }: GridState, name: string): ClusterState {
  const cluster = Object.values(clusters).find(({ settings }) => settings.name === name);
  if (cluster === undefined) throw refused(`there is no cluster ${name}`);
  if (cluster.settings.role === 'anode') return cluster;
  throw refused(`cluster ${name} is of role ${cluster.settings.role}, not anode`);
}

function flowLinks({ links }: GridState): VirtualLink[] {
  return Object.values(links.links).filter(({ control }) => !control);
}

function joins(link: VirtualLink, cluster: ClusterId): boolean {
  return link.members.some((member) => 'cluster' in member && member.cluster === cluster);
}

function same(a: object, b: object): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
