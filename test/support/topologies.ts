import {
  DEFAULT_TIMING,
  type FailurePolicy,
  type FunctionSpec,
  type PublishedTopology,
  type Topology,
  type TopologyCluster,
} from '../../domain/topology/topology';

/** Cluster IDs of {@link twoStages}. */
export const IA = 1;
export const IC = 2;
export const AB = 5;
export const AC = 6;

export interface TwoStages {
  readonly failure?: FailurePolicy;
  readonly function?: FunctionSpec;
  readonly selection?: Topology['selection'];
  readonly nodes?: number;
  readonly version?: number;
  readonly seed?: number;
}

function cluster(id: number, name: string, nodes: number, rest: Partial<TopologyCluster>): TopologyCluster {
  return {
    id,
    name,
    role: 'anode',
    failure: 'redirect',
    selector: 'hash',
    mode: 'through',
    whenEmpty: 'drop',
    function: { name: 'pass', config: {} },
    members: Array.from({ length: nodes }, (_, index) => ({
      node: index + 1,
      incarnation: 1,
      weight: 1,
      state: 'active' as const,
      ...(rest.role === 'inode' ? { fnode: id } : {}),
    })),
    ...rest,
  };
}

/** EN-1 → IA → AB → AC → IC → EN-2, every flow on one path. */
export function twoStages(options: TwoStages = {}): Topology {
  const nodes = options.nodes ?? 3;
  return {
    grid: 'two-stages',
    version: options.version ?? 1,
    wireId: options.version ?? 1,
    seed: options.seed ?? 1,
    selection: options.selection ?? 'centralized',
    timing: DEFAULT_TIMING,
    networks: [
      { id: 1, name: 'EN-1', cluster: IA, tagged: false },
      { id: 2, name: 'EN-2', cluster: IC, tagged: false },
    ],
    clusters: [
      cluster(IA, 'IA', 1, { role: 'inode' }),
      cluster(IC, 'IC', 1, { role: 'inode' }),
      cluster(AB, 'AB', nodes, {
        failure: options.failure ?? 'backup',
        function: options.function ?? { name: 'pass', config: {} },
      }),
      cluster(AC, 'AC', nodes, { failure: 'discard' }),
    ],
    links: [link(1, [IA, AB]), link(2, [AB, AC]), link(3, [AC, IC])],
    paths: [
      { id: 1, name: 'out', from: [1], to: 2, clusters: [IA, AB, AC, IC] },
      { id: 2, name: 'in', from: [2], to: 1, clusters: [IC, AC, AB, IA] },
    ],
    policies: [
      { id: 1, name: 'all', flowType: 1, typeName: 'other', match: {}, paths: ['out', 'in'], criteria: 'static' },
    ],
  };
}

function link(id: number, clusters: number[]): Topology['links'][number] {
  const members = clusters.map((each) => ({ cluster: each }));
  return { id, name: `VN-${id}`, kind: 'switch', members, control: false, mtu: 9000 };
}

/** As the control plane would publish it. */
export function published(topology: Topology, dead: readonly string[] = []): PublishedTopology {
  return { topology, seq: topology.version, hash: '0'.repeat(64), dead };
}
