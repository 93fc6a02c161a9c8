import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createMemoryLog } from '../../../../../adapters/log/memory';
import { SimClock } from '../../../../../adapters/sim/sim-clock';
import type { CommandBody } from '../../../../../domain/commands';
import type { VirtualLink } from '../../../../../domain/topology/topology';
import { createControlPlane, type ControlPlane } from '../../../../../runtime/control/control-plane';
import { applyDesired, loadGridFile, planCommands } from '../../../../../runtime/control/grid-file';

const FILE = 'grid.yaml';
const AB = 2;
const SPARE = 4;
/** A cluster with a spare, whose first link names its nodes. */
const TEXT = readFileSync(join(__dirname, '../../../../../examples/agents.yaml'), 'utf8')
  .replace('AB: { id: 2, role: anode, nodes: 3,', '$& spares: 1,')
  .replace('members: [IA, AB]', 'members: [IA, AB-1, AB-2, AB-3]');

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
    await applyDesired(plane, loadGridFile(TEXT, FILE), { by: 'operator:test', clock });
    return new Grid(plane, clock);
  }

  async do(body: CommandBody): Promise<void> {
    const request = { id: `test/${++this.commands}`, by: 'operator:test', deadline: this.clock.now() + 1_000, body };
    expect(await this.plane.submit(request)).toMatchObject({ status: 'accepted' });
    await this.plane.settle();
  }

  /** The first link gets other nodes of AB. */
  async links(nodes: readonly number[]): Promise<void> {
    const others = this.link.members.filter((member) => !('node' in member));
    const members = [...others, ...nodes.map((node) => ({ cluster: AB, node }))];
    await this.do({ type: 'ChangeVirtualLink', data: { ...this.link, members } });
  }

  get link(): VirtualLink {
    return Object.values(this.plane.state.links.links).find(({ name }) => name === 'VN-1')!;
  }

  /** What reading a file asks for. */
  planned(text = TEXT): CommandBody[] {
    return planCommands(this.plane.state, loadGridFile(text, FILE));
  }
}

describe('FG-441: reading a grid file whose link names nodes', () => {
  it('leaves in it a spare that a workflow has set aside, or that has joined', async () => {
    const grid = await Grid.up();
    await grid.do({ type: 'ReserveSpare', data: { cluster: AB, node: SPARE, workflow: 'w' } });
    await grid.links([1, 2, 3, SPARE]);
    expect(grid.planned()).toEqual([]);
    await grid.do({ type: 'ConfigureNode', data: { cluster: AB, node: SPARE, weight: 1 } });
    expect(grid.planned()).toEqual([]);
  });

  it('leaves out of it a node that has become a spare', async () => {
    const grid = await Grid.up();
    await grid.do({ type: 'AdmitNode', data: { cluster: AB, node: 3, weight: 1, spare: true } });
    await grid.links([1, 2]);
    expect(grid.planned().filter(({ type }) => type === 'ChangeVirtualLink')).toEqual([]);
  });

  it('asks for nothing where a node that left is back, at another place', async () => {
    const grid = await Grid.up();
    await grid.links([1, 3, 2]);
    expect(grid.planned()).toEqual([]);
  });

  it('takes out of it a spare that nobody needs, and a member that the file has in no such link', async () => {
    const grid = await Grid.up();
    await grid.links([1, 2, 3, SPARE]);
    const changed = grid.planned();
    expect(changed.map(({ type }) => type)).toEqual(['ChangeVirtualLink']);
    await grid.links([1, 2, 3]);
    const without = grid.planned(TEXT.replace('AB-2, AB-3]', 'AB-2]'));
    expect(without.map(({ type }) => type)).toEqual(['ChangeVirtualLink']);
  });
});
