import { unreachable } from '../domain/base/errors';
import type { AutoscaleEvent, TopologyEvent, TopologyLifeEvent } from '../domain/events';
import { describeAutoscale } from './describe-autoscale';
import { changesPath, type FlowEvent } from '../domain/flow/events';
import type { GridState } from '../domain/grid-state';
import { otherEnd, type Cutover } from '../domain/link/cutover';
import type { TopologyChanges } from '../domain/topology/changes';
import { flowName, type Names } from './names';

/** Takes from an event the names that it gives. Call in the order of the log, before {@link describe}. */
export function learnNames(names: Names, event: TopologyEvent): void {
  switch (event.type) {
    case 'GridCreated':
    case 'GridReconfigured':
      return names.learn({ networks: event.data.networks });
    case 'ClusterCreated':
    case 'ClusterReconfigured':
      return names.learn({ clusters: [event.data] });
    case 'VirtualLinkCreated':
    case 'VirtualLinkChanged':
      return names.learn({ links: [event.data] });
    case 'FlowPathDefined':
      return names.learn({ paths: [event.data] });
    case 'PolicyDefined':
      return names.learn({ policies: [event.data] });
    case 'TopologyPublished':
      return learnChanges(names, event.data.changes);
    default:
      return undefined;
  }
}

function learnChanges(names: Names, { settings, clusters, links, paths, policies }: TopologyChanges): void {
  names.learn({
    networks: settings?.networks ?? [],
    clusters: clusters?.set ?? [],
    links: links?.set ?? [],
    paths: paths?.set ?? [],
    policies: policies?.set ?? [],
  });
}

/** Takes from a state the names of all that it holds: what {@link learnNames} would have learned, but for what is gone. */
export function learnState(names: Names, { grid, clusters, links, paths, policies }: GridState): void {
  names.learn({
    networks: grid?.networks ?? [],
    clusters: Object.values(clusters).map(({ settings }) => settings),
    links: Object.values(links.links),
    paths: Object.values(paths),
    policies: Object.values(policies),
  });
}

/** An event of the `topology` stream as one readable phrase. */
export function describe(event: TopologyEvent, names: Names): string {
  switch (event.type) {
    case 'NodeDiscovered':
    case 'NodeAdmitted':
    case 'NodeConfigured':
    case 'NodeActivated':
    case 'NodeSuspected':
    case 'NodeFailed':
    case 'NodeRecovered':
    case 'NodeDraining':
    case 'NodeDrained':
    case 'NodeRemoved':
    case 'NodePlaced':
    case 'NodeDisplaced':
    case 'SpareReserved':
    case 'SpareReleased':
      return describeNode(event, names);
    case 'TopologyPublished':
    case 'TopologyApplied':
    case 'TopologyRepinRequested':
    case 'LiveFlowsSwitched':
    case 'TopologyRetired':
      return describeTopology(event, names);
    case 'ProvisioningRequested':
    case 'ProvisioningStepCompleted':
    case 'ProvisioningSucceeded':
    case 'ProvisioningFailed':
      return describeProvisioning(event);
    case 'AutoscaleDecided':
      return describeAutoscale(event, names);
    default:
      return describeDefinition(event, names);
  }
}

type NodeLifeEvent = Extract<TopologyEvent, { type: `Node${string}` | `Spare${string}` }>;
type WorkflowEvent = Extract<TopologyEvent, { type: `Provisioning${string}` }>;
type Definition = Exclude<TopologyEvent, NodeLifeEvent | TopologyLifeEvent | WorkflowEvent | AutoscaleEvent>;

function describeNode(event: NodeLifeEvent, names: Names): string {
  const name = names.address(event.data);
  switch (event.type) {
    case 'NodeDiscovered':
      return `${name} said hello for the first time`;
    case 'NodeAdmitted':
      if (event.data.lent === true) return `${name} was made for the free room of an agent`;
      return `${name} was admitted as ${event.data.spare ? 'a spare' : 'a member'}`;
    case 'NodeConfigured':
      return `${name} was configured, weight ${event.data.weight}`;
    case 'NodeActivated':
      return `${name} became active (incarnation ${event.data.incarnation})`;
    case 'NodeSuspected':
      return `${name} fell silent and is suspected`;
    case 'NodeFailed':
      return `${name} failed (incarnation ${event.data.incarnation})`;
    case 'NodeRecovered':
      return `${name} is back (incarnation ${event.data.incarnation})`;
    case 'NodeDraining':
      return `${name} gets no new flows`;
    case 'NodeDrained':
      return `${name} is drained${event.data.forced ? ' by its deadline' : ''}`;
    case 'NodeRemoved':
      return `${name} was removed`;
    case 'NodePlaced':
      return `${name} is to live with ${event.data.agent} (incarnation ${event.data.incarnation})`;
    case 'NodeDisplaced':
      return `${name} lives with ${event.data.agent} no longer`;
    case 'SpareReserved':
      return `${name} was reserved by ${event.data.workflow}`;
    case 'SpareReleased':
      return `${name} returned to the spares`;
    default:
      return unreachable(event);
  }
}

function describeTopology(event: TopologyLifeEvent, names: Names): string {
  switch (event.type) {
    case 'TopologyPublished':
      return `topology ${event.data.version} was published under ID ${event.data.wireId}`;
    case 'TopologyApplied':
      return `topology ${event.data.version} is installed everywhere, after ${event.data.tookMs} ms`;
    case 'TopologyRepinRequested':
      return event.data.modes === true
        ? `flows of topology ${event.data.version} shall take the modes of ID ${event.data.toWireId}`
        : `flows of topology ${event.data.version} shall move to ID ${event.data.toWireId}`;
    case 'LiveFlowsSwitched':
      return `mode ${event.data.mode} of cluster ${names.cluster(event.data.cluster)} shall hold for flows that live`;
    case 'TopologyRetired':
      return `topology ${event.data.version} was retired, ID ${event.data.wireId} is free again`;
    default:
      return unreachable(event);
  }
}

function describeProvisioning({ type, data }: WorkflowEvent): string {
  switch (type) {
    case 'ProvisioningRequested':
      return `${data.workflow} was requested`;
    case 'ProvisioningStepCompleted':
      return `${data.workflow}: ${'step' in data.entry ? data.entry.step : data.entry.kind}`;
    case 'ProvisioningSucceeded':
      return `${data.workflow} succeeded`;
    case 'ProvisioningFailed':
      return `${data.workflow} failed and was undone`;
    default:
      return unreachable(type);
  }
}

function describeDefinition(event: Definition, names: Names): string {
  switch (event.type) {
    case 'GridCreated':
      return `grid ${event.data.name} was created`;
    case 'GridReconfigured':
      return `grid ${event.data.name} was reconfigured`;
    case 'ClusterCreated':
      return `cluster ${event.data.name} was created (${event.data.failure}, ${event.data.selector}, ${event.data.function.name})`;
    case 'ClusterReconfigured':
      return `cluster ${event.data.name} was reconfigured (${event.data.failure}, ${event.data.selector}, ${event.data.mode})`;
    case 'ClusterDeleted':
      return `cluster ${names.cluster(event.data.cluster)} was deleted`;
    case 'PackagePublished':
      return `package ${event.data.name}@${event.data.version} was published (${event.data.sha256.slice(0, 16)})`;
    case 'VirtualLinkCreated':
      return `link ${event.data.name} was created (${event.data.kind})`;
    case 'VirtualLinkChanged':
      return `link ${event.data.name} was changed`;
    case 'VirtualLinkDeleted':
      return `link ${names.link(event.data.link)} was deleted`;
    case 'VirtualLinkCutOver':
      return `link ${names.link(event.data.link)} has its ${event.data.connected} connected (${cutoverText(event.data)})`;
    case 'VlanAllocated':
      return `VLAN ${event.data.vlan} was given to link ${names.link(event.data.link)}`;
    case 'VlanReleased':
      return `VLAN ${event.data.vlan} was released`;
    case 'ProbeAttached': {
      const { name, link, network } = event.data;
      const where = network === undefined ? `link ${names.link(link)}` : `network ${names.network(network)}`;
      return `probe ${name} was attached to ${where}`;
    }
    case 'ProbeDetached':
      return `probe ${event.data.probe} was detached`;
    case 'PolicyDefined':
      return `policy ${event.data.name} was defined (${event.data.typeName})`;
    case 'PolicyDeleted':
      return `policy ${event.data.policy} was deleted`;
    case 'ReplicationRequested':
      return `flow ${flowName(event.data.flow)} shall be replicated to path ${event.data.path}`;
    case 'ReplicationStopped':
      return `flow ${flowName(event.data.flow)} shall be replicated no more`;
    case 'FlowPathDefined':
      return `path ${event.data.name} was defined`;
    case 'FlowPathDeleted':
      return `path ${names.path(event.data.path)} was deleted`;
    case 'AgentRegistered':
      return `agent ${event.data.agent} registered at ${event.data.address}, room for ${event.data.capacity} nodes`;
    case 'LeaderElected':
      return `${event.data.leader} leads (epoch ${event.data.epoch})`;
    case 'FlowsAnchored':
      return `${event.data.anchors.length} flow chains were anchored`;
    default:
      return unreachable(event);
  }
}

/** Why another end of a resilient link is connected, in words. */
export function cutoverText({ connected, because }: Pick<Cutover, 'connected' | 'because'>): string {
  const other = otherEnd(connected);
  switch (because) {
    case undefined:
      return 'from the beginning';
    case 'failed':
      return `the ${other} failed`;
    case 'drained':
      return `the ${other} takes no new flows`;
    case 'absent':
      return `the ${other} has not come yet`;
    case 'restored':
      return `the ${connected} is back`;
    case 'operator':
      return 'an operator wanted it';
    default:
      return unreachable(because);
  }
}

/** An event of a flow chain as one readable phrase. */
export function describeFlow(event: FlowEvent, names: Names): string {
  const flow = `flow ${flowName(event.flow)}`;
  switch (event.type) {
    case 'FlowStarted':
      return event.path === 0
        ? `${flow} (${names.type(event.flowType)}) started at ${names.node(event.route[0] ?? 0)}`
        : `${flow} (${names.type(event.flowType)}) started at ${names.network(event.network)} on ${names.path(event.path)}`;
    case 'FlowEnded':
      return `${flow} ended (${event.end})`;
    case 'FlowTakenOver':
      return `${flow} was taken over from ${names.node(event.from)} by ${names.node(event.to)}`;
    case 'FlowRerouted':
      if (changesPath(event)) {
        const why = event.reason === 'mode' ? "its cluster's mode was switched" : 'diverted';
        return event.to === 0
          ? `${flow} goes past ${names.node(event.from)} from now on (${why})`
          : `${flow} goes from ${names.node(event.from)} to ${names.node(event.to)} from now on (${why})`;
      }
      return event.to === 0
        ? `${flow} was given up at ${names.node(event.from)} (${event.reason})`
        : `${flow} was rerouted from ${names.node(event.from)} to ${names.node(event.to)} (${event.reason})`;
    case 'FlowRepinned':
      return `${flow} was re-pinned from topology ID ${event.fromWireId} to ${event.toWireId}`;
    case 'FlowReplicated':
      return `${flow} was replicated as ${flowName(event.clone)}`;
    case 'FlowBound':
      return `${flow} was opened by the function of ${names.node(event.by)}, because of flow ${flowName(event.parent)}`;
    case 'CloneStarted':
      return `${flow} started on ${names.path(event.path)} as the clone of ${flowName(event.original)}`;
    case 'CloneCompared': {
      const [original, clone] = event.frames;
      const what = `${event.direction}, ${event.compared} frames of ${original} and ${clone}`;
      return `${flow} was compared with ${flowName(event.original)} (${what}): ${event.differing} differ`;
    }
    case 'FloodBegan':
      return event.cause === 'rate'
        ? 'more flows began than the grid may remember: new ones are carried without an entry'
        : 'a table has no room left: new flows are carried without an entry';
    case 'FloodEnded':
      return `new flows get entries again, after ${event.frames} frames without one`;
    default:
      return unreachable(event);
  }
}
