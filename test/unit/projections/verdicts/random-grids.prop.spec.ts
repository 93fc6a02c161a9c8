import * as fc from 'fast-check';
import { nodeRef, type NodeRef } from '../../../../domain/base/ids';
import { createPrng, type Prng } from '../../../../domain/base/prng';
import type { FailurePolicy, SelectorKind } from '../../../../domain/topology/topology';
import type { Verdicts } from '../../../../projections/verdicts';
import {
  CLIENT_NETWORK,
  ENTRANCE,
  PublishedGrid,
  SERVER_NETWORK,
  type StageShape,
} from '../../../support/published-grid';
import { ACK, FIN, numbered, SYN, tcp, udp } from '../../dataplane/node/frames';

/** Random grids per run; `FLOWGRID_GRIDS` asks for more, `FLOWGRID_SEED` for the one that a failure named. */
const GRIDS = Number(process.env['FLOWGRID_GRIDS'] ?? 16);
const REPLAYED = process.env['FLOWGRID_SEED'];
const STEPS = 90;
/** Rounds until a stage has recovered from a death: detection, hearsay, and the feeding of the next backups. */
const RECOVERED = 16;

/** Seeds that once found something, mostly two deaths in neighbouring stages within one detection time. */
const FOUND_ONCE = [
  129_436_769, 980_310_423, 1_583_210_172, 1_866_716_721, 577_190_403, 940_695_218, 550_408_871, 91_556_986,
];

const POLICIES: readonly FailurePolicy[] = ['backup', 'redirect', 'discard'];
const SELECTORS: readonly SelectorKind[] = ['hash', 'round-robin', 'weighted-round-robin', 'least-flows', 'feedback'];

interface Conversation {
  readonly port: number;
  readonly isTcp: boolean;
  sent: number;
  answered: number;
  /** Number of the last request's frame: its reply comes only if that arrived. */
  request: number;
}

/** A random grid of the real control plane and nodes, under random traffic, deaths, returns and changes of size. */
class Scenario {
  readonly grid: PublishedGrid;
  readonly counts = { frames: 0, kills: 0, revivals: 0, scalings: 0 };
  private readonly prng: Prng;
  /** Draws apart, so that the grids of known seeds stay what they were. */
  private readonly sizes: Prng;
  private readonly isNarrow: boolean;
  /** At either end. */
  private readonly inodes: number;
  private readonly stages: StageShape[];
  private readonly flows: Conversation[] = [];
  private readonly dead: NodeRef[] = [];
  private readonly quietSince = new Map<number, number>();
  private rounds = 0;

  constructor(seed: number) {
    this.prng = createPrng(seed);
    this.sizes = createPrng(seed).fork('sizes');
    this.isNarrow = this.sizes.below(3) === 0;
    this.inodes = 1 + createPrng(seed).fork('inodes').below(3);
    this.stages = Array.from({ length: 1 + this.prng.below(3) }, () => ({
      nodes: 2 + this.prng.below(4),
      spares: this.prng.below(3),
      failure: this.pick(POLICIES),
      selector: this.pick(SELECTORS),
    }));
    this.grid = new PublishedGrid({
      stages: this.stages,
      inodes: this.inodes,
      selection: this.prng.below(2) === 0 ? 'centralized' : 'distributed',
      seed: this.prng.next(),
      udpIdleMs: 300,
      ...(this.isNarrow ? { narrow: 1400 } : {}),
      apart: nodeRef(2, 1),
    });
  }

  async run(): Promise<Verdicts> {
    await this.grid.up();
    for (let i = 0; i < STEPS; i++) await this.step();
    for (let i = 0; i < 2 * RECOVERED; i++) await this.round();
    return this.grid.verdicts();
  }

  private async step(): Promise<void> {
    switch (this.prng.below(12)) {
      case 0:
        return this.kill();
      case 1:
        return this.revive();
      case 2:
        return this.scale();
      case 3:
        return this.reweigh();
      case 4:
      case 5:
      case 6:
        return this.round();
      default:
        for (let n = 1 + this.prng.below(5); n > 0; n--) await this.talk();
    }
  }

  private async round(): Promise<void> {
    this.rounds++;
    await this.grid.round();
  }

  /** A new flow's first frame, or the next of one that goes on, from either side. */
  private async talk(): Promise<void> {
    if (this.flows.length === 0 || this.prng.below(4) === 0) {
      const port = 3000 + this.flows.length;
      this.flows.push({ port, isTcp: this.prng.below(2) === 0, sent: 0, answered: 0, request: -1 });
    }
    const flow = this.prng.below(2) === 0 ? this.flows[this.flows.length - 1]! : this.pick(this.flows);
    this.counts.frames++;
    const { port } = flow;
    const there = { from: '10.0.0.1', to: '10.9.0.1', fromPort: port, toPort: 53 };
    const back = { from: there.to, to: there.from, fromPort: there.toPort, toPort: there.fromPort };
    if (flow.request >= 0 && this.grid.left.has(flow.request) && this.prng.below(2) === 0) {
      const payload = numbered(++flow.answered, this.size());
      const flags = flow.answered === 1 ? SYN | ACK : ACK;
      await this.grid.send(SERVER_NETWORK, flow.isTcp ? tcp({ ...back, payload, flags }) : udp({ ...back, payload }));
      return;
    }
    const payload = numbered(++flow.sent, this.size());
    const flags = flow.sent === 1 ? SYN : this.prng.below(8) === 0 ? FIN | ACK : ACK;
    const frame = flow.isTcp ? tcp({ ...there, payload, flags }) : udp({ ...there, payload });
    flow.request = await this.grid.send(CLIENT_NETWORK, frame);
  }

  /** Bytes of a payload; where a link is narrow, now and then more than fit through it. */
  private size(): number {
    return this.isNarrow && this.sizes.below(6) === 0 ? 1000 + this.sizes.below(3000) : 24;
  }

  /** A node of a stage, or an INODE, that has recovered from what happened to it last, and has another left, dies. */
  private async kill(): Promise<void> {
    const ends = this.inodes > 1 && this.prng.below(4) === 0;
    const stage = ends ? this.pick([ENTRANCE, this.grid.exit]) : this.stage();
    const members = this.activeIn(stage);
    if (members.length < 2 || !this.isQuiet(stage)) return;
    const victim = nodeRef(stage, this.pick(members));
    this.quietSince.set(stage, this.rounds);
    this.dead.push(victim);
    this.counts.kills++;
    await this.grid.kill(victim);
  }

  private async revive(): Promise<void> {
    const ref = this.dead[0];
    if (ref === undefined || !this.isQuiet(ref >>> 7)) return;
    this.dead.shift();
    this.quietSince.set(ref >>> 7, this.rounds);
    this.counts.revivals++;
    await this.grid.revive(ref);
  }

  private async scale(): Promise<void> {
    const stage = this.stage();
    const serving = this.activeIn(stage).length;
    if (serving < 2 || !this.isQuiet(stage)) return;
    const grows = this.prng.below(2) === 0;
    this.counts.scalings++;
    await this.grid.scale(stage, grows ? serving + 1 : Math.max(2, serving - 1));
  }

  private async reweigh(): Promise<void> {
    const stage = this.stage();
    const node = this.pick(this.activeIn(stage));
    const weight = 1 + this.prng.below(100);
    await this.grid.command({ type: 'ConfigureNode', data: { cluster: stage, node, weight } });
    await this.grid.conductor.obey();
  }

  private isQuiet(stage: number): boolean {
    return this.rounds - (this.quietSince.get(stage) ?? -RECOVERED) >= RECOVERED;
  }

  private activeIn(stage: number): number[] {
    return Object.values(this.grid.control.state.clusters[stage]!.nodes)
      .filter(({ status, node }) => status === 'active' && !this.dead.includes(nodeRef(stage, node)))
      .map(({ node }) => node);
  }

  private stage(): number {
    return 2 + this.prng.below(this.stages.length);
  }

  private pick<Item>(items: readonly Item[]): Item {
    return items[this.prng.below(items.length)]!;
  }
}

const HELD: Verdicts = {
  affinity: 'held',
  pinnedTopology: 'held',
  oneEmitter: 'held',
  conservation: 'held',
  isolation: 'held',
  transparency: 'held',
  replay: 'held',
  durability: 'held',
};

describe('random grids, traffic, failures and changes of size', () => {
  test('the eight invariants hold; FLOWGRID_SEED replays the grid that a failure names', async () => {
    const totals = { frames: 0, kills: 0, revivals: 0, scalings: 0 };
    let fragmented = 0;
    const check = async (seed: number): Promise<void> => {
      const scenario = new Scenario(seed);
      const verdicts = await scenario.run();
      expect({ seed, ...verdicts }).toEqual({ seed, ...HELD });
      for (const name of ['frames', 'kills', 'revivals', 'scalings'] as const) totals[name] += scenario.counts[name];
      fragmented += scenario.grid.checker.figures().fragmented;
    };
    if (REPLAYED !== undefined) return check(Number(REPLAYED));
    await fc.assert(fc.asyncProperty(fc.integer({ min: 0, max: 0x7fff_ffff }), check), {
      numRuns: GRIDS,
      endOnFailure: true,
      examples: FOUND_ONCE.map((seed): [number] => [seed]),
    });
    // The search has met what it is about.
    expect(totals.frames).toBeGreaterThan(50 * GRIDS);
    expect(totals.kills).toBeGreaterThan(GRIDS);
    expect(totals.revivals).toBeGreaterThan(0);
    expect(fragmented).toBeGreaterThan(0);
    expect(totals.scalings).toBeGreaterThan(GRIDS);
  }, 120_000);

  test('a run is a function of its seed', async () => {
    const [one, two] = [new Scenario(4711), new Scenario(4711)];
    expect(await one.run()).toEqual(await two.run());
    expect(one.counts).toEqual(two.counts);
    expect(one.grid.control.head).toEqual(two.grid.control.head);
    expect([...one.grid.left]).toEqual([...two.grid.left]);
  });
});
