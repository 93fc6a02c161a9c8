import { setImmediate as turn } from 'node:timers/promises';
import { createMemoryStore } from '../../../../adapters/log/memory';
import { decodeCommit } from '../../../../adapters/codec/records';
import type { AutoscaleSettings } from '../../../../domain/autoscale/settings';
import { FlowgridError } from '../../../../domain/base/errors';
import { nodeRef } from '../../../../domain/base/ids';
import type { TopologyEvent } from '../../../../domain/events';
import type { GridState } from '../../../../domain/grid-state';
import type { Commit } from '../../../../domain/log/commit';
import { scalingRequest } from '../../../../domain/provisioning/scaling';
import type { EventLog } from '../../../../domain/seams/event-log';
import { AuditTrail } from '../../../../projections';
import { Provisioner, stuckAlert } from '../../../../runtime/programs/provisioner';
import { steer } from '../../domain/autoscale/autoscale-specifications';
import { nodeLoad, settings } from '../../domain/autoscale/steered-cluster';
import { FILTER, SmallGrid } from '../control/small-grid';

const LOOK_MS = 500;

/** The small grid with somebody who measures its filter and carries out its workflows. */
class SteeredGrid extends SmallGrid {
  provisioner!: Provisioner;
  /** Flows of the filter, spread over its members and those that drain. */
  flows = 0;
  /** The leader leads no more, and its workflows go no further, after the first commit that makes this true. */
  diesWhen: (state: GridState) => boolean = () => false;
  hasDied = false;
  /** What was told of workflows that went no further. */
  readonly stuck: string[] = [];
  private readonly seen = new Set<number>();

  static async up(steering: Partial<AutoscaleSettings> = {}): Promise<SteeredGrid> {
    const grid: SteeredGrid = new SteeredGrid(3, createMemoryStore(), 1_000, (state) => grid.look(state));
    await grid.up();
    grid.provision();
    await grid.submit(steer(settings({ min: 2, max: 4, ...steering })));
    return grid;
  }

  private look(state: GridState): void {
    if (this.hasDied || !this.diesWhen(state)) return;
    this.hasDied = true;
    void this.provisioner.close();
    void this.plane.standDown();
  }

  /** Workflows are carried out beside the present leader. */
  provision(log: EventLog = this.log): void {
    const { plane: control, clock } = this;
    const onStuck = (workflow: string, error: unknown): void =>
      void this.stuck.push(stuckAlert(workflow, error, clock.now()).text);
    this.provisioner = new Provisioner({ control, log, clock, timers: clock, onStuck });
  }

  /** Time passes: loads are told, and workflows go on. */
  async steerFor(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= LOOK_MS) {
      if (this.plane.role !== 'leading') return;
      const serving = [1, 2, 3, 4].filter((node) => ['active', 'draining'].includes(this.statusOf(FILTER, node) ?? ''));
      const nodes = serving.map((node) => nodeLoad(node, this.flows / serving.length));
      this.plane.reportLoad(FILTER, { at: this.clock.now(), nodes, latencyBuckets: [] });
      await this.quiet();
      await this.pass(LOOK_MS);
    }
  }

  /** Lets control plane and workflows come to rest. */
  async quiet(): Promise<void> {
    for (let before = -1; before !== this.plane.head.seq;) {
      before = this.plane.head.seq;
      await this.plane.settle();
      if (this.plane.role !== 'leading') return;
      for (const commit of await this.commits()) {
        if (this.seen.has(commit.seq)) continue;
        this.seen.add(commit.seq);
        this.provisioner.folded(commit);
      }
      await turn();
      // A node that is configured says hello; one that drains carries nothing any more.
      if (this.statusOf(FILTER, 4) === 'configured') this.nodes.lives.set(nodeRef(FILTER, 4), 1);
      for (const node of [1, 2, 3, 4]) {
        if (this.statusOf(FILTER, node) === 'draining') this.plane.reportFlows(nodeRef(FILTER, node), 0, 0);
      }
      await this.helloRound();
    }
  }

  async commits(): Promise<Commit<TopologyEvent>[]> {
    return (await this.log.read(1, 1_000_000)).map(({ bytes }) => decodeCommit(bytes) as Commit<TopologyEvent>);
  }

  async decisions(): Promise<string[]> {
    const events = (await this.commits()).flatMap(({ events }) => events);
    return events.flatMap((event) =>
      event.type === 'AutoscaleDecided' ? [`${event.data.verdict} ${event.data.to}, ${event.data.why}`] : [],
    );
  }

  members(): number[] {
    return this.plane.state.topology.latest!.clusters[1]!.members.map(({ node }) => node);
  }
}

describe('FG-356: a cluster that follows its load', () => {
  it('grows by scaleOut and shrinks by scaleIn, which begin with the decision', async () => {
    const grid = await SteeredGrid.up();
    grid.flows = 2_600;
    await grid.steerFor(5_000);
    expect(await grid.decisions()).toEqual(['out 4, load']);
    expect(grid.members()).toEqual([1, 2, 3, 4]);
    grid.flows = 1_000;
    await grid.steerFor(20_000);
    expect(await grid.decisions()).toEqual(['out 4, load', 'in 3, load', 'in 2, load']);
    expect(grid.members()).toEqual([1, 2]);
    expect([3, 4].map((node) => grid.statusOf(FILTER, node))).toEqual(['admitted', 'admitted']);
    const { workflows } = grid.plane.state;
    expect(Object.values(workflows).map(({ name, status }) => `${name} ${status}`)).toEqual([
      'scaleOut succeeded',
      'scaleIn succeeded',
      'scaleIn succeeded',
    ]);
    grid.flows = 2_600;
    await grid.steerFor(20_000);
    expect(grid.members()).toEqual([1, 2, 3, 4]);
  });

  it('the log tells why a node came: from its topology back to the load', async () => {
    const grid = await SteeredGrid.up();
    grid.flows = 2_600;
    await grid.steerFor(5_000);
    const trail = new AuditTrail();
    for (const commit of await grid.commits()) trail.apply(commit);
    const joined = (await grid.commits()).find(({ events }) =>
      events.some(
        (event) => event.type === 'TopologyPublished' && event.data.version === grid.plane.state.topology.version,
      ),
    )!;
    const because = trail.causes(joined.seq).map(({ what }) => what);
    expect(because.some((what) => what.includes('AB-4 became active'))).toBe(true);
    expect(because.at(-2)).toMatch(/^autoscale\/2\/\d+\/1 was requested$/);
    expect(because.at(-1)).toBe(
      'cluster AB grows from 3 to 4 nodes (AB-4): active flows at 87 % of its target over 2 s, ' +
        'band 50 % to 80 %, 65 % expected',
    );
  });

  it('says once that it cannot grow, and once that this is over', async () => {
    const grid = await SteeredGrid.up({ max: 3 });
    grid.flows = 2_900;
    await grid.steerFor(15_000);
    grid.flows = 2_000;
    await grid.steerFor(15_000);
    expect(await grid.decisions()).toEqual(['stay 3, at-maximum', 'stay 3, in-band']);
  });

  it('keeps what the schedule wants, and is quiet otherwise', async () => {
    const grid = await SteeredGrid.up({
      schedule: [{ from: 0, until: 0, days: [0, 1, 2, 3, 4, 5, 6], nodes: 4, aheadMinutes: 0 }],
    });
    grid.flows = 100;
    await grid.steerFor(5_000);
    expect(await grid.decisions()).toEqual(['out 4, schedule']);
    const { seq } = grid.plane.head;
    await grid.steerFor(60_000);
    expect(grid.plane.head.seq).toBe(seq);
  });

  it.each<[string, (state: GridState) => boolean]>([
    ['the decision', ({ autoscaling }) => (autoscaling[FILTER]?.change ?? null) !== null],
    ['the request', ({ workflows }) => Object.keys(workflows).length > 0],
    ['the reservation of a spare', ({ clusters }) => clusters[FILTER]?.nodes[4]?.reservedBy !== ''],
    ['the first step', ({ workflows }) => Object.values(workflows).some(({ steps }) => steps.length > 0)],
    ['the beginning of the node', ({ clusters }) => clusters[FILTER]?.nodes[4]?.status === 'active'],
  ])('FG-357: a leader that dies after %s leaves the rest to the next, and nothing happens twice', async (_, isDue) => {
    const grid = await SteeredGrid.up();
    grid.flows = 2_600;
    grid.diesWhen = isDue;
    for (let looks = 0; !grid.hasDied && looks < 20; looks++) await grid.steerFor(LOOK_MS);
    expect(grid.hasDied).toBe(true);
    expect(Object.values(grid.plane.state.workflows).every(({ status }) => status === 'running')).toBe(true);
    const successor = grid.makePlane('MB-1');
    // A standby hears who lives.
    grid.nodes.hello();
    await successor.start();
    grid.provision();
    await grid.provisioner.resume();
    await grid.steerFor(10_000);
    expect(await grid.decisions()).toEqual(['out 4, load']);
    expect(grid.members()).toEqual([1, 2, 3, 4]);
    const events = (await grid.commits()).flatMap((commit) => commit.events.map(({ type }) => type));
    for (const once of ['ProvisioningRequested', 'ProvisioningSucceeded', 'SpareReserved']) {
      expect(events.filter((type) => type === once)).toHaveLength(1);
    }
  });
});

describe('FG-366: a workflow that goes no further', () => {
  /** A log that cannot be read while `isGone`. */
  function unreadable(log: EventLog): { readonly log: EventLog; isGone: boolean } {
    const state = {
      isGone: true,
      log: new Proxy(log, {
        get: (target, member: keyof EventLog) => {
          if (member === 'read' && state.isGone) {
            return () => Promise.reject(new FlowgridError('log-failed', 'no log', { canRetry: true }));
          }
          const value: unknown = target[member];
          return typeof value === 'function' ? (value as (...args: unknown[]) => unknown).bind(target) : value;
        },
      }),
    };
    return state;
  }

  it('is told of once, keeps the control plane from nothing, and goes on when it can', async () => {
    const grid = await SteeredGrid.up({ min: 3 });
    const faulty = unreadable(grid.log);
    await grid.provisioner.close();
    grid.provision(faulty.log);
    const scaling = { verdict: 'out', cluster: FILTER, node: 4, weight: 1, drainWithinMs: 0 } as const;
    const entry = scalingRequest(scaling, grid.clock.now());
    await grid.submit({ type: 'JournalWorkflow', data: { workflow: 'by-hand', entry } });
    await grid.steerFor(12_000);
    expect(grid.stuck).toEqual(['workflow by-hand goes no further for the moment: no log']);
    expect(grid.plane.state.workflows['by-hand']?.status).toBe('running');
    expect(await grid.submit({ type: 'ConfigureNode', data: { cluster: FILTER, node: 1, weight: 3 } })).toMatchObject({
      status: 'accepted',
    });
    faulty.isGone = false;
    await grid.steerFor(6_000);
    expect(grid.plane.state.workflows['by-hand']?.status).toBe('succeeded');
    expect(grid.stuck).toHaveLength(1);
  });
});
