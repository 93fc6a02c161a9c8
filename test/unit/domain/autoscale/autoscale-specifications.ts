import type { AutoscaleDecision } from '../../../../domain/autoscale/events';
import type { AutoscaleSettings } from '../../../../domain/autoscale/settings';
import type { CommandBody } from '../../../../domain/commands';
import { smallGridCommands } from '../../runtime/control/small-grid';
import { and, givenSmallGrid, NOW, spec, type Specification } from '../given';
import { settings } from './steered-cluster';

const FILTER = 2;
const [, , createFilter] = smallGridCommands() as Extract<CommandBody, { type: 'CreateCluster' }>[];

/** Gives the small grid's filter settings; none: they are taken away. */
export function steer(autoscale?: AutoscaleSettings): CommandBody {
  return {
    type: 'ReconfigureCluster',
    data: { ...createFilter!.data, ...(autoscale === undefined ? {} : { autoscale }) },
  };
}

/** A decision about the small grid's filter. */
export function decision(changes: Partial<AutoscaleDecision>): Extract<CommandBody, { type: 'DecideAutoscale' }> {
  const data: AutoscaleDecision = {
    cluster: FILTER,
    verdict: 'out',
    why: 'load',
    from: 3,
    to: 4,
    nodes: [4],
    metric: 'activeFlows',
    demand: 2_700,
    load: 900,
    expected: 675,
    least: 1,
    most: 4,
    below: 500,
    above: 800,
    windowMs: 2_000,
    measured: [],
    ...changes,
  };
  return { type: 'DecideAutoscale', data };
}

/** A workflow of the change that commit `seq` decided, and how it ended. */
export function stepOf(seq: number, step: number, status?: 'succeeded' | 'failed'): CommandBody[] {
  const workflow = `autoscale/${FILTER}/${seq}/${step}`;
  const began = { kind: 'started', name: 'scaleOut', input: {}, at: NOW } as const;
  return [
    { type: 'JournalWorkflow', data: { workflow, entry: began } },
    ...(status === undefined
      ? []
      : [{ type: 'JournalWorkflow', data: { workflow, entry: { kind: 'ended', status, at: NOW } } } as const]),
  ];
}

const grown = decision({});
const shrunk = decision({ verdict: 'in', to: 2, nodes: [3] });
const still = decision({ verdict: 'stay', why: 'at-maximum', to: 3, nodes: [] });
const steering = settings({ min: 2, max: 4 });
export const steered = givenSmallGrid(steer(steering));
const afterGrowing = and(steered, grown);

export function autoscaleSpecifications(): readonly Specification[] {
  const rested = settings({ min: 2, max: 4, cooldown: { outMs: 0, inMs: 0 } });
  const restless = givenSmallGrid(steer(rested));
  const restlessGrown = and(restless, grown);
  return [
    spec('FG-350: an autoscaled cluster has settings', givenSmallGrid(), steer(steering), ['ClusterReconfigured']),
    spec('FG-350: the same settings change nothing', steered, steer(steering), []),
    spec('FG-350: settings are checked', steered, steer(settings({ min: 5, max: 4 })), 'invalid'),
    spec('FG-350: a band has two edges', steered, steer(settings({ above: 50, below: 50 })), 'invalid'),
    spec('FG-350: something must be measured', steered, steer(settings({ target: {} })), 'invalid'),
    spec('FG-350: a target is measured', steered, steer(settings({ target: { mood: 3 } as object })), 'invalid'),
    spec('FG-350: a target is a count', steered, steer(settings({ target: { activeFlows: 0 } })), 'invalid'),
    spec('FG-350: a window lasts', steered, steer(settings({ windowMs: 0 })), 'invalid'),
    spec(
      'FG-350: a schedule has days',
      steered,
      steer(settings({ schedule: [{ from: 0, until: 9, days: [], nodes: 1, aheadMinutes: 0 }] })),
      'invalid',
    ),
    spec(
      'FG-350: INODEs are not autoscaled',
      steered,
      { type: 'CreateCluster', data: { ...createFilter!.data, id: 9, name: 'IX', role: 'inode', autoscale: steering } },
      'not-allowed',
    ),

    spec('FG-350: a decision is taken down with its numbers', steered, grown, ['AutoscaleDecided']),
    spec('FG-350: and one to shrink', steered, shrunk, ['AutoscaleDecided']),
    spec('FG-350: and one to stay', steered, still, ['AutoscaleDecided']),
    spec('no decision about nobody', steered, decision({ cluster: 9 }), 'not-found'),
    spec('no decision without settings', givenSmallGrid(), grown, 'not-allowed'),
    spec('FG-351: none about a count that is over', steered, decision({ from: 2, to: 3 }), 'stale'),
    spec('a verdict is one with its numbers', steered, decision({ verdict: 'in' }), 'invalid'),
    spec('to stay is to stay', steered, decision({ verdict: 'stay' }), 'invalid'),
    spec('a change names its nodes', steered, decision({ nodes: [] }), 'invalid'),
    spec('FG-351: no more than at most', and(steered, steer(settings({ max: 3 }))), grown, 'not-allowed'),
    spec('FG-351: no fewer than at least', and(steered, steer(settings({ min: 3 }))), shrunk, 'not-allowed'),
    spec('FG-351: only spares join', steered, decision({ nodes: [3] }), 'not-allowed'),
    spec('FG-351: only members leave', steered, { ...shrunk, data: { ...shrunk.data, nodes: [4] } }, 'not-allowed'),
    spec('FG-352: no change before the last has cooled down', afterGrowing, shrunk, 'not-allowed'),
    spec('FG-352: no change before the last was requested', restlessGrown, shrunk, 'in-use'),
    spec('FG-352: none while it is carried out', and(restlessGrown, ...stepOf(restlessGrown.seq, 1)), shrunk, 'in-use'),
    spec('FG-352: one when it is done', and(restlessGrown, ...stepOf(restlessGrown.seq, 1, 'succeeded')), shrunk, [
      'AutoscaleDecided',
    ]),
    spec('FG-352: or has failed', and(restlessGrown, ...stepOf(restlessGrown.seq, 1, 'failed')), grown, [
      'AutoscaleDecided',
    ]),
    spec('FG-350: settings that return begin anew', and(afterGrowing, steer(), steer(steering)), shrunk, [
      'AutoscaleDecided',
    ]),
  ];
}
