import { FlowgridError } from '../../domain/base/errors';
import type { TopologyEvent } from '../../domain/events';
import { evolve, initialState, type GridState } from '../../domain/grid-state';
import { isRejection } from '../../domain/message';
import { publishTopology } from '../../domain/topology/decide';
import { DEFAULT_TIMING, type ClusterRole, type Topology } from '../../domain/topology/topology';

/** Grid time of all that happens here, milliseconds. */
export const AT = 1_700_000_000_000;
/** What the large grid is made of. */
export const CLUSTERS = 200;
export const MEMBERS = 50;

/** INODEs at both ends; all others between them. */
const INGRESS = 1;
const EGRESS = 2;

/** A grid of `clusters` clusters (three at least) with `members` active nodes each, as the fold of what made it. */
export function gridOf(clusters: number, members: number): GridState {
  const ids = Array.from({ length: clusters }, (_, i) => i + 1);
  const stages = ids.slice(2);
  // At most 104 clusters stand on one path: the stages lie side by side.
  const events: TopologyEvent[] = [
    {
      type: 'GridCreated',
      v: 1,
      data: {
        name: 'large',
        seed: 11,
        selection: 'centralized',
        timing: DEFAULT_TIMING,
        networks: [
          { id: 1, name: 'EN-1', cluster: INGRESS, tagged: false },
          { id: 2, name: 'EN-2', cluster: EGRESS, tagged: false },
        ],
        capture: null,
      },
    },
    ...ids.flatMap((id) => clusterEvents(id, id <= EGRESS ? 'inode' : 'anode', members)),
    ...stages.flatMap((id) => stageEvents(id)),
  ];
  return events.reduce(evolve, initialState());
}

function clusterEvents(id: number, role: ClusterRole, members: number): TopologyEvent[] {
  const settings = {
    id,
    name: `C${id}`,
    role,
    failure: role === 'inode' ? ('redirect' as const) : ('backup' as const),
    selector: 'hash' as const,
    mode: 'through' as const,
    whenEmpty: 'drop' as const,
    function: { name: 'pass', config: {} },
    originates: role === 'inode',
  };
  const nodes = Array.from({ length: members }, (_, i) => ({ cluster: id, node: i + 1 }));
  return [
    { type: 'ClusterCreated', v: 1, data: settings },
    ...nodes.flatMap((node): TopologyEvent[] => [
      { type: 'NodeAdmitted', v: 1, data: { ...node, weight: 1, spare: false } },
      { type: 'NodeConfigured', v: 1, data: { ...node, weight: 1 } },
      {
        type: 'NodeActivated',
        v: 1,
        data: { ...node, incarnation: 1, fnode: role === 'inode' ? (id - 1) * members + node.node : 0 },
      },
    ]),
  ];
}

/** A path through a stage, the link that carries it, and the policy that leads to it. */
function stageEvents(id: number): TopologyEvent[] {
  const clusters = [INGRESS, id, EGRESS];
  const members = clusters.map((cluster) => ({ cluster }));
  return [
    {
      type: 'VirtualLinkCreated',
      v: 1,
      data: { id, name: `VN-${id}`, kind: 'switch', members, control: false, mtu: 9000 },
    },
    { type: 'FlowPathDefined', v: 1, data: { id, name: `through-${id}`, from: [1], to: 2, clusters } },
    {
      type: 'PolicyDefined',
      v: 1,
      data: {
        id,
        name: `to-${id}`,
        flowType: id,
        typeName: `type-${id}`,
        match: { port: [[id, id]] },
        paths: [`through-${id}`],
        criteria: 'static',
      },
    },
  ];
}

/** What the grid publishes as it is now. @throws FlowgridError if it has nothing to publish. */
export function publicationOf(state: GridState): Extract<TopologyEvent, { type: 'TopologyPublished' }> {
  const decision = publishTopology(state, AT);
  const event = isRejection(decision) ? undefined : decision[0];
  if (event?.type !== 'TopologyPublished') throw new FlowgridError('internal', 'the grid published no topology');
  return event;
}

/** The grid after it published itself. */
export function published(state: GridState): { readonly state: GridState; readonly topology: Topology } {
  const event = publicationOf(state);
  const next = evolve(state, event);
  return { state: next, topology: next.topology.latest! };
}

/** A member gets no new flows any more: the smallest change of a membership. */
export function drain(state: GridState, cluster: number, node: number): GridState {
  return evolve(state, { type: 'NodeDraining', v: 1, data: { cluster, node, dueAt: 0, thenRemove: false } });
}
