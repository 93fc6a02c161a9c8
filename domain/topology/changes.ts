import { FlowgridError } from '../base/errors';
import type { WireId } from '../base/ids';
import { sameParts, type TopologyContent } from './content';
import type { FlowPath, FlowPolicy, Topology, TopologyCluster, TopologyLink } from './topology';

/** What a topology consists of, each part with an ID of its own and in the order of these. */
interface Parts {
  readonly clusters: TopologyCluster;
  readonly links: TopologyLink;
  readonly paths: FlowPath;
  readonly policies: FlowPolicy;
}

type Kind = keyof Parts;
const KINDS: readonly Kind[] = ['clusters', 'links', 'paths', 'policies'];

/** What concerns the whole grid: it changes rarely, and then as one. */
export type TopologySettings = Omit<TopologyContent, Kind>;

/** What changed of one kind of parts: those that are new or other than before, whole, and the IDs of those that are gone. */
export interface PartChanges<Part> {
  readonly set: readonly Part[];
  readonly gone: readonly number[];
}

/**
 * What makes one topology out of another, so that a membership change is as large as its cluster and not as the grid.
 * Members that are absent did not change. Plain data.
 */
export type TopologyChanges = {
  /** Version of the topology that they are made to; 0 = they make the whole, out of nothing. */
  readonly base: number;
  readonly settings?: TopologySettings;
} & { readonly [K in Kind]?: PartChanges<Parts[K]> };

/** The whole as changes: what is published first, and what topologies recorded whole come to. */
export function wholeAsChanges(topology: TopologyContent): TopologyChanges {
  const { clusters, links, paths, policies } = topology;
  return {
    base: 0,
    settings: settingsOf(topology),
    clusters: { set: clusters, gone: [] },
    links: { set: links, gone: [] },
    paths: { set: paths, gone: [] },
    policies: { set: policies, gone: [] },
  };
}

/** What makes `after` out of `before`; the whole if there is nothing before. */
export function changesBetween(before: Topology | null, after: TopologyContent): TopologyChanges {
  if (before === null) return wholeAsChanges(after);
  const settings = settingsOf(after);
  const changes: { -readonly [Member in keyof TopologyChanges]: TopologyChanges[Member] } = { base: before.version };
  if (!sameParts([settings], [settingsOf(before)])) changes.settings = settings;
  for (const kind of KINDS) {
    const changed = partChanges<Parts[Kind]>(before[kind], after[kind]);
    if (changed !== undefined) Object.assign(changes, { [kind]: changed });
  }
  return changes;
}

/**
 * The topology that changes make; parts that did not change are the same objects as before.
 *
 * @throws FlowgridError `internal` for changes made to another version than `before`.
 */
export function applyChanges(
  before: Topology | null,
  changes: TopologyChanges,
  version: number,
  wireId: WireId,
): Topology {
  const { base, settings } = changes;
  const from = base === 0 ? null : before;
  if (base !== (from?.version ?? 0)) {
    throw new FlowgridError('internal', `topology ${version} changes version ${base}, not ${from?.version ?? 0}`);
  }
  const common = settings ?? (from === null ? undefined : settingsOf(from));
  if (common === undefined) throw new FlowgridError('internal', `topology ${version} has no settings`);
  return {
    ...common,
    version,
    wireId,
    clusters: applied(from?.clusters, changes.clusters),
    links: applied(from?.links, changes.links),
    paths: applied(from?.paths, changes.paths),
    policies: applied(from?.policies, changes.policies),
  };
}

/** What does as much at once as `first` and then `second`; `second` may have been made to any topology. */
export function composed(first: TopologyChanges, second: TopologyChanges): TopologyChanges {
  const changes: { -readonly [Member in keyof TopologyChanges]: TopologyChanges[Member] } = { base: first.base };
  const settings = second.settings ?? first.settings;
  if (settings !== undefined) changes.settings = settings;
  for (const kind of KINDS) {
    const parts = composedParts<Parts[Kind]>(first[kind], second[kind]);
    if (parts !== undefined) Object.assign(changes, { [kind]: parts });
  }
  return changes;
}

function settingsOf(topology: TopologyContent | Topology): TopologySettings {
  const {
    version: _v,
    wireId: _w,
    clusters: _c,
    links: _l,
    paths: _p,
    policies: _o,
    ...settings
  } = topology as Topology;
  return settings;
}

function partChanges<Part extends { readonly id: number }>(
  before: readonly Part[],
  after: readonly Part[],
): PartChanges<Part> | undefined {
  const known = new Map(before.map((part) => [part.id, part]));
  const set = after.filter((part) => {
    const old = known.get(part.id);
    known.delete(part.id);
    return old === undefined || !sameParts([part], [old]);
  });
  return set.length === 0 && known.size === 0 ? undefined : { set, gone: [...known.keys()] };
}

function applied<Part extends { readonly id: number }>(
  before: readonly Part[] = [],
  changes: PartChanges<Part> | undefined,
): readonly Part[] {
  if (changes === undefined) return before;
  if (before.length === 0) return changes.set;
  const set = new Map(changes.set.map((part) => [part.id, part]));
  const gone = new Set(changes.gone);
  const parts = before.filter(({ id }) => !gone.has(id)).map((part) => taken(set, part.id) ?? part);
  // What is left is new; the state, and so every topology, has its parts in the order of their IDs.
  return set.size === 0 ? parts : [...parts, ...set.values()].sort(byId);
}

function composedParts<Part extends { readonly id: number }>(
  first: PartChanges<Part> | undefined,
  second: PartChanges<Part> | undefined,
): PartChanges<Part> | undefined {
  if (first === undefined || second === undefined) return second ?? first;
  const later = new Set([...second.set.map(({ id }) => id), ...second.gone]);
  return {
    set: [...first.set.filter(({ id }) => !later.has(id)), ...second.set].sort(byId),
    gone: [...first.gone.filter((id) => !later.has(id)), ...second.gone],
  };
}

function byId(a: { readonly id: number }, b: { readonly id: number }): number {
  return a.id - b.id;
}

function taken<Part>(parts: Map<number, Part>, id: number): Part | undefined {
  const part = parts.get(id);
  parts.delete(id);
  return part;
}
