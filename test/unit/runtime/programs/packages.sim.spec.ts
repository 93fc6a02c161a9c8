import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeRef } from '../../../../domain/base/ids';
import type { CommandBody } from '../../../../domain/commands';
import { PackageStore } from '../../../../runtime/agent/package-store';
import { bundleOf, functionSource } from '../../../support/bundles';
import { WorkflowWorld } from '../../../support/workflow-world';
import { FILTER, smallGridCommands } from '../control/small-grid';

const good = bundleOf('1.0.0', functionSource(''));
const throwing = bundleOf('2.0.0', functionSource('throw new Error()'));
let directory: string;

beforeEach(() => void (directory = mkdtempSync(join(tmpdir(), 'flowgrid-packages-'))));
afterEach(() => rmSync(directory, { recursive: true }));

function publish({ text, digest }: typeof good, sha256 = digest.sha256): CommandBody {
  return { type: 'PublishPackage', data: { ...digest, sha256, bundle: text } };
}

function runs(version: string): CommandBody {
  const filter = smallGridCommands().find((body) => body.type === 'CreateCluster' && body.data.id === FILTER);
  const { data } = filter as Extract<CommandBody, { type: 'CreateCluster' }>;
  const config = { package: `marker@${version}` };
  return { type: 'ReconfigureCluster', data: { ...data, function: { name: 'package', config } } };
}

/** The small grid, whose filter is a package of which `h1` runs two nodes; `spare` has room for one. */
async function packagedGrid(seed: number): Promise<WorkflowWorld> {
  const world = new WorkflowWorld(seed);
  world.bus.setFaults({ drop: 0.1, repeat: 0.1, reorder: 0.1, reorderMs: 40 });
  await world.leadWorkflows();
  await world.createGrid();
  const offer = { networks: [], functions: ['package'] };
  const store = (name: string): PackageStore => new PackageStore(join(directory, name));
  world.begin('edge', { pinned: ['IA-1', 'IC-1'], capacity: 2 });
  world.begin('h1', { ...offer, pinned: ['AB-1', 'AB-2'], capacity: 2 }, { packages: store('h1') });
  world.begin('spare', { ...offer, capacity: 1 }, { packages: store('spare') });
  await world.until(() => Object.keys(world.leader.plane.state.agents).length === 3, 20_000);
  for (const body of [publish(good), runs('1.0.0')]) {
    expect(await world.command(body)).toMatchObject({ status: 'accepted' });
  }
  for (const body of smallGridCommands(2)) {
    if (body.type === 'AdmitNode' && !body.data.spare) await world.command(body);
  }
  expect(await world.until(() => world.isOne, 30_000)).toBe(true);
  return world;
}

const installed = (agent: string): string[] => readdirSync(join(directory, agent));

describe('FG-386: function packages in a grid of agents whose bus loses, repeats and reorders', () => {
  it('a spare fetches the package before it becomes a node', async () => {
    const world = await packagedGrid(1);
    expect(installed('h1')).toEqual([`${good.digest.sha256}.json`]);
    expect(installed('spare')).toEqual([]);
    expect(await world.run('scaleOut', { cluster: FILTER, node: 0 })).toBe('succeeded');
    expect(world.livesOn('spare')).toEqual([nodeRef(FILTER, 3)]);
    expect(installed('spare')).toEqual([`${good.digest.sha256}.json`]);
    expect(world.leader.plane.state.topology.latest!.packages).toEqual([good.digest]);
    expect(world.failures).toEqual([]);
  });

  it.each([
    ['are not those of the log', publish(throwing, good.digest.sha256.replace(/./g, 'b')), /SHA-256 .*, not b+$/],
    ['throw on frames', publish(throwing), /AB-3: function package: threw on 3 of 3 probes/],
  ])('a spare whose bytes %s does not begin, nothing stays installed, and it is free again', async (_, body, why) => {
    const world = await packagedGrid(2);
    for (const each of [body, runs('2.0.0')]) expect(await world.command(each)).toMatchObject({ status: 'accepted' });
    expect(await world.run('scaleOut', { cluster: FILTER, node: 0 })).toBe('failed');
    expect(world.agents.get('spare')!.told.at(-1)).toMatch(why);
    expect(installed('spare')).toEqual([]);
    expect(world.livesOn('spare')).toEqual([]);
    expect(world.members(FILTER)).toEqual([1, 2]);
    // What runs goes on with what it has.
    expect(world.livesOn('h1')).toEqual([nodeRef(FILTER, 1), nodeRef(FILTER, 2)]);
    await world.command(runs('1.0.0'));
    expect(await world.run('scaleOut', { cluster: FILTER, node: 0 })).toBe('succeeded');
    expect(installed('spare')).toEqual([`${good.digest.sha256}.json`]);
    expect(world.failures).toEqual([]);
  });
});
