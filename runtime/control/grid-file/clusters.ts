import { canonical, type Canonical } from '../../../domain/base/canonical';
import { isFlowgridError } from '../../../domain/base/errors';
import { CLUSTER_ID_MAX, NODE_ID_MAX } from '../../../domain/base/ids';
import type { ClusterSettings } from '../../../domain/cluster/events';
import { CLUSTER_MODES, type Congestion, type FunctionSpec } from '../../../domain/topology/topology';
import { readAutoscale } from './autoscale';
import type { DesiredGrid } from './desired';
import { Names } from './names';
import type { Reader, Value } from './reader';

const MEMBERS = [
  'id',
  'role',
  'nodes',
  'spares',
  'failure',
  'selector',
  'mode',
  'whenEmpty',
  'function',
  'congestion',
  'autoscale',
  'originates',
] as const;

export interface Clusters {
  readonly names: Names;
  readonly settings: readonly ClusterSettings[];
  readonly nodes: DesiredGrid['nodes'];
}

/** Reads `clusters`: name → settings, nodes and spares. */
export function readClusters(reader: Reader, section: Value): Clusters {
  const names = new Names(reader, 'cluster');
  const settings: ClusterSettings[] = [];
  const nodes: DesiredGrid['nodes'][number][] = [];
  for (const { name, key, value } of reader.named(section, 'clusters')) {
    const members = reader.members(value, `cluster ${name}`, MEMBERS);
    const id = reader.integer(members.id, `cluster ${name}: id`, [1, CLUSTER_ID_MAX], names.nextFree());
    names.define(name, id, members.id ?? key);
    const role = reader.choice(members.role, `cluster ${name}: role`, ['inode', 'anode', 'mnode'], 'anode');
    const own = readNodes(reader, members.nodes, members.spares, { name, id, key });
    const spares = own.filter(({ spare }) => spare).length;
    settings.push({
      id,
      name,
      role,
      failure: reader.choice(
        members.failure,
        `cluster ${name}: failure`,
        ['discard', 'redirect', 'backup'],
        role === 'anode' ? 'backup' : 'redirect',
      ),
      selector: reader.choice(
        members.selector,
        `cluster ${name}: selector`,
        ['hash', 'round-robin', 'weighted-round-robin', 'least-flows', 'feedback'],
        'hash',
      ),
      mode: reader.choice(members.mode, `cluster ${name}: mode`, CLUSTER_MODES, 'through'),
      whenEmpty: reader.choice(members.whenEmpty, `cluster ${name}: whenEmpty`, ['bypass', 'drop'], 'drop'),
      function: readFunction(reader, members.function, name),
      ...readCongestion(reader, members.congestion, name),
      originates: reader.flag(members.originates, `cluster ${name}: originates`, false),
      ...readAutoscale(reader, members.autoscale, {
        name,
        role,
        members: own.length - spares,
        spares,
        judgesUtilisation: !reader.isAbsent(members.congestion),
      }),
    });
    nodes.push(...own);
  }
  if (settings.length === 0)
    reader.problem(section ?? reader.root, 'a grid needs clusters', 'add a "clusters" section');
  return { names, settings: settings.sort((a, b) => a.id - b.id), nodes };
}

/** `function: pass`, or `function: { name: nat, config: { … } }`. */
function readFunction(reader: Reader, value: Value, cluster: string): FunctionSpec {
  if (!reader.isMap(value)) return { name: reader.text(value, `cluster ${cluster}: function`, 'pass'), config: {} };
  const members = reader.members(value, `cluster ${cluster}: function`, ['name', 'config']);
  const name = reader.text(members.name, `cluster ${cluster}: function name`);
  const config = reader.plain(members.config) ?? {};
  if (typeof config !== 'object' || Array.isArray(config)) {
    reader.problem(members.config, `cluster ${cluster}: config must be a map`, 'write "name: value", one a line');
    return { name, config: {} };
  }
  try {
    canonical(config as Canonical);
  } catch (error) {
    if (!isFlowgridError(error)) throw error;
    reader.problem(
      members.config,
      `cluster ${cluster}: a configuration holds texts, integers and truth values only`,
      'use a smaller unit in place of a fraction',
    );
  }
  return { name, config: config as FunctionSpec['config'] };
}

/** `congestion: { above: 80, below: 60, framesPerSecond: 20000 }`; a cluster without it is never congested. */
function readCongestion(reader: Reader, value: Value, cluster: string): { readonly congestion?: Congestion } {
  if (reader.isAbsent(value)) return {};
  const what = `cluster ${cluster}: congestion`;
  const members = reader.members(value, what, ['above', 'below', 'framesPerSecond']);
  const above = reader.integer(members.above, `${what}: above`, [1, 100], 80);
  const below = reader.integer(members.below, `${what}: below`, [0, 99], Math.max(0, above - 20));
  if (below >= above) reader.problem(members.below, `${what}: below must be less than above`, 'lower it');
  if (reader.isAbsent(members.framesPerSecond)) return { congestion: { above, below } };
  const rate = reader.integer(members.framesPerSecond, `${what}: framesPerSecond`, [1, 1_000_000_000]);
  return { congestion: { above, below, framesPerSecond: rate } };
}

interface ClusterHead {
  readonly name: string;
  readonly id: number;
  readonly key: Value;
}

/** Members and spares: a count each (IDs from 1, spares after the members), or lists of `{ id, weight }`. */
function readNodes(reader: Reader, nodes: Value, spares: Value, cluster: ClusterHead): DesiredGrid['nodes'][number][] {
  const members = readNodeList(reader, nodes, cluster, { what: 'nodes', fallback: 1, after: 0 });
  const after = Math.max(0, ...members.map(({ node }) => node));
  const waiting = readNodeList(reader, spares, cluster, { what: 'spares', fallback: 0, after });
  const seen = new Set<number>();
  for (const { node } of [...members, ...waiting]) {
    if (seen.has(node)) {
      reader.problem(
        spares ?? nodes ?? cluster.key,
        `node ${cluster.name}-${node} is named twice`,
        'give it another ID',
      );
    }
    seen.add(node);
  }
  return [
    ...members.map((member) => ({ cluster: cluster.id, ...member, spare: false })),
    ...waiting.map((member) => ({ cluster: cluster.id, ...member, spare: true })),
  ];
}

interface NodeListKind {
  readonly what: 'nodes' | 'spares';
  /** Count when nothing is written. */
  readonly fallback: number;
  /** IDs of counted nodes begin after this one. */
  readonly after: number;
}

function readNodeList(
  reader: Reader,
  value: Value,
  { name }: ClusterHead,
  { what, fallback, after }: NodeListKind,
): { readonly node: number; readonly weight: number }[] {
  const listed = reader.items(value);
  if (!listed.some((item) => reader.isMap(item))) {
    const most = Math.max(0, NODE_ID_MAX - after);
    const count = reader.integer(value, `cluster ${name}: ${what}`, [0, most], fallback);
    return Array.from({ length: count }, (_, index) => ({ node: after + index + 1, weight: 1 }));
  }
  return listed.map((item, index) => {
    const members = reader.members(item, `cluster ${name}: a node`, ['id', 'weight']);
    return {
      node: reader.integer(members.id, `cluster ${name}: node id`, [1, NODE_ID_MAX], after + index + 1),
      weight: reader.integer(members.weight, `cluster ${name}: weight`, [1, 100], 1),
    };
  });
}
