import { nodeRef } from '../../../../domain/base/ids';
import type { CommandBody } from '../../../../domain/commands';
import { WorkflowWorld } from '../../../support/workflow-world';
import { EGRESS, FILTER, INGRESS, smallGridCommands } from '../control/small-grid';

const FIREWALL = FILTER;
const IDS = 4;

/** A firewall and an IDS of one node each, and an agent with room for one node of either. */
async function dayAndNight(): Promise<WorkflowWorld> {
  const world = new WorkflowWorld(1);
  await world.leadWorkflows();
  await world.createGrid();
  world.begin('edge', { pinned: ['IA-1', 'IC-1'], capacity: 2 });
  world.begin('h1', { networks: [], pinned: ['AB-1', 'IDS-1'], functions: ['packet-filter', 'ids'], capacity: 2 });
  world.begin('spare', { networks: [], functions: ['packet-filter', 'ids'], capacity: 1 });
  await world.until(() => Object.keys(world.leader.plane.state.agents).length === 3, 20_000);
  for (const body of gridCommands()) expect(await world.command(body)).toMatchObject({ status: 'accepted' });
  expect(await world.until(() => world.isOne, 20_000)).toBe(true);
  return world;
}

function gridCommands(): CommandBody[] {
  const commands = smallGridCommands();
  const filter = commands.find((body) => body.type === 'CreateCluster' && body.data.id === FILTER);
  const { data } = filter as Extract<CommandBody, { type: 'CreateCluster' }>;
  const functionOf = (name: string): typeof data.function => ({ name, config: {} });
  const admit = (cluster: number): CommandBody => ({
    type: 'AdmitNode',
    data: { cluster, node: 1, weight: 1, spare: false },
  });
  return [
    { type: 'ReconfigureCluster', data: { ...data, function: functionOf('packet-filter') } },
    { type: 'CreateCluster', data: { ...data, id: IDS, name: 'IDS', function: functionOf('ids') } },
    {
      type: 'DefineFlowPath',
      data: { id: 1, name: 'main', from: [1], to: 2, clusters: [INGRESS, FIREWALL, IDS, EGRESS] },
    },
    ...[INGRESS, FIREWALL, IDS, EGRESS].map(admit),
  ];
}

describe('FG-381: hardware that is nobody’s', () => {
  it('serves the firewall by day and the IDS by night', async () => {
    const world = await dayAndNight();
    expect(world.livesOn('spare')).toEqual([]);
    expect(await world.run('scaleOut', { cluster: FIREWALL, node: 0 })).toBe('succeeded');
    expect(world.members(FIREWALL)).toEqual([1, 2]);
    expect(world.livesOn('spare')).toEqual([nodeRef(FIREWALL, 2)]);
    // Its only room is taken.
    expect(await world.run('scaleOut', { cluster: IDS, node: 0 })).toBe('failed');
    expect(world.members(IDS)).toEqual([1]);

    expect(await world.run('scaleIn', { cluster: FIREWALL, node: 2 })).toBe('succeeded');
    expect(await world.run('scaleOut', { cluster: IDS, node: 0 })).toBe('succeeded');
    expect([world.members(FIREWALL), world.members(IDS)]).toEqual([[1], [1, 2]]);
    expect(await world.until(() => world.livesOn('spare').length === 1, 5_000)).toBe(true);
    expect(world.livesOn('spare')).toEqual([nodeRef(IDS, 2)]);

    expect(await world.run('scaleIn', { cluster: IDS, node: 2 })).toBe('succeeded');
    expect(await world.run('scaleOut', { cluster: FIREWALL, node: 0 })).toBe('succeeded');
    expect(await world.until(() => world.livesOn('spare').includes(nodeRef(FIREWALL, 2)), 5_000)).toBe(true);
    expect(world.failures).toEqual([]);
  });

  it('goes back to its agent when the node never becomes healthy', async () => {
    const world = await dayAndNight();
    world.agents.get('spare')!.bus.isCut = true;
    expect(await world.run('scaleOut', { cluster: FIREWALL, node: 0 })).toBe('failed');
    expect(world.statusOf(FIREWALL, 2)).toBe('removed');
    expect(world.members(FIREWALL)).toEqual([1]);
    world.agents.get('spare')!.bus.isCut = false;
    await world.pass(2_000);
    expect(await world.run('scaleOut', { cluster: IDS, node: 0 })).toBe('succeeded');
    expect(world.livesOn('spare')).toEqual([nodeRef(IDS, 2)]);
  });
});
