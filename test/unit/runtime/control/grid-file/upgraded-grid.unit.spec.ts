import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createMemoryLog } from '../../../../../adapters/log/memory';
import { SimClock } from '../../../../../adapters/sim/sim-clock';
import type { CommandBody } from '../../../../../domain/commands';
import type { PublishPackage } from '../../../../../domain/package/commands';
import { canaryOf } from '../../../../../domain/provisioning/trial';
import { createControlPlane, type ControlPlane } from '../../../../../runtime/control/control-plane';
import { applyDesired, loadGridFile, planCommands } from '../../../../../runtime/control/grid-file';

const FILE = 'figure-4.yaml';
const AB = 5;
const FIGURE_4 = readFileSync(join(__dirname, '../../../../../examples', FILE), 'utf8');

class Grid {
  private commands = 0;

  private constructor(
    readonly plane: ControlPlane,
    private readonly clock: SimClock,
  ) {}

  static async up(): Promise<Grid> {
    const clock = new SimClock(1_000);
    const plane = createControlPlane({ log: createMemoryLog(), clock, timers: clock, name: 'MA-1' });
    await plane.start();
    await applyDesired(plane, loadGridFile(FIGURE_4, FILE), { by: 'operator:test', clock });
    return new Grid(plane, clock);
  }

  async do(body: CommandBody): Promise<void> {
    const request = { id: `test/${++this.commands}`, by: 'operator:test', deadline: this.clock.now() + 1_000, body };
    expect(await this.plane.submit(request)).toMatchObject({ status: 'accepted' });
    await this.plane.settle();
  }

  /** What reading the file asks for, whose cluster AB runs the given package. */
  planned(version?: string): CommandBody[] {
    const desired = loadGridFile(FIGURE_4, FILE);
    const spec = { name: 'package', config: { package: `marker@${version}` } };
    const clusters = desired.clusters.map((each) =>
      each.id === AB && version !== undefined ? { ...each, function: spec } : each,
    );
    return planCommands(this.plane.state, { ...desired, clusters });
  }

  async runs(version: string): Promise<void> {
    const { settings } = this.plane.state.clusters[AB]!;
    const spec = { name: 'package', config: { package: `marker@${version}` } };
    await this.do({ type: 'ReconfigureCluster', data: { ...settings, function: spec } });
  }
}

const publish = (version: string): PublishPackage => ({
  type: 'PublishPackage',
  data: { name: 'marker', version, sha256: 'a'.repeat(64), bytes: 2, bundle: '{}' },
});

describe('FG-389: reading a grid file', () => {
  it('leaves a trial to its workflow', async () => {
    const grid = await Grid.up();
    const trial = canaryOf(grid.plane.state, { cluster: 'AB', function: { name: 'ids', config: {} } });
    for (const data of trial.clusters) await grid.do({ type: 'CreateCluster', data });
    for (const data of trial.links) await grid.do({ type: 'CreateVirtualLink', data });
    for (const data of trial.paths) await grid.do({ type: 'DefineFlowPath', data });
    for (const { after: data } of trial.rerouted) await grid.do({ type: 'DefineFlowPath', data });
    for (const { after: data } of trial.policies) await grid.do({ type: 'DefinePolicy', data });
    const { cluster, node, weight } = trial.nodes[0]!;
    await grid.do({ type: 'AdmitNode', data: { cluster, node, weight, spare: false } });
    expect(trial.policies.length).toBeGreaterThan(0);
    expect(grid.planned()).toEqual([]);
  });

  it.each(['0.9.0', '1.9.10', '1.10.0-rc.1'])('does not undo an upgrade to 1.10.0 when it says %s', async (version) => {
    const grid = await Grid.up();
    await grid.do(publish('1.10.0'));
    await grid.runs('1.10.0');
    expect(grid.planned(version)).toEqual([]);
  });

  it('leaves functions alone while an upgrade runs, and brings what it says afterwards', async () => {
    const grid = await Grid.up();
    const entry = { kind: 'started', name: 'upgradeFunction', input: { cluster: 'AB' }, at: 1_000 } as const;
    await grid.do({ type: 'JournalWorkflow', data: { workflow: 'u', entry } });
    await grid.do(publish('1.10.0'));
    await grid.runs('1.10.0');
    expect(grid.planned()).toEqual([]);
    const ended = { kind: 'ended', status: 'succeeded', at: 1_000 } as const;
    await grid.do({ type: 'JournalWorkflow', data: { workflow: 'u', entry: ended } });
    expect(grid.planned().map(({ type }) => type)).toEqual(['ReconfigureCluster']);
  });

  it('brings what it says when that is newer, or no package', async () => {
    const grid = await Grid.up();
    await grid.do(publish('1.10.0'));
    await grid.runs('1.10.0');
    for (const version of ['1.10.1', '2.0.0', undefined]) {
      expect(grid.planned(version).map(({ type }) => type)).toEqual(['ReconfigureCluster']);
    }
  });
});
