import { decide } from '../../../domain/decide';
import { COMMAND_LIFETIME_MS, type CommandBody } from '../../../domain/commands';
import { initialState } from '../../../domain/grid-state';
import type { WorkflowJournalEntry } from '../../../domain/seams/workflow-engine';
import { routerMac } from '../../../domain/link/mac';
import { DEFAULT_TIMING, type ClusterMode } from '../../../domain/topology/topology';
import { smallGridCommands } from '../runtime/control/small-grid';
import { agentSpecifications } from './agent/agent-specifications';
import { roomSpecifications } from './agent/room-specifications';
import { autoscaleSpecifications } from './autoscale/autoscale-specifications';
import { cutoverSpecifications } from './link/cutover-specifications';
import { packageSpecifications } from './package/package-specifications';
import { and, decided, given, givenSmallGrid, NOW, refusal, spec, type Specification } from './given';

const [createGrid, createIngress, createFilter, , definePath, definePolicy] = smallGridCommands() as [
  Extract<CommandBody, { type: 'CreateGrid' }>,
  Extract<CommandBody, { type: 'CreateCluster' }>,
  Extract<CommandBody, { type: 'CreateCluster' }>,
  CommandBody,
  Extract<CommandBody, { type: 'DefineFlowPath' }>,
  Extract<CommandBody, { type: 'DefinePolicy' }>,
];
const N1 = { cluster: 2, node: 1 };
const SPARE = { cluster: 2, node: 4 };
const life = (incarnation: number): { cluster: number; node: number; incarnation: number } => ({ ...N1, incarnation });
const activate = (node: number, cluster = 2): CommandBody => ({
  type: 'ActivateNode',
  data: { cluster, node, incarnation: 1 },
});
const suspect: CommandBody = { type: 'SuspectNode', data: { ...life(1), lastSeen: NOW - 30 } };
const fail: CommandBody = { type: 'FailNode', data: life(1) };
const drain: CommandBody = { type: 'DrainNode', data: { ...N1, withinMs: 0, thenRemove: true } };
const drained: CommandBody = { type: 'CompleteDrain', data: { ...N1, forced: false } };
const publish: CommandBody = { type: 'PublishTopology', data: {} };
const reserve: CommandBody = { type: 'ReserveSpare', data: { cluster: 2, node: 0, workflow: 'w1' } };
const link: Extract<CommandBody, { type: 'CreateVirtualLink' }> = {
  type: 'CreateVirtualLink',
  data: { id: 1, name: 'VN-1', kind: 'switch', members: [{ cluster: 1 }, { cluster: 2 }], control: false, mtu: 9000 },
};
const probe: CommandBody = {
  type: 'AttachProbe',
  data: { id: 1, name: 'P-1', link: 1, node: 0, view: 'raw', collector: 'c' },
};
const vlan: CommandBody = { type: 'AllocateVlan', data: { link: 1, cluster: 2, direction: 'both' } };
const journal = (entry: WorkflowJournalEntry): CommandBody => ({
  type: 'JournalWorkflow',
  data: { workflow: 'w1', entry },
});
const started = journal({ kind: 'started', name: 'scaleOut', input: {}, at: 1 });
const step = journal({ kind: 'step', step: 'reserve', result: 1.5, at: 2 });
const ended = journal({ kind: 'ended', status: 'succeeded', at: 3 });
const failedEnd = journal({ kind: 'ended', status: 'failed', error: 'no', at: 3 });

const mode = (cluster: string, wanted: ClusterMode): CommandBody => ({
  type: 'SwitchClusterMode',
  data: { cluster, mode: wanted },
});

const modeOfLive = (cluster: string, wanted: ClusterMode): CommandBody => ({
  type: 'SwitchClusterMode',
  data: { cluster, mode: wanted, existing: true },
});

const repin = (version: number): CommandBody => ({ type: 'RequestRepin', data: { version } });

const replicate = (flow: number, path: string): CommandBody => ({ type: 'ReplicateFlow', data: { flow, path } });
const stopReplication = (flow: number): CommandBody => ({ type: 'StopReplication', data: { flow } });

const small = givenSmallGrid();
const linked = and(small, {
  ...link,
  data: { ...link.data, members: [{ cluster: 1 }, { cluster: 2 }, { cluster: 3 }] },
});
const otherPath: CommandBody = {
  type: 'DefineFlowPath',
  data: { id: 2, name: 'other', from: [1], to: 2, clusters: [1, 2, 3] },
};
const twoPaths = and(small, otherPath);
const active = and(small, activate(1), activate(2));
const failedState = and(active, fail);
const published = and(active, publish);
const applied = and(published, { type: 'ApplyTopology', data: { version: 1 } });
const secondApplied = and(applied, activate(3), publish, { type: 'ApplyTopology', data: { version: 2 } });

const switchedForNew = and(applied, mode('AB', 'drop'), publish, { type: 'ApplyTopology', data: { version: 2 } });
const switchedForLive = and(applied, modeOfLive('AB', 'drop'), publish, {
  type: 'ApplyTopology',
  data: { version: 2 },
});

const ROUTE = { prefix: '10.9.0.0/16', via: '10.1.0.9', network: 1 };
/** The small grid, some of whose networks are routed. */
const routed = (ids: readonly number[]): typeof createGrid => ({
  ...createGrid,
  data: {
    ...createGrid.data,
    networks: createGrid.data.networks.map((network) =>
      ids.includes(network.id)
        ? { ...network, router: { mac: routerMac(1, network.id), addresses: [`10.${network.id}.0.1/24`] } }
        : network,
    ),
    routes: [ROUTE],
  },
});

const specifications: readonly Specification[] = [
  spec('a grid is created', initialState(), createGrid, ['GridCreated']),
  spec('a second grid is refused', small, createGrid, 'exists'),
  spec(
    'FG-464: an idle timeout that ends flows while backups hold frames of them is refused',
    initialState(),
    { ...createGrid, data: { ...createGrid.data, timing: { ...DEFAULT_TIMING, udpIdleMs: 59 } } },
    'invalid',
  ),
  spec(
    'FG-464: the shortest idle timeout is taken',
    initialState(),
    { ...createGrid, data: { ...createGrid.data, timing: { ...DEFAULT_TIMING, udpIdleMs: 60 } } },
    ['GridCreated'],
  ),
  spec(
    'a grid with two networks of one ID is refused',
    initialState(),
    {
      type: 'CreateGrid',
      data: { ...createGrid.data, networks: [...createGrid.data.networks, createGrid.data.networks[0]!] },
    },
    'invalid',
  ),
  spec(
    'a control protocol that nobody knows cannot be filtered',
    initialState(),
    {
      type: 'CreateGrid',
      data: {
        ...createGrid.data,
        networks: createGrid.data.networks.map((network) => ({ ...network, filters: ['stp' as 'lldp'] })),
      },
    },
    'invalid',
  ),
  spec('FG-590: a layer-3 network and routes by it are settings', initialState(), routed([1, 2]), ['GridCreated']),
  spec(
    'FG-590: a route by a network that is not routed is refused',
    initialState(),
    { ...routed([1]), data: { ...routed([1]).data, routes: [{ ...ROUTE, network: 2 }] } },
    'invalid',
  ),
  spec(
    'FG-590: a path between a routed network and a bridged one is refused',
    and(small, { type: 'ReconfigureGrid', data: routed([1]).data }),
    otherPath,
    'invalid',
  ),
  spec(
    'FG-590: one between routed networks is not',
    and(small, { type: 'ReconfigureGrid', data: routed([1, 2]).data }),
    otherPath,
    ['FlowPathDefined'],
  ),
  spec('settings change', small, { type: 'ReconfigureGrid', data: { ...createGrid.data, selection: 'distributed' } }, [
    'GridReconfigured',
  ]),
  spec('the same settings change nothing', small, { type: 'ReconfigureGrid', data: createGrid.data }, []),
  spec(
    'the seed never changes',
    small,
    { type: 'ReconfigureGrid', data: { ...createGrid.data, seed: 8 } },
    'not-allowed',
  ),
  spec('no grid, no settings', initialState(), { type: 'ReconfigureGrid', data: createGrid.data }, 'not-found'),

  spec('a cluster is created', given(createGrid), createIngress, ['ClusterCreated']),
  spec('a cluster without a grid is refused', initialState(), createIngress, 'not-found'),
  spec('the same cluster again changes nothing', small, createIngress, []),
  spec(
    'another cluster of the same ID is refused',
    small,
    { type: 'CreateCluster', data: { ...createIngress.data, name: 'X' } },
    'exists',
  ),
  spec(
    'another cluster of the same name is refused',
    small,
    { type: 'CreateCluster', data: { ...createIngress.data, id: 9 } },
    'exists',
  ),
  spec(
    'a cluster ID beyond 255 is refused',
    small,
    { type: 'CreateCluster', data: { ...createIngress.data, id: 256, name: 'X' } },
    'invalid',
  ),
  spec(
    'a fraction in a configuration is refused',
    small,
    {
      type: 'ReconfigureCluster',
      data: { ...createFilter.data, function: { name: 'limit', config: { rate: 0.5 } } },
    },
    'invalid',
  ),
  spec('FG-280: a mode is switched', linked, mode('AB', 'copy'), ['ClusterReconfigured']),
  spec('FG-280: the mode that a cluster has changes nothing', linked, mode('AB', 'through'), []),
  spec('FG-280: a mode of no cluster is refused', linked, mode('XX', 'drop'), 'not-found'),
  spec('FG-280: a word that is no mode is refused', linked, mode('AB', 'sideways' as ClusterMode), 'invalid'),
  spec('FG-280: frames cannot go past where no link leads', small, mode('AB', 'bypass'), 'not-allowed'),
  spec('FG-280: what goes past no cluster needs no link for it', small, mode('AB', 'drop'), ['ClusterReconfigured']),
  spec('FG-280: flows cannot go past where they begin', linked, mode('IA', 'copy'), 'not-allowed'),
  spec('FG-280: an entrance can be closed', linked, mode('IA', 'drop'), ['ClusterReconfigured']),
  spec('FG-340: a mode is switched for flows that live too', applied, modeOfLive('AB', 'drop'), [
    'ClusterReconfigured',
    'LiveFlowsSwitched',
  ]),
  spec('FG-340: where no topology is live, none is told', linked, modeOfLive('AB', 'copy'), ['ClusterReconfigured']),
  spec('FG-340: of what new flows have already', switchedForNew, modeOfLive('AB', 'drop'), ['LiveFlowsSwitched']),
  spec('FG-340: once', and(switchedForNew, modeOfLive('AB', 'drop')), modeOfLive('AB', 'drop'), []),
  spec('FG-340: what cannot be is refused for all', applied, modeOfLive('AB', 'bypass'), 'not-allowed'),
  spec('FG-340: flows of an older topology are asked to take the modes', switchedForLive, repin(1), [
    'TopologyRepinRequested',
  ]),
  spec('FG-340: and asked once', and(switchedForLive, repin(1)), repin(1), []),
  spec(
    'a cluster is reconfigured',
    small,
    { type: 'ReconfigureCluster', data: { ...createFilter.data, failure: 'discard' } },
    ['ClusterReconfigured'],
  ),
  spec('reconfigured to what it is, nothing', small, { type: 'ReconfigureCluster', data: createFilter.data }, []),
  spec(
    'a role is for life',
    small,
    { type: 'ReconfigureCluster', data: { ...createFilter.data, role: 'inode' } },
    'not-allowed',
  ),
  spec('a cluster with nodes stays', small, { type: 'DeleteCluster', data: { cluster: 2 } }, 'in-use'),
  spec(
    'an empty cluster goes',
    and(small, { type: 'CreateCluster', data: { ...createFilter.data, id: 9, name: 'X' } }),
    { type: 'DeleteCluster', data: { cluster: 9 } },
    ['ClusterDeleted'],
  ),
  spec('a cluster that is not there is gone already', small, { type: 'DeleteCluster', data: { cluster: 77 } }, []),

  spec(
    'an unknown node is discovered',
    small,
    { type: 'DiscoverNode', data: { cluster: 2, node: 9, incarnation: 1 } },
    ['NodeDiscovered'],
  ),
  spec('a known node is not', small, { type: 'DiscoverNode', data: life(1) }, []),
  spec(
    'a node of no cluster is refused',
    small,
    { type: 'DiscoverNode', data: { cluster: 99, node: 9, incarnation: 1 } },
    'not-found',
  ),
  spec(
    'a node ID beyond 127 is refused',
    small,
    { type: 'AdmitNode', data: { cluster: 2, node: 128, weight: 1, spare: false } },
    'invalid',
  ),
  spec(
    'a weight beyond 100 is refused',
    small,
    { type: 'AdmitNode', data: { cluster: 2, node: 9, weight: 101, spare: false } },
    'invalid',
  ),
  spec('a node is admitted', small, { type: 'AdmitNode', data: { cluster: 2, node: 9, weight: 1, spare: false } }, [
    'NodeAdmitted',
  ]),
  spec('a spare is admitted as a member', small, { type: 'AdmitNode', data: { ...SPARE, weight: 1, spare: false } }, [
    'NodeAdmitted',
  ]),
  spec('a spare stays a spare', small, { type: 'AdmitNode', data: { ...SPARE, weight: 1, spare: true } }, []),
  spec(
    'a member is not admitted again',
    small,
    { type: 'AdmitNode', data: { ...N1, weight: 1, spare: false } },
    'exists',
  ),
  spec(
    'a reserved spare is not admitted',
    and(small, reserve),
    { type: 'AdmitNode', data: { ...SPARE, weight: 1, spare: false } },
    'in-use',
  ),
  spec(
    'a spare is not configured unreserved',
    small,
    { type: 'ConfigureNode', data: { ...SPARE, weight: 1 } },
    'not-allowed',
  ),
  spec(
    'a reserved spare is configured',
    and(small, reserve),
    { type: 'ConfigureNode', data: { ...SPARE, weight: 1 } },
    ['NodeConfigured'],
  ),
  spec('a new weight is laid down', active, { type: 'ConfigureNode', data: { ...N1, weight: 5 } }, ['NodeConfigured']),
  spec('the same weight changes nothing', active, { type: 'ConfigureNode', data: { ...N1, weight: 1 } }, []),
  spec(
    'an unknown node is not configured',
    small,
    { type: 'ConfigureNode', data: { cluster: 2, node: 9, weight: 1 } },
    'not-found',
  ),
  spec(
    'a failed node is not configured',
    failedState,
    { type: 'ConfigureNode', data: { ...N1, weight: 3 } },
    'not-allowed',
  ),
  spec('a configured node is activated', small, activate(1), ['NodeActivated']),
  spec('an active life is active', active, activate(1), []),
  spec('an admitted node is not activated', small, activate(4), 'not-allowed'),
  spec('silence makes suspected', active, suspect, ['NodeSuspected']),
  spec('suspicion is not repeated', and(active, suspect), suspect, []),
  spec('another life is not suspected', active, { type: 'SuspectNode', data: { ...life(2), lastSeen: NOW } }, 'stale'),
  spec('silence ends a draining node', and(active, drain), suspect, ['NodeFailed']),
  spec(
    'a configured node cannot fall silent',
    small,
    { type: 'SuspectNode', data: { ...life(0), lastSeen: NOW } },
    'not-allowed',
  ),
  spec('a suspected node fails', and(active, suspect), fail, ['NodeFailed']),
  spec('a failed node has failed', failedState, fail, []),
  spec('an old life cannot fail again', active, { type: 'FailNode', data: life(0) }, 'stale'),
  spec('a suspected node recovers', and(active, suspect), { type: 'RecoverNode', data: life(1) }, ['NodeRecovered']),
  spec('an active node need not recover', active, { type: 'RecoverNode', data: life(1) }, []),
  spec('a failed life is over', failedState, { type: 'RecoverNode', data: life(1) }, 'stale'),
  spec('a failed node returns in a new life', failedState, { type: 'RecoverNode', data: life(2) }, ['NodeRecovered']),
  spec(
    'a new life waits for the end of a suspected one',
    and(active, suspect),
    { type: 'RecoverNode', data: life(2) },
    'not-allowed',
  ),
  spec('an active node is drained', active, drain, ['NodeDraining']),
  spec('a draining node is draining', and(active, drain), drain, []),
  spec('a suspected node is not drained', and(active, suspect), drain, 'not-allowed'),
  spec('draining completes', and(active, drain), drained, ['NodeDrained']),
  spec('it completes once', and(active, drain, drained), drained, []),
  spec('an active node is not drained out', active, drained, 'not-allowed'),
  spec('a drained node is removed', and(active, drain, drained), { type: 'RemoveNode', data: N1 }, ['NodeRemoved']),
  spec('an active node is not removed', active, { type: 'RemoveNode', data: N1 }, 'in-use'),
  spec('an unknown node is gone already', small, { type: 'RemoveNode', data: { cluster: 2, node: 99 } }, []),
  spec(
    'a node ID is not given again while a live topology names it',
    and(published, drain, drained, { type: 'RemoveNode', data: N1 }),
    { type: 'AdmitNode', data: { ...N1, weight: 1, spare: false } },
    'in-use',
  ),
  spec(
    'a node ID that no topology ever named is given again',
    and(active, drain, drained, { type: 'RemoveNode', data: N1 }),
    { type: 'AdmitNode', data: { ...N1, weight: 1, spare: false } },
    ['NodeAdmitted'],
  ),

  spec('a link is created', small, link, ['VirtualLinkCreated', 'VlanAllocated']),
  spec('the same link again, nothing', and(small, link), link, []),
  spec(
    'a link to nowhere is refused',
    small,
    { ...link, data: { ...link.data, members: [{ cluster: 99 }] } },
    'not-found',
  ),
  spec('a link changes', and(small, link), { type: 'ChangeVirtualLink', data: { ...link.data, mtu: 8000 } }, [
    'VirtualLinkChanged',
  ]),
  spec('a missing link does not change', small, { type: 'ChangeVirtualLink', data: link.data }, 'not-found'),
  spec('a VLAN ID is allocated', and(small, link), vlan, ['VlanAllocated']),
  spec('one for each purpose', and(small, link, vlan), vlan, []),
  spec('no link, no VLAN ID', small, vlan, 'not-found'),
  spec('a VLAN ID is released', and(small, link, vlan), { type: 'ReleaseVlan', data: { vlan: 2049 } }, [
    'VlanReleased',
  ]),
  spec("a link's own VLAN ID stays", and(small, link), { type: 'ReleaseVlan', data: { vlan: 2048 } }, 'in-use'),
  spec('a free VLAN ID is free', small, { type: 'ReleaseVlan', data: { vlan: 2048 } }, []),
  spec(
    'a deleted link gives its VLAN IDs back',
    and(small, link, vlan),
    { type: 'DeleteVirtualLink', data: { link: 1 } },
    ['VlanReleased', 'VlanReleased', 'VirtualLinkDeleted'],
  ),
  spec('a probed link stays', and(small, link, probe), { type: 'DeleteVirtualLink', data: { link: 1 } }, 'in-use'),
  spec('a missing link is gone already', small, { type: 'DeleteVirtualLink', data: { link: 1 } }, []),
  spec(
    'links are arranged as one',
    and(small, link),
    { type: 'ArrangeLinks', data: { create: [{ ...link.data, id: 2, name: 'VN-2' }], change: [], delete: [1] } },
    ['VlanReleased', 'VirtualLinkDeleted', 'VirtualLinkCreated', 'VlanAllocated'],
  ),
  spec(
    'or not at all',
    small,
    { type: 'ArrangeLinks', data: { create: [link.data], change: [{ ...link.data, id: 9 }], delete: [] } },
    'not-found',
  ),
  spec('a probe is attached', and(small, link), probe, ['ProbeAttached']),
  spec('the same probe again, nothing', and(small, link, probe), probe, []),
  spec('no link, no probe', small, probe, 'not-found'),
  spec('a probe is detached', and(small, link, probe), { type: 'DetachProbe', data: { probe: 1 } }, ['ProbeDetached']),
  spec('a missing probe is gone already', small, { type: 'DetachProbe', data: { probe: 1 } }, []),

  spec('a path is redefined', small, { type: 'DefineFlowPath', data: { ...definePath.data, clusters: [1, 3] } }, [
    'FlowPathDefined',
  ]),
  spec(
    'a path may return to the INODEs that it begins at',
    and(small, { type: 'ReconfigureGrid', data: { ...createGrid.data, selection: 'distributed' } }),
    { type: 'DefineFlowPath', data: { ...definePath.data, clusters: [1, 2, 1] } },
    ['FlowPathDefined'],
  ),
  spec('the same path, nothing', small, definePath, []),
  spec(
    'a path through nowhere is refused',
    small,
    { type: 'DefineFlowPath', data: { ...definePath.data, clusters: [1, 9, 3] } },
    'not-found',
  ),
  spec(
    'a path of 105 clusters is refused',
    small,
    { type: 'DefineFlowPath', data: { ...definePath.data, clusters: Array<number>(105).fill(2) } },
    'invalid',
  ),
  spec('a path that a policy names stays', small, { type: 'DeleteFlowPath', data: { path: 1 } }, 'in-use'),
  spec(
    'an unused path goes',
    and(small, { type: 'DeletePolicy', data: { policy: 1 } }),
    { type: 'DeleteFlowPath', data: { path: 1 } },
    ['FlowPathDeleted'],
  ),
  spec('a missing path is gone already', small, { type: 'DeleteFlowPath', data: { path: 9 } }, []),
  spec('a policy is redefined', small, { type: 'DefinePolicy', data: { ...definePolicy.data, flowType: 2 } }, [
    'PolicyDefined',
  ]),
  spec('the same policy, nothing', small, definePolicy, []),
  spec(
    "flow type 0 is hello's",
    small,
    { type: 'DefinePolicy', data: { ...definePolicy.data, flowType: 0 } },
    'invalid',
  ),
  spec(
    'a policy to an unknown path is refused',
    small,
    { type: 'DefinePolicy', data: { ...definePolicy.data, paths: ['x'] } },
    'not-found',
  ),
  spec('a policy is deleted', small, { type: 'DeletePolicy', data: { policy: 1 } }, ['PolicyDeleted']),
  spec('a missing policy is gone already', small, { type: 'DeletePolicy', data: { policy: 9 } }, []),

  spec('a topology is published', active, publish, ['TopologyPublished']),
  spec('an unchanged grid is not published', published, publish, []),
  spec('a suspicion changes no topology', and(published, suspect), publish, []),
  spec('without an active node there is nothing to publish', small, publish, 'not-allowed'),
  spec('FG-345: a running flow is to be replicated', small, replicate(7, 'main'), ['ReplicationRequested']),
  spec('FG-345: once', and(small, replicate(7, 'main')), replicate(7, 'main'), []),
  spec('FG-345: to one path', and(twoPaths, replicate(7, 'main')), replicate(7, 'other'), 'exists'),
  spec('FG-345: to no path that is not there', small, replicate(7, 'nowhere'), 'not-found'),
  spec('FG-345: a number that is no flow ID is refused', small, replicate(0, 'there'), 'invalid'),
  spec('FG-345: and no more', and(small, replicate(7, 'main')), stopReplication(7), ['ReplicationStopped']),
  spec('FG-345: what is not replicated need not stop', small, stopReplication(7), []),
  spec('FG-345: the order is published', and(applied, replicate(7, 'main')), publish, ['TopologyPublished']),
  spec('a topology is applied', published, { type: 'ApplyTopology', data: { version: 1 } }, ['TopologyApplied']),
  spec('it is applied once', applied, { type: 'ApplyTopology', data: { version: 1 } }, []),
  spec('an unknown one is not', applied, { type: 'ApplyTopology', data: { version: 7 } }, 'not-found'),
  spec('flows of an old topology are asked to move', secondApplied, { type: 'RequestRepin', data: { version: 1 } }, [
    'TopologyRepinRequested',
  ]),
  spec(
    'they are asked once',
    and(secondApplied, { type: 'RequestRepin', data: { version: 1 } }),
    { type: 'RequestRepin', data: { version: 1 } },
    [],
  ),
  spec('the newest has nowhere to move', applied, { type: 'RequestRepin', data: { version: 1 } }, 'not-allowed'),
  spec('an old topology is retired', secondApplied, { type: 'RetireTopology', data: { version: 1 } }, [
    'TopologyRetired',
  ]),
  spec('the stamped one is not', applied, { type: 'RetireTopology', data: { version: 1 } }, 'in-use'),
  spec('an unknown one is retired already', applied, { type: 'RetireTopology', data: { version: 9 } }, []),
  spec(
    "a dead FNODE's flows hold their topology",
    and(secondApplied, activate(1, 1), { type: 'FailNode', data: { cluster: 1, node: 1, incarnation: 1 } }),
    { type: 'RetireTopology', data: { version: 1 } },
    'in-use',
  ),

  spec('a spare is reserved', small, reserve, ['SpareReserved']),
  spec('a workflow has its spare', and(small, reserve), reserve, []),
  spec(
    'no second spare for another',
    and(small, reserve),
    { type: 'ReserveSpare', data: { cluster: 2, node: 0, workflow: 'w2' } },
    'none-free',
  ),
  spec(
    "another's spare is refused",
    and(small, reserve),
    { type: 'ReserveSpare', data: { ...SPARE, workflow: 'w2' } },
    'in-use',
  ),
  ...roomSpecifications(),
  ...packageSpecifications(),
  spec('a member is no spare', small, { type: 'ReserveSpare', data: { ...N1, workflow: 'w1' } }, 'not-allowed'),
  spec('a spare is released', and(small, reserve), { type: 'ReleaseSpare', data: { ...SPARE, workflow: 'w1' } }, [
    'SpareReleased',
  ]),
  spec('a free spare is free', small, { type: 'ReleaseSpare', data: { ...SPARE, workflow: 'w1' } }, []),
  spec('an active node is not released', active, { type: 'ReleaseSpare', data: { ...N1, workflow: 'w1' } }, 'in-use'),
  spec('a workflow is requested', small, started, ['ProvisioningRequested']),
  spec('it is requested once', and(small, started), started, []),
  spec('a step is journalled', and(small, started), step, ['ProvisioningStepCompleted']),
  spec('a step is journalled once', and(small, started, step), step, []),
  spec('an unknown workflow has no steps', small, step, 'not-found'),
  spec('a workflow succeeds', and(small, started), ended, ['ProvisioningSucceeded']),
  spec('a workflow fails', and(small, started), failedEnd, ['ProvisioningFailed']),
  spec('it ends once', and(small, started, ended), failedEnd, []),
  spec('an ended workflow takes no step', and(small, started, ended), step, 'not-allowed'),

  spec('a leader is elected', small, { type: 'ElectLeader', data: { leader: 'MA-1' } }, ['LeaderElected']),
  spec('a nameless one is not', small, { type: 'ElectLeader', data: { leader: '' } }, 'invalid'),
  spec(
    'grown chains are anchored',
    small,
    { type: 'AnchorFlows', data: { anchors: [{ chain: '1/1@1', number: 3, hash: 'h' }] } },
    ['FlowsAnchored'],
  ),
  spec(
    'others are not',
    and(small, { type: 'AnchorFlows', data: { anchors: [{ chain: '1/1@1', number: 3, hash: 'h' }] } }),
    { type: 'AnchorFlows', data: { anchors: [{ chain: '1/1@1', number: 3, hash: 'h' }] } },
    [],
  ),
  ...cutoverSpecifications(),
  ...agentSpecifications(),
  ...autoscaleSpecifications(),
];

describe('deciding', () => {
  it.each(specifications)('$command.type: $name', ({ state, command, then }) => {
    if (typeof then === 'string') expect(refusal(state, command)).toBe(then);
    else expect(decided(state, command).map(({ type }) => type)).toEqual(then);
  });

  it('specifies every command: done, refused or needless', () => {
    const specified = new Set(specifications.map(({ command }) => command.type));
    // The compiler asks for a new command here, and the comparison for its specifications.
    const every: { readonly [Type in CommandBody['type']]: true } = {
      CreateGrid: true,
      ReconfigureGrid: true,
      CreateCluster: true,
      ReconfigureCluster: true,
      SwitchClusterMode: true,
      DeleteCluster: true,
      DiscoverNode: true,
      AdmitNode: true,
      ConfigureNode: true,
      ActivateNode: true,
      SuspectNode: true,
      FailNode: true,
      RecoverNode: true,
      DrainNode: true,
      CompleteDrain: true,
      RemoveNode: true,
      RegisterAgent: true,
      PlaceNode: true,
      DisplaceNode: true,
      CreateVirtualLink: true,
      ChangeVirtualLink: true,
      DeleteVirtualLink: true,
      ArrangeLinks: true,
      CutOverLink: true,
      ConnectLinkEnd: true,
      AllocateVlan: true,
      ReleaseVlan: true,
      AttachProbe: true,
      DetachProbe: true,
      DefineFlowPath: true,
      DeleteFlowPath: true,
      DefinePolicy: true,
      DeletePolicy: true,
      PublishTopology: true,
      ApplyTopology: true,
      PublishPackage: true,
      ReplicateFlow: true,
      StopReplication: true,
      RequestRepin: true,
      RetireTopology: true,
      JournalWorkflow: true,
      DecideAutoscale: true,
      ReserveSpare: true,
      ReleaseSpare: true,
      ElectLeader: true,
      AnchorFlows: true,
    };
    expect([...specified].sort()).toEqual(Object.keys(every).sort());
  });

  it('refuses expired commands and deadlines too far ahead', () => {
    const command = { id: 'x', by: 'operator:test', at: NOW, body: publish };
    expect(decide(active, { ...command, deadline: NOW - 1 })).toMatchObject({ reason: 'expired' });
    expect(decide(active, { ...command, deadline: NOW })).toHaveLength(1);
    expect(decide(active, { ...command, deadline: NOW + COMMAND_LIFETIME_MS + 1 })).toMatchObject({
      reason: 'invalid',
    });
  });

  it('gives each life of an FNODE a number of its own, and none to others', () => {
    const grid = and(small, activate(1, 1), activate(1, 3), activate(1));
    expect([grid.clusters[1]!.nodes[1]!.fnode, grid.clusters[3]!.nodes[1]!.fnode]).toEqual([1, 2]);
    expect(grid.clusters[2]!.nodes[1]!.fnode).toBe(0);
    const again = and(
      grid,
      { type: 'FailNode', data: { cluster: 1, node: 1, incarnation: 1 } },
      { type: 'RecoverNode', data: { cluster: 1, node: 1, incarnation: 2 } },
      { type: 'ActivateNode', data: { cluster: 1, node: 1, incarnation: 2 } },
    );
    expect(again.clusters[1]!.nodes[1]!.fnode).toBe(3);
  });

  it('lists in a topology the lives that are dead to live ones, until those are retired', () => {
    const after = and(secondApplied, fail, publish, { type: 'ApplyTopology', data: { version: 3 } });
    expect(after.topology.dead).toEqual([{ chain: '2/1@1', version: 2 }]);
    const retired = and(
      after,
      { type: 'RetireTopology', data: { version: 1 } },
      { type: 'RetireTopology', data: { version: 2 } },
    );
    expect(retired.topology.dead).toEqual([]);
  });
});
