import { wholeAsChanges } from '../../../domain/topology/changes';
import { chainId, type ChainId } from '../../../domain/base/ids';
import type { TopologyEvent } from '../../../domain/events';
import type { FlowEvent, FlowStarted } from '../../../domain/flow/events';
import { DEFAULT_TIMING, type Topology } from '../../../domain/topology/topology';
import type { Commit } from '../../../domain/log/commit';
import { AB1, AB2, AB3, AC1, FLOW, IA1, IC1, topologyOf } from './verdicts/world';

/** Milliseconds since 1970 at which the told grid begins. */
export const START = Date.UTC(2024, 4, 1, 12);
export const INGRESS: ChainId = chainId(IA1, 1);
export const BACKUP: ChainId = chainId(AB3, 1);
export const OTHER_FLOW = 0x01000002;

/** Grid time in microseconds, `ms` after the start. */
export function micros(ms: number): number {
  return (START + ms) * 1_000;
}

interface Told {
  readonly afterMs: number;
  readonly by?: string;
  readonly cause?: number;
  readonly events: readonly TopologyEvent[];
}

const TOPOLOGY = topologyOf();
/** The topology after AB-2's failure. */
export const REPAIRED: Topology = topologyOf({
  version: 2,
  wireId: 2,
  clusters: TOPOLOGY.clusters.map((cluster) =>
    cluster.id === 2 ? { ...cluster, members: cluster.members.filter((member) => member.node !== 2) } : cluster,
  ),
});

function published(topology: Topology): TopologyEvent {
  const { version, wireId } = topology;
  return { type: 'TopologyPublished', v: 2, data: { version, wireId, changes: wholeAsChanges(topology), dead: [] } };
}

function joined(cluster: number, node: number): TopologyEvent[] {
  return [
    { type: 'NodeAdmitted', v: 1, data: { cluster, node, weight: 1, spare: false } },
    { type: 'NodeConfigured', v: 1, data: { cluster, node, weight: 1 } },
    { type: 'NodeActivated', v: 1, data: { cluster, node, incarnation: 1, fnode: cluster === 1 ? 1 : 0 } },
  ];
}

/** A grid is made (1), its nodes join (2), topology 1 (3, 4); AB-2 falls silent (5), failed (6), topology 2 (7). */
const HISTORY: readonly Told[] = [
  {
    afterMs: 0,
    events: [
      {
        type: 'GridCreated',
        v: 1,
        data: {
          name: 'paper',
          seed: 1,
          selection: 'centralized',
          timing: DEFAULT_TIMING,
          networks: TOPOLOGY.networks,
          capture: null,
        },
      },
      ...TOPOLOGY.clusters.map((cluster): TopologyEvent => {
        const { members: _members, ...settings } = cluster;
        return { type: 'ClusterCreated', v: 1, data: { ...settings, originates: cluster.role === 'inode' } };
      }),
      ...TOPOLOGY.links.map((link): TopologyEvent => ({ type: 'VirtualLinkCreated', v: 1, data: link })),
      ...TOPOLOGY.paths.map((path): TopologyEvent => ({ type: 'FlowPathDefined', v: 1, data: path })),
      {
        type: 'PolicyDefined',
        v: 1,
        data: { id: 1, name: 'web', flowType: 1, typeName: 'web', match: {}, paths: ['default'], criteria: 'static' },
      },
    ],
  },
  {
    afterMs: 10,
    events: TOPOLOGY.clusters.flatMap(({ id, members }) => members.flatMap(({ node }) => joined(id, node))),
  },
  { afterMs: 20, by: 'actor:grid', cause: 2, events: [published(TOPOLOGY)] },
  {
    afterMs: 25,
    by: 'actor:grid',
    cause: 3,
    events: [{ type: 'TopologyApplied', v: 1, data: { version: 1, tookMs: 5 } }],
  },
  {
    afterMs: 2_030,
    by: 'actor:node/2/2',
    events: [
      {
        type: 'NodeSuspected',
        v: 1,
        data: { cluster: 2, node: 2, incarnation: 1, lastSeen: START + 2_000, dueAt: START + 2_040 },
      },
    ],
  },
  {
    afterMs: 2_040,
    by: 'actor:node/2/2',
    cause: 5,
    events: [
      {
        type: 'NodeFailed',
        v: 1,
        data: {
          cluster: 2,
          node: 2,
          incarnation: 1,
          lastSeen: START + 2_000,
          detectedAt: START + 2_040,
          fnodeFreeAt: 0,
        },
      },
    ],
  },
  { afterMs: 2_050, by: 'actor:grid', cause: 6, events: [published(REPAIRED)] },
];

export function commits(): Commit<TopologyEvent>[] {
  return HISTORY.map(({ afterMs, by = 'operator:alice', cause = 0, events }, i) => ({
    seq: i + 1,
    prev: '0'.repeat(64),
    epoch: 1,
    commandId: `c${i + 1}`,
    at: START + afterMs,
    by,
    cause,
    corr: 'c1',
    events,
  }));
}

export function started(changes: Partial<FlowStarted> = {}): FlowStarted {
  return {
    type: 'FlowStarted',
    at: micros(100),
    flow: FLOW,
    topologySeq: 4,
    observedAs: 'ingress',
    flowType: 1,
    wireId: 1,
    network: 1,
    key: { proto: 6, a: '10.0.0.1', aPort: 40312, b: '10.0.0.2', bPort: 80, vlan: 0 },
    path: 1,
    route: [IA1, AB2, AC1, IC1],
    backups: [0, AB3, 0, 0],
    start: 'syn',
    ...changes,
  };
}

export const TAKEN_OVER: FlowEvent = {
  type: 'FlowTakenOver',
  at: micros(2_033),
  flow: FLOW,
  topologySeq: 4,
  from: AB2,
  to: AB3,
  backup: AB1,
  effectiveAt: micros(2_032),
  emitted: 3,
};

export const ENDED: FlowEvent = {
  type: 'FlowEnded',
  at: micros(5_000),
  flow: FLOW,
  topologySeq: 7,
  end: 'fin',
  packets: [10, 9],
  bytes: [1_000, 900],
};

/** One flow that lives through the failure, one that ends before it, in the chains of two nodes. */
export function chains(): readonly (readonly [ChainId, readonly FlowEvent[]])[] {
  const key = { proto: 17, a: '2001:db8:0:0:0:0:0:1', aPort: 5353, b: '2001:db8::2', bPort: 53, vlan: 0 };
  return [
    [
      INGRESS,
      [
        started(),
        started({ flow: OTHER_FLOW, at: micros(200), route: [IA1, AB1, AC1, IC1], backups: [0, AB2, 0, 0], key }),
        {
          type: 'FlowEnded',
          at: micros(900),
          flow: OTHER_FLOW,
          topologySeq: 4,
          end: 'idle',
          packets: [1, 1],
          bytes: [80, 90],
        },
        ENDED,
      ],
    ],
    [BACKUP, [TAKEN_OVER]],
  ];
}
