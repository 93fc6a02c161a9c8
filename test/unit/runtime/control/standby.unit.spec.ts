import { decodeCommit } from '../../../../adapters/codec/records';
import { stateHash } from '../../../../adapters/codec/hash';
import { createMemoryLog, createMemoryStore } from '../../../../adapters/log/memory';
import { nodeRef } from '../../../../domain/base/ids';
import type { CommandBody, Outcome } from '../../../../domain/commands';
import type { TopologyEvent } from '../../../../domain/events';
import { canonicalState, evolveCommit, initialState } from '../../../../domain/grid-state';
import type { Commit } from '../../../../domain/log/commit';
import type { AppendResult, EventLog } from '../../../../domain/seams/event-log';
import { DEFAULT_TIMING } from '../../../../domain/topology/topology';
import { createControlPlane, type ControlPlane } from '../../../../runtime/control/control-plane';
import { SimClock } from '../../../../adapters/sim/sim-clock';
import { EGRESS, FILTER, INGRESS, ObedientNodes, SmallGrid, smallGridCommands, START } from './small-grid';

/** When a process is killed: with the append of this commit durable and unanswered, or after it has folded it. */
interface Death {
  readonly seq: number;
  readonly when: 'unanswered' | 'folded';
}

/** A process's log: after its death nothing that it asks for is ever answered. */
class Mortal {
  isDead = false;
  readonly died: Promise<void>;
  private tellDeath!: () => void;

  constructor(private readonly death: Death | undefined) {
    this.died = new Promise((resolve) => (this.tellDeath = resolve));
  }

  around(log: EventLog): EventLog {
    const append = async (records: readonly Uint8Array[]): Promise<AppendResult> => {
      if (this.isDead) return never;
      const result = await log.append(records);
      if (this.death?.when === 'unanswered' && result.accepted.includes(this.death.seq)) this.die();
      return this.isDead ? never : result;
    };
    return new Proxy(log, { get: (target, name) => (name === 'append' ? append : bound(target, name)) });
  }

  folded(seq: number): void {
    if (this.death?.when === 'folded' && this.death.seq === seq) this.die();
  }

  private die(): void {
    this.isDead = true;
    this.tellDeath();
  }
}

const never = new Promise<never>(() => undefined);

function bound(target: object, name: string | symbol): unknown {
  const member: unknown = Reflect.get(target, name);
  return typeof member === 'function' ? member.bind(target) : member;
}

/** What is done to the grid, and when, in milliseconds from the beginning. */
type Deed = readonly [at: number, act: CommandBody | ((nodes: ObedientNodes) => void)];

const [FIRST, SECOND, SPARE] = [nodeRef(FILTER, 1), nodeRef(FILTER, 2), nodeRef(FILTER, 4)];

/** Everything that a grid does of itself: members come, one dies and returns, one drains and leaves, a spare joins. */
const LIFE: readonly Deed[] = [
  ...smallGridCommands().map((body): Deed => [0, body]),
  [
    20,
    (nodes) =>
      [nodeRef(INGRESS, 1), nodeRef(EGRESS, 1), FIRST, SECOND, nodeRef(FILTER, 3)].forEach((ref) =>
        nodes.lives.set(ref, 1),
      ),
  ],
  [100, (nodes) => nodes.lives.delete(SECOND)],
  [300, (nodes) => nodes.lives.set(SECOND, 2)],
  [400, { type: 'DrainNode', data: { cluster: FILTER, node: 1, withinMs: 60, thenRemove: true } }],
  [560, { type: 'AdmitNode', data: { cluster: FILTER, node: 4, weight: 1, spare: false } }],
  [570, (nodes) => nodes.lives.set(SPARE, 1)],
];
const LIFE_MS = 800;

/** A leader that may be killed, a warm standby that takes over at once, and operators who repeat what was not answered. */
class Life {
  readonly log = createMemoryLog({ store: createMemoryStore() });
  readonly standby: ControlPlane;
  private readonly clock = new SimClock(START);
  private readonly nodes = new ObedientNodes();
  private readonly mortal: Mortal;
  private readonly unanswered = new Map<string, CommandBody>();
  private plane: ControlPlane;

  constructor(death?: Death) {
    this.mortal = new Mortal(death);
    this.plane = this.make('MA-1', this.mortal.around(this.log), (seq) => this.mortal.folded(seq));
    this.standby = this.make('MB-1', this.log);
    this.nodes.plane = this.plane;
  }

  async live(): Promise<this> {
    await this.standby.follow();
    await this.orDeath(this.plane.start());
    for (let ms = 0; ms <= LIFE_MS; ms += DEFAULT_TIMING.helloMs) {
      this.clock.advanceTo(START + ms);
      for (const [at, act] of LIFE) if (at === ms) this.perform(act);
      this.hello();
      await this.orDeath(this.plane.settle());
    }
    return this;
  }

  async commits(): Promise<Commit<TopologyEvent>[]> {
    return (await this.log.read(1, 1_000_000)).map(({ bytes }) => decodeCommit(bytes) as Commit<TopologyEvent>);
  }

  private perform(act: Deed[1]): void {
    if (typeof act === 'function') act(this.nodes);
    else this.submit(`operator/${act.type}/${JSON.stringify(act.data)}`, act);
  }

  private submit(id: string, body: CommandBody): void {
    this.unanswered.set(id, body);
    const answered = (outcome: Outcome): void => {
      expect(outcome.status).not.toBe('rejected');
      this.unanswered.delete(id);
    };
    void this.plane.submit({ id, by: 'operator:test', deadline: this.clock.now() + 10_000, body }).then(answered);
  }

  /** All MNODEs hear hellos, as on a bus. */
  private hello(): void {
    for (const [ref, incarnation] of this.nodes.lives) {
      this.standby.hello(ref, incarnation);
      if (this.plane !== this.standby) this.plane.hello(ref, incarnation);
    }
  }

  private async orDeath(work: Promise<unknown>): Promise<void> {
    await Promise.race([work, this.mortal.died]);
    if (!this.mortal.isDead || this.plane === this.standby) return;
    this.plane = this.standby;
    this.nodes.plane = this.standby;
    await this.standby.start();
    for (const [id, body] of this.unanswered) this.submit(id, body);
    this.hello();
    await this.standby.settle();
  }

  private make(name: string, log: EventLog, onFold: (seq: number) => void = () => undefined): ControlPlane {
    const { clock, nodes } = this;
    const onCommit = ({ seq }: { readonly seq: number }): void => onFold(seq);
    return createControlPlane({ log, clock, timers: clock, name, listeners: [nodes], onCommit });
  }
}

/** What happened, without who led and at which instant; each step of each topology's life, once. */
function happened(commits: readonly Commit<TopologyEvent>[]): string[] {
  const events = commits.flatMap((commit) => commit.events).filter(({ type }) => type !== 'LeaderElected');
  return events
    .map(({ type, data }) => {
      const { cluster = '', node = '', version = '' } = data as { cluster?: number; node?: number; version?: number };
      return `${type} ${cluster}/${node} ${version}`;
    })
    .sort();
}

describe('a standby', () => {
  it('FG-266: folds what the leader commits, machines included, and does nothing else', async () => {
    const grid = new SmallGrid(3, createMemoryStore());
    const alerts: unknown[] = [];
    const told: unknown[] = [];
    const listener = Object.fromEntries(
      ['published', 'applied', 'repin', 'retiring', 'retired'].map((name) => [name, () => told.push(name)]),
    ) as unknown as ObedientNodes;
    const standby = createControlPlane({
      log: grid.log,
      clock: grid.clock,
      timers: grid.clock,
      name: 'MB-1',
      listeners: [listener],
      onAlert: (alert) => alerts.push(alert),
    });
    await standby.follow();
    await grid.up();
    grid.nodes.lives.delete(nodeRef(FILTER, 2));
    await grid.pass(200);
    expect(standby.role).toBe('following');
    expect(standby.head).toEqual(grid.plane.head);
    expect(standby.stateHash()).toBe(grid.plane.stateHash());
    expect(standby.actorStates()).toEqual(grid.plane.actorStates());
    expect(told).toEqual([]);
    expect(alerts).toEqual([]);
    const leaders = new Set((await grid.log.read(1, 1_000)).map(({ bytes }) => decodeCommit(bytes).epoch));
    expect(leaders).toEqual(new Set([1]));
  });

  it('FG-266: refuses commands, and hears hellos without discovering anybody', async () => {
    const grid = await new SmallGrid(3, createMemoryStore()).up();
    const standby = createControlPlane({ log: grid.log, clock: grid.clock, timers: grid.clock, name: 'MB-1' });
    await standby.follow();
    const { seq } = standby.head;
    standby.hello(nodeRef(FILTER, 77), 1);
    standby.acknowledgeTopology(nodeRef(FILTER, 1), 1);
    const body: CommandBody = { type: 'RemoveNode', data: { cluster: FILTER, node: 4 } };
    const refused = standby.submit({ id: 'x', by: 'operator:test', deadline: grid.clock.now() + 1_000, body });
    await expect(refused).rejects.toMatchObject({ code: 'log-locked' });
    await standby.settle();
    expect(standby.head.seq).toBe(seq);
  });

  it('FG-267: a leader that stood down follows, keeps no time, and may lead again', async () => {
    const grid = await new SmallGrid(3, createMemoryStore()).up();
    const first = grid.plane;
    grid.nodes.lives.delete(nodeRef(FILTER, 2));
    await grid.pass(40);
    await first.standDown();
    expect(first.role).toBe('following');
    const second = grid.makePlane('MB-1');
    await second.start();
    await grid.pass(100);
    expect(grid.statusOf(FILTER, 2)).toBe('failed');
    expect(first.head).toEqual(second.head);
    await second.standDown();
    grid.plane = first;
    grid.nodes.plane = first;
    await first.start();
    expect(first.state.epoch).toBe(3);
    await grid.submit({ type: 'ConfigureNode', data: { cluster: FILTER, node: 1, weight: 5 } });
    expect(second.head).toEqual(first.head);
    expect(second.stateHash()).toBe(first.stateHash());
  });

  it('FG-267: a leader whose log refuses it stands down by itself and says so', async () => {
    const grid = new SmallGrid(3, createMemoryStore());
    const { log } = grid;
    let isFenced = false;
    const fenced = new Proxy<EventLog>(log, {
      get: (target, name) => {
        const refuse = async (): Promise<never> => {
          throw Object.assign(new Error('another writer'), {
            name: 'FlowgridError',
            code: 'log-locked',
            canRetry: false,
          });
        };
        return isFenced && name === 'append' ? refuse : bound(target, name);
      },
    });
    const deposed = new Promise<unknown>((resolve) => {
      grid.plane = createControlPlane({
        log: fenced,
        clock: grid.clock,
        timers: grid.clock,
        name: 'MA-1',
        onDeposed: resolve,
      });
    });
    await grid.plane.start();
    for (const body of smallGridCommands()) await grid.submit(body);
    isFenced = true;
    const body: CommandBody = { type: 'ConfigureNode', data: { cluster: FILTER, node: 1, weight: 9 } };
    await expect(grid.submit(body)).rejects.toMatchObject({ code: 'log-locked' });
    expect(await deposed).toMatchObject({ code: 'log-locked' });
    expect(grid.plane.role).toBe('following');
  });
});

/** What the newest topology says of clusters and members, and that it alone is live and stamped. */
function membersOf({ standby }: Life): unknown {
  const { topology } = standby.state;
  const members = topology.latest?.clusters.map(({ id, members: all }) => [id, all]);
  return {
    members,
    live: topology.live.map(({ version, appliedAt }) => [version === topology.version, appliedAt > 0]),
  };
}

/** How many topologies a change takes is a matter of what came together; what the last one says is not. */
const isOfTopology = (what: string): boolean => what.startsWith('Topology');

describe('FG-268: a leader killed between a commit and its reaction', () => {
  it.each(['unanswered', 'folded'] as const)('loses no reaction and repeats none: %s', async (when) => {
    const unharmed = await new Life().live();
    const whole = await unharmed.commits();
    const expected = happened(whole).filter((what) => !isOfTopology(what));
    expect(whole.length).toBeGreaterThan(40);
    for (const { seq, events } of whole) {
      const life = await new Life({ seq, when }).live();
      const commits = await life.commits();
      const at = `killed at commit ${seq} (${events.map(({ type }) => type).join(', ')})`;
      const told = happened(commits);
      expect([at, told.filter((what) => !isOfTopology(what))]).toEqual([at, expected]);
      const ofTopologies = told.filter(isOfTopology);
      expect([at, new Set(ofTopologies).size]).toEqual([at, ofTopologies.length]);
      expect([at, membersOf(life)]).toEqual([at, membersOf(unharmed)]);
      const ids = commits.map(({ commandId }) => commandId);
      expect([at, new Set(ids).size]).toEqual([at, ids.length]);
      expect(commits.filter(({ events }) => events[0]!.type === 'LeaderElected')).toHaveLength(2);
      const folded = commits.reduce(evolveCommit, initialState());
      expect(life.standby.stateHash()).toBe(stateHash(canonicalState(folded)));
    }
  });
});
