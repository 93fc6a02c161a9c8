import {
  DEFAULT_TIMING,
  type FailurePolicy,
  type PublishedTopology,
  type SelectorKind,
  type Timing,
  type Topology,
  type TopologyCluster,
  type TopologyMember,
} from '../../domain/topology/topology';

/** Clusters of {@link oneStage}: INODEs on either side of one stage of ANODEs. */
export const INGRESS = 1;
export const STAGE = 2;
export const EGRESS = 3;
/** Its external networks: initiators' and responders'. */
export const CLIENTS = 1;
export const SERVERS = 2;

/** Who is a member of a cluster, by node ID. */
export type Members = ReadonlyMap<number, Pick<TopologyMember, 'incarnation' | 'state'>>;

/** Nodes 1 … n in their first life. */
export function members(n: number): Map<number, Pick<TopologyMember, 'incarnation' | 'state'>> {
  return new Map(Array.from({ length: n }, (_, i) => [i + 1, { incarnation: 1, state: 'active' as const }]));
}

export interface OneStage {
  readonly version: number;
  readonly wireId: number;
  readonly stage: Members;
  readonly ingress: Members;
  readonly egress: Members;
  readonly failure?: FailurePolicy;
  readonly selector?: SelectorKind;
  readonly selection?: Topology['selection'];
  readonly timing?: Partial<Timing>;
  readonly flood?: Topology['flood'];
  /** Lives known dead, as chain IDs. */
  readonly dead?: readonly string[];
}

/** EN-1 → IA → AA → IC → EN-2, as the control plane would publish it. */
export function oneStage(options: OneStage): PublishedTopology {
  const { version, wireId } = options;
  const topology: Topology = {
    grid: 'one-stage',
    version,
    wireId,
    seed: 42,
    selection: options.selection ?? 'centralized',
    timing: { ...DEFAULT_TIMING, ...options.timing },
    ...(options.flood === undefined ? {} : { flood: options.flood }),
    networks: [
      { id: CLIENTS, name: 'EN-1', cluster: INGRESS, tagged: false },
      { id: SERVERS, name: 'EN-2', cluster: EGRESS, tagged: false },
    ],
    clusters: [
      cluster(INGRESS, 'IA', 'inode', options.ingress),
      {
        ...cluster(STAGE, 'AA', 'anode', options.stage),
        failure: options.failure ?? 'redirect',
        selector: options.selector ?? 'hash',
      },
      cluster(EGRESS, 'IC', 'inode', options.egress),
    ],
    links: [link(1, INGRESS, STAGE), link(2, STAGE, EGRESS)],
    paths: [
      { id: 1, name: 'out', from: [CLIENTS], to: SERVERS, clusters: [INGRESS, STAGE, EGRESS] },
      { id: 2, name: 'in', from: [SERVERS], to: CLIENTS, clusters: [EGRESS, STAGE, INGRESS] },
    ],
    policies: [
      { id: 1, name: 'all', flowType: 1, typeName: 'other', match: {}, paths: ['out', 'in'], criteria: 'static' },
    ],
  };
  return { topology, seq: version, hash: '0'.repeat(64), dead: options.dead ?? [] };
}

function cluster(id: number, name: string, role: 'inode' | 'anode', nodes: Members): TopologyCluster {
  const fnode = (node: number, incarnation: number): { fnode?: number } =>
    role === 'inode' ? { fnode: id * 64 + node + 20 * (incarnation - 1) } : {};
  return {
    id,
    name,
    role,
    failure: 'redirect',
    selector: 'hash',
    mode: 'through',
    whenEmpty: 'drop',
    function: { name: 'pass', config: {} },
    members: [...nodes]
      .sort(([a], [b]) => a - b)
      .map(([node, { incarnation, state }]) => ({
        node,
        incarnation,
        weight: 1,
        state,
        ...fnode(node, incarnation),
      })),
  };
}

function link(id: number, ...clusters: number[]): Topology['links'][number] {
  const joined = clusters.map((each) => ({ cluster: each }));
  return { id, name: `VN-${id}`, kind: 'switch', members: joined, control: false, mtu: 9000 };
}
