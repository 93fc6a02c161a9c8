import type { ClusterId } from '../../../domain/base/ids';
import { PATH_CLUSTERS_MAX } from '../../../domain/path/decide';
import type { FlowPath } from '../../../domain/topology/topology';
import type { Names } from './names';
import type { Paths } from './paths';
import type { Reader, Value } from './reader';

/** The clusters that a cluster's packet filter sends flows by way of, by the filter's cluster. */
export type Diversions = ReadonlyMap<ClusterId, readonly ClusterId[]>;

/** Reads `via` and `skip` of the rules of packet filters; a name that no cluster has is a problem. */
export function readDiversions(reader: Reader, section: Value, clusters: Names): Diversions {
  const diversions = new Map<ClusterId, readonly ClusterId[]>();
  if (!reader.isMap(section)) return diversions;
  for (const { name, value } of reader.named(section, 'clusters')) {
    const spec = memberOf(reader, value, 'function');
    const filter = memberOf(reader, spec, 'name');
    if (reader.isAbsent(filter) || reader.plain(filter) !== 'packet-filter') continue;
    const rules = reader.items(memberOf(reader, memberOf(reader, spec, 'config'), 'rules'));
    const named = (member: 'via' | 'skip'): ClusterId[] =>
      rules.flatMap((rule) => clusters.idsOf(memberOf(reader, rule, member), `cluster ${name}: ${member}`));
    named('skip');
    diversions.set(clusters.find(name) ?? 0, named('via'));
  }
  return diversions;
}

function memberOf(reader: Reader, value: Value, name: string): Value {
  if (!reader.isMap(value)) return null;
  return reader.named(value, name).find((member) => member.name === name)?.value ?? null;
}

/**
 * The most clusters that a flow on a path can come to visit: those that filters on its way put in may send it further. No
 * flow visits a cluster twice.
 */
export function clustersAtMost({ clusters }: FlowPath, diversions: Diversions): number {
  const visited = new Set(clusters);
  const { size } = visited;
  // What is added while a set is gone through is gone through too.
  for (const cluster of visited) for (const further of diversions.get(cluster) ?? []) visited.add(further);
  return clusters.length + visited.size - size;
}

/** A path must fit a descriptor with all that diversions put in. */
export function checkDiversions(reader: Reader, { paths, places }: Paths, diversions: Diversions): void {
  for (const path of paths) {
    const most = clustersAtMost(path, diversions);
    if (path.clusters.length > PATH_CLUSTERS_MAX || most <= PATH_CLUSTERS_MAX) continue;
    const what = `path ${path.name} crosses up to ${most} clusters where filters send flows via others; a descriptor holds ${PATH_CLUSTERS_MAX}`;
    reader.problem(places.get(path.id), what, 'shorten the path, or name fewer clusters in "via"');
  }
}
