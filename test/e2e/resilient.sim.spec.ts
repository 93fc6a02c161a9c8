import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { decodeFlowBatch } from '../../adapters/codec/flow-batch';
import { decodeCommit } from '../../adapters/codec/records';
import { canonical } from '../../domain/base/canonical';
import { nodeRef } from '../../domain/base/ids';
import { createPrng, type Prng } from '../../domain/base/prng';
import type { TopologyEvent } from '../../domain/events';
import type { FlowStarted } from '../../domain/flow/events';
import { canonicalState, evolveCommit, initialState } from '../../domain/grid-state';
import type { Commit } from '../../domain/log/commit';
import { incarnationIn } from '../../domain/link/connected-ends';
import { applyChanges } from '../../domain/topology/changes';
import { wholeTopology } from '../../domain/topology/state';
import type { Topology } from '../../domain/topology/topology';
import { answer, question } from '../support/datagrams';
import { LanWorld } from '../support/lan-world';

/** How long a flow sends, and how many begin in a hundred milliseconds. */
const FLOW_MS = 60;
const FLOWS_IN_100 = 25;
/** Milliseconds of faults, and of rest afterwards, in which everybody comes back. */
const FAULTS_MS = 3_000;
const REST_MS = 1_800;
/** A frame passes the grid, and is answered, in less. */
const UNDER_WAY_MS = 5;
/** From a death until its neighbours miss it: rounds that begin before, those without a hello, and one more to tell. */
const DETECTION_MS = 60;
/** The same for the leader, who hears agents over the bus. */
const CUTOVER_MS = 700;
/** Until every agent has what a change asks for. */
const FOLLOW_MS = 40;
const AB = 3;
const NAMES = ['AB-1', 'AB-2'] as const;
type End = (typeof NAMES)[number];

/**
 * Figure 2C, whose nodes greet an end that is not connected by a link of their own. The roots hear each other: one that heard
 * nobody while both ends are dead would take itself for deaf.
 */
function gridText(restoreMs: number | undefined, failure: 'backup' | 'redirect'): string {
  const restore = restoreMs === undefined ? '' : `, restoreMs: ${restoreMs}`;
  const ends = '{ member: AB-1, side: primary }, { member: AB-2, side: standby }';
  return `
grid: cutover
networks: { EN-1: { cluster: IA }, EN-2: { cluster: IC } }
clusters:
  IA: { id: 1, role: inode }
  IC: { id: 2, role: inode }
  AB: { id: ${AB}, role: anode, nodes: 2, failure: ${failure}, function: pass }
links:
  near: { kind: resilient, members: [{ member: IA-1, side: root }, ${ends}]${restore} }
  far: { kind: resilient, members: [{ member: IC-1, side: root }, ${ends}]${restore} }
  siblings: { kind: switch, members: [AB] }
  roots: { kind: switch, members: [IA, IC] }
  control: { kind: switch, members: [IA, AB, IC], control: true }
paths:
  there: { from: [EN-1], through: [AB], to: EN-2 }
  back: { from: [EN-2], through: [AB], to: EN-1 }
policies: [{ type: all, paths: [there, back] }]
`;
}

/** A frame that was sent into the grid. */
interface Sent {
  readonly at: number;
  /** When its flow began. */
  readonly began: number;
  got: number;
}

/** Traffic through figure 2C on a LAN, while hosts of its ends die and come back. */
class Run {
  readonly world: LanWorld;
  readonly sent = new Map<string, Sent>();
  /** Milliseconds in which nobody can be asked to carry what is sent. */
  readonly outages = new Set<number>();
  /** How long the log took to tell of each cutover for a death, where the other end was up. */
  readonly delays: number[] = [];
  /** When an end was dead. */
  readonly deaths: { readonly end: End; readonly from: number; to: number }[] = [];
  private flows: { readonly id: number; readonly began: number; n: number }[] = [];
  private nextFlow = 1;
  private readonly taken = { 'EN-1': 0, 'EN-2': 0 };
  private steadySince = 0;
  private look = '';

  constructor(
    file: string,
    private readonly random: Prng,
    /** The switch follows the plan; else it has both ends in their VLANs all the time. */
    private readonly isTold: boolean,
  ) {
    const hosts = {
      west: { nodes: ['IA-1'], networks: ['EN-1'], capacity: 1 },
      east: { nodes: ['IC-1'], networks: ['EN-2'], capacity: 1 },
      'AB-1': { nodes: ['AB-1'], capacity: 1 },
      'AB-2': { nodes: ['AB-2'], capacity: 1 },
    };
    this.world = new LanWorld(file, hosts, { memoryBytes: 32 * 1024 * 1024, isToldOfBothEnds: !isTold });
  }

  get now(): number {
    return this.world.clock.now();
  }

  async go(): Promise<void> {
    await this.world.start();
    const faults = this.random.fork('faults');
    for (let ms = 0; ms < FAULTS_MS; ms++) {
      for (const end of NAMES) {
        if (!this.isAlive(end) && faults.below(500) === 0) await this.revive(end);
        else if (this.isAlive(end) && faults.below(900) === 0) this.kill(end);
      }
      await this.step(true);
    }
    for (const end of NAMES) if (!this.isAlive(end)) await this.revive(end);
    for (let ms = 0; ms < REST_MS; ms++) await this.step(ms < REST_MS - 100);
  }

  /** Frames that nobody got although somebody could be asked to carry them from their flow's beginning on. */
  unexplained(): Sent[] {
    return [...this.sent.values()].filter(({ at, began, got }) => {
      if (got > 0) return false;
      for (let ms = began - UNDER_WAY_MS; ms <= at + UNDER_WAY_MS; ms++) if (this.outages.has(ms)) return false;
      return true;
    });
  }

  count(got: number): number {
    return [...this.sent.values()].filter((sent) => sent.got === got).length;
  }

  /** Whether an end died by then that was alive, or did not come back before, at `since`. */
  hasDied(end: End, since: number, at: number): boolean {
    return this.deaths.some((death) => death.end === end && death.from <= at && since <= death.to);
  }

  private kill(end: End): void {
    this.world.kill(end);
    this.deaths.push({ end, from: this.now, to: Infinity });
  }

  private async revive(end: End): Promise<void> {
    await this.world.begin(end);
    this.deaths.findLast((death) => death.end === end)!.to = this.now;
  }

  private isAlive(end: End): boolean {
    return this.world.agents.has(end);
  }

  private async step(isSending: boolean): Promise<void> {
    if (isSending) this.send();
    const before = this.connected;
    await this.world.pass(1);
    this.take();
    this.watch();
    if (this.connected === before) return;
    const death = this.deaths.findLast(({ end, to }) => end === before && to === Infinity);
    if (death !== undefined && !this.deaths.some(({ end, to }) => end !== before && to > death.from)) {
      this.delays.push(this.now - death.from);
    }
  }

  private get connected(): End {
    const [cutover] = Object.values(this.world.state.links.cutovers);
    return cutover!.connected === 'primary' ? 'AB-1' : 'AB-2';
  }

  private send(): void {
    if (this.random.below(100) < FLOWS_IN_100) this.flows.push({ id: this.nextFlow++, began: this.now, n: 0 });
    this.flows = this.flows.filter(({ began }) => began > this.now - FLOW_MS);
    for (const flow of this.flows) {
      if (this.random.below(4) > 0) continue;
      const frame = question(flow.id, flow.n++);
      this.sent.set(frame.toString('hex'), { at: this.now, began: flow.began, got: 0 });
      void this.world.outside.get('EN-1')!.send([frame]);
    }
  }

  /** Networks count what they get, and servers answer. */
  private take(): void {
    for (const name of ['EN-1', 'EN-2'] as const) {
      const { received } = this.world.outside.get(name)!;
      for (const frame of received.slice(this.taken[name])) {
        const sent = this.sent.get(frame.toString('hex'));
        if (sent === undefined) throw new Error(`${name} got what nobody sent`);
        sent.got++;
        if (name === 'EN-1') continue;
        const back = answer(frame);
        this.sent.set(back.toString('hex'), { at: this.now, began: sent.began, got: 0 });
        void this.world.outside.get('EN-2')!.send([back]);
      }
      this.taken[name] = received.length;
    }
  }

  /** Whether an end serves that the roots can give flows to: it lives, in the life that the topology names which they stamp. */
  private watch(): void {
    const serving = NAMES.filter((end) => this.serves(end));
    const { connected } = this;
    const look = this.isTold ? `${connected} ${serving.includes(connected)}` : serving.join();
    if (look !== this.look) this.steadySince = this.now;
    this.look = look;
    const isServed = this.isTold ? serving.includes(connected) : serving.length > 0;
    const isSteady = this.now - this.steadySince >= FOLLOW_MS;
    const isMissed = this.deaths.every(({ from }) => this.now - from >= DETECTION_MS);
    if (!isServed || !isSteady || !isMissed) this.outages.add(this.now);
  }

  private serves(end: End): boolean {
    const node = end === 'AB-1' ? 1 : 2;
    const { status, incarnation } = this.world.state.clusters[AB]!.nodes[node]!;
    if (!this.isAlive(end) || status !== 'active') return false;
    return ['west', 'east'].every((root) => {
      const { stamped } = this.world.agents.get(root)!.agent.topologies;
      const topology = wholeTopology(this.world.state.topology, stamped);
      return topology !== undefined && incarnationIn(topology, { cluster: AB, node }) === incarnation;
    });
  }
}

/** What the log tells: of each flow that began at IA-1 the end that its topology had connected, and who got it. */
async function told(
  world: LanWorld,
): Promise<{ commits: Commit<TopologyEvent>[]; flows: { at: number; said: End; since: number; got: End }[] }> {
  const stored = await world.log.read(1, 1_000_000);
  const commits = stored.map(({ bytes }) => decodeCommit(bytes) as Commit<TopologyEvent>);
  const connected = new Map<number, { said: End; since: number }>();
  let latest: Topology | null = null;
  for (const { seq, at, events } of commits) {
    for (const { type, data } of events) {
      if (type !== 'TopologyPublished') continue;
      latest = applyChanges(latest, data.changes, data.version, data.wireId);
      const link = latest.links.find(({ kind }) => kind === 'resilient');
      connected.set(seq, { said: link?.connected === 'standby' ? 'AB-2' : 'AB-1', since: at });
    }
  }
  const batches = (await world.log.readFlows('1/1@1', 1, 1_000_000)).map(({ bytes }) => decodeFlowBatch(bytes));
  const flows = batches
    .flatMap(({ events }) => events)
    .filter((event): event is FlowStarted => event.type === 'FlowStarted')
    .map(({ at, topologySeq, route }) => ({
      at: at / 1_000,
      ...connected.get(topologySeq)!,
      got: (route.includes(nodeRef(AB, 1)) ? 'AB-1' : 'AB-2') as End,
    }));
  return { commits, flows };
}

let dir: string;
beforeAll(() => (dir = mkdtempSync(join(tmpdir(), 'flowgrid-resilient-'))));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe('resilient links by the real control plane and agents, on a LAN', () => {
  it.each([
    ['that is told what its plan says', true],
    ['that has both ends in their VLANs', false],
  ])(
    'FG-610: %s: whoever dies and comes back, frames are lost only until a death is found, and none comes twice',
    async (_, isTold) => {
      const total = { got: 0, lost: 0, cutovers: 0, restored: 0, atStandby: 0 };
      const restore = fc.option(fc.integer({ min: 50, max: 500 }), { nil: undefined });
      const judge = async (seed: number, restoreMs: number | undefined): Promise<void> => {
        const file = join(dir, 'grid.yaml');
        writeFileSync(file, gridText(restoreMs, seed % 2 === 0 ? 'backup' : 'redirect'));
        const run = new Run(file, createPrng(seed), isTold);
        await run.go();
        const { world } = run;
        expect([...run.sent.values()].filter(({ got }) => got > 1)).toEqual([]);
        expect(run.unexplained()).toEqual([]);
        for (const delay of run.delays) expect(delay).toBeLessThanOrEqual(CUTOVER_MS);
        const { commits, flows } = await told(world);
        // Who is given a flow is connected by its topology, or the life that is has ended.
        for (const { at, said, since, got } of flows) {
          const isDead = run.hasDied(said, since, at);
          if (got !== said) expect({ at, said, isDead }).toEqual({ at, said, isDead: true });
          if (got === 'AB-2') total.atStandby++;
        }
        const rebuilt = commits.reduce(evolveCommit, initialState());
        expect(canonical(canonicalState(rebuilt))).toBe(canonical(canonicalState(world.state)));
        expect(world.failures).toEqual([]);
        total.got += run.count(1);
        total.lost += run.count(0);
        for (const event of commits.flatMap(({ events }) => events)) {
          if (event.type !== 'VirtualLinkCutOver') continue;
          if (event.data.because === 'restored') total.restored++;
          else total.cutovers++;
        }
        await world.close();
      };
      // Both ends die in it, one after the other and together, and the primary is connected again.
      await judge(3, 200);
      await judge(4, 200);
      await fc.assert(fc.asyncProperty(fc.nat(), restore, judge), { numRuns: 3 });
      for (const [name, count] of Object.entries(total)) expect([name, count > 0]).toEqual([name, true]);
      expect(total.got).toBeGreaterThan(10_000);
    },
    300_000,
  );
});
