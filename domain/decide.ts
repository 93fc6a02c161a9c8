import { displaceNode, placeNode, registerAgent } from './agent/decide';
import { decideAutoscale } from './autoscale/decide';
import { unreachable } from './base/errors';
import { createCluster, deleteCluster, reconfigureCluster } from './cluster/decide';
import { switchClusterMode } from './cluster/switch-mode';
import { COMMAND_LIFETIME_MS, type Command } from './commands';
import type { TopologyEvent } from './events';
import { createGrid, reconfigureGrid } from './grid/decide';
import type { GridState } from './grid-state';
import { electLeader } from './leadership/decide';
import { arrangeLinks } from './link/arrange';
import { changeLink, createLink, deleteLink } from './link/decide';
import { connectLinkEnd, cutOverLink } from './link/ends';
import { allocateVlan, releaseVlan } from './link/vlan-manager';
import { anchorFlows } from './log/decide';
import { reject, type Decision } from './message';
import {
  activateNode,
  admitNode,
  completeDrain,
  configureNode,
  discoverNode,
  drainNode,
  failNode,
  recoverNode,
  removeNode,
  suspectNode,
} from './node/decide';
import { attachProbe, detachProbe } from './probe/decide';
import { publishPackage } from './package/decide';
import { defineFlowPath, deleteFlowPath } from './path/decide';
import { definePolicy, deletePolicy } from './policy/decide';
import { journalWorkflow, releaseSpare, reserveSpare } from './provisioning/decide';
import { replicateFlow, stopReplication } from './replication/decide';
import { applyTopology, publishTopology, requestRepin, retireTopology } from './topology/decide';

/**
 * What a command leads to in this state: the events of one commit (none: the grid already is as wanted), or a refusal.
 * Pure: the same state and command give the same decision, on every machine and on every replay.
 */
export function decide(state: GridState, command: Command): Decision<TopologyEvent> {
  const { at, deadline } = command;
  if (deadline < at)
    return reject('expired', `command ${command.id}: its deadline ${deadline} has passed (it is ${at})`);
  if (deadline > at + COMMAND_LIFETIME_MS) {
    return reject('invalid', `command ${command.id}: a deadline lies at most ${COMMAND_LIFETIME_MS} ms ahead`);
  }
  return decideBody(state, command);
}

function decideBody(state: GridState, { body, at }: Command): Decision<TopologyEvent> {
  switch (body.type) {
    case 'CreateGrid':
      return createGrid(state, body.data);
    case 'ReconfigureGrid':
      return reconfigureGrid(state, body.data);
    case 'CreateCluster':
      return createCluster(state, body.data);
    case 'ReconfigureCluster':
      return reconfigureCluster(state, body.data);
    case 'SwitchClusterMode':
      return switchClusterMode(state, body.data);
    case 'DeleteCluster':
      return deleteCluster(state, body.data.cluster);
    case 'DiscoverNode':
      return discoverNode(state, body.data);
    case 'AdmitNode':
      return admitNode(state, body.data);
    case 'ConfigureNode':
      return configureNode(state, body.data);
    case 'ActivateNode':
      return activateNode(state, body.data, at);
    case 'SuspectNode':
      return suspectNode(state, body.data, at);
    case 'FailNode':
      return failNode(state, body.data, at);
    case 'RecoverNode':
      return recoverNode(state, body.data);
    case 'DrainNode':
      return drainNode(state, body.data, at);
    case 'CompleteDrain':
      return completeDrain(state, body.data, at);
    case 'RemoveNode':
      return removeNode(state, body.data);
    case 'RegisterAgent':
      return registerAgent(state, body.data);
    case 'PlaceNode':
      return placeNode(state, body.data);
    case 'DisplaceNode':
      return displaceNode(state, body.data);
    case 'CreateVirtualLink':
      return createLink(state, body.data, at);
    case 'ChangeVirtualLink':
      return changeLink(state, body.data, at);
    case 'DeleteVirtualLink':
      return deleteLink(state, body.data.link);
    case 'ArrangeLinks':
      return arrangeLinks(state, body.data, at);
    case 'CutOverLink':
      return cutOverLink(state, body.data, at);
    case 'ConnectLinkEnd':
      return connectLinkEnd(state, body.data);
    case 'AllocateVlan':
      return allocateVlan(state, body.data, at);
    case 'ReleaseVlan':
      return releaseVlan(state, body.data.vlan);
    case 'AttachProbe':
      return attachProbe(state, body.data);
    case 'DetachProbe':
      return detachProbe(state, body.data.probe);
    case 'DefineFlowPath':
      return defineFlowPath(state, body.data);
    case 'DeleteFlowPath':
      return deleteFlowPath(state, body.data.path);
    case 'DefinePolicy':
      return definePolicy(state, body.data);
    case 'DeletePolicy':
      return deletePolicy(state, body.data.policy);
    case 'PublishTopology':
      return publishTopology(state, at);
    case 'ApplyTopology':
      return applyTopology(state, body.data.version, at);
    case 'ReplicateFlow':
      return replicateFlow(state, body.data);
    case 'StopReplication':
      return stopReplication(state, body.data.flow);
    case 'PublishPackage':
      return publishPackage(state, body.data);
    case 'RequestRepin':
      return requestRepin(state, body.data.version);
    case 'RetireTopology':
      return retireTopology(state, body.data.version, at);
    case 'JournalWorkflow':
      return journalWorkflow(state, body.data.workflow, body.data.entry);
    case 'ReserveSpare':
      return reserveSpare(state, body.data);
    case 'ReleaseSpare':
      return releaseSpare(state, body.data);
    case 'DecideAutoscale':
      return decideAutoscale(state, body.data, at);
    case 'ElectLeader':
      return electLeader(state, body.data.leader);
    case 'AnchorFlows':
      return anchorFlows(state, body.data.anchors);
    default:
      return unreachable(body);
  }
}
