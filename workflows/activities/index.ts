import type { Activities, Activity } from '../../domain/seams/workflow-engine';
import { joinLinks, leaveLinks } from './links';
import { awaitHealthy, checkMember, drainNode, installFunction, rejoinCluster } from './nodes';
import type { ProvisioningPort } from './port';
import { publishTopology } from './publication';
import { forgetNode, releaseSpare, reserveSpare, withdrawNode } from './spares';
import { awaitTrial, buildTrial, feedTrial, planClone, removeTrial, starveTrial } from './trials';
import { compareFlows, planUpgrade, restartNode, rollBack, setFunction } from './upgrades';

/** An activity before it is given the control plane. */
export type PortedActivity<Input> = (
  port: ProvisioningPort,
  input: Input,
  activityId: string,
  cancelled?: AbortSignal,
) => Promise<unknown>;

/**
 * Every activity of flowgrid, on one control plane. Each looks at the grid first and asks only for what is missing, and
 * its commands carry ids made from its own, so that running it again is harmless.
 */
export function createActivities(port: ProvisioningPort): Activities {
  const on =
    <Input>(activity: PortedActivity<Input>): Activity =>
    (input, activityId, cancelled) =>
      activity(port, input as Input, activityId, cancelled);
  return {
    reserveSpare: on(reserveSpare),
    releaseSpare: on(releaseSpare),
    withdrawNode: on(withdrawNode),
    forgetNode: on(forgetNode),
    installFunction: on(installFunction),
    joinLinks: on(joinLinks),
    leaveLinks: on(leaveLinks),
    awaitHealthy: on(awaitHealthy),
    checkMember: on(checkMember),
    drainNode: on(drainNode),
    rejoinCluster: on(rejoinCluster),
    publishTopology: on(publishTopology),
    planClone: on(planClone),
    buildTrial: on(buildTrial),
    awaitTrial: on(awaitTrial),
    feedTrial: on(feedTrial),
    starveTrial: on(starveTrial),
    removeTrial: on(removeTrial),
    planUpgrade: on(planUpgrade),
    compareFlows: on(compareFlows),
    setFunction: on(setFunction),
    restartNode: on(restartNode),
    rollBack: on(rollBack),
  };
}

export type { FunctionCounts, ProvisioningPort } from './port';
