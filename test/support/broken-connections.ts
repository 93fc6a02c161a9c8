import { nodeOf, nodeRef, clusterOf, type NodeRef } from '../../domain/base/ids';
import { createPrng, type Prng } from '../../domain/base/prng';
import type { TapRecord } from '../../domain/seams/tap';
import { TrafficSource } from '../../adapters/sim/traffic';
import type { Verdicts } from '../../projections/verdicts';
import { EGRESS, INGRESS, STAGE } from './one-stage';
import { StageDriver } from './stage-driver';

/**
 * The broken-connections test of the literature, as a program of its own: `broken-connections.ts SCENARIO FLOWS
 * SEED` sends flows through one stage while its membership changes, and prints a {@link BrokenConnections} as JSON.
 */
export type Scenario = 'membership' | 'capped' | keyof typeof INODE_CHANGES;

/** What became of the flows, judged by the number that each frame got where it was made. */
export interface BrokenConnections {
  readonly kernels: string;
  readonly flows: number;
  readonly frames: number;
  readonly left: number;
  /** Most flows alive at once. */
  readonly peak: number;
  /** Members of the stage: most and, at the end, left. */
  readonly mostNodes: number;
  readonly nodesAtEnd: number;
  /** Flows whose frames met more than one node of the stage: broken connections. */
  readonly moved: number;
  /** Of them, those whose first node was an active member when they moved. */
  readonly movedFromActive: number;
  /** Flows that lost a frame after their first, and frames dropped by reason. */
  readonly flowsWithLoss: number;
  readonly dropped: Readonly<Record<string, number>>;
  /** Flows that never began: their first frame did not get through. */
  readonly refused: number;
  /** Frames let in without a flow entry, frames that a node carried on without one, and floods that began and ended. */
  readonly flooded: number;
  readonly untracked: number;
  /** New flows that a draining node was given after its draining was published, but for those hashed under a flood. */
  readonly givenToDraining: number;
  readonly drained: readonly { readonly node: NodeRef; readonly tookMs: number }[];
  readonly verdicts: Verdicts;
  readonly elapsedMs: number;
}

const START = 1_700_000_000_000_000;
const FLOWS_PER_SECOND = 2000;
/** Table places for all flows, and for about a tenth of those in the table at once; tables take 70 % of their places. */
const PLACES = 1 << 15;
const PLACES_CAPPED = 1 << 10;

/** What happens when a share of the flows has begun. */
interface Change {
  readonly at: number;
  readonly act: (run: Run) => Promise<void>;
}

const dies = (at: number, node: NodeRef): Change => ({ at, act: ({ driver }) => driver.die(node) });
const returns = (at: number, node: NodeRef): Change => ({ at, act: ({ driver }) => driver.revive(node) });
const joins = (at: number, node: NodeRef): Change => ({ at, act: ({ driver }) => driver.join(node) });
const drains = (at: number, node: NodeRef): Change => ({ at, act: (run) => run.drain(node) });
const losesTables = (at: number, node: NodeRef): Change => ({ at, act: ({ driver }) => driver.loseTables(node) });
const recovers = (at: number, node: NodeRef): Change => ({ at, act: ({ driver }) => driver.recover(node) });

/** What happens to the INODEs, three a side at first. */
const INODE_CHANGES = {
  'inode-lost': () => [dies(0.32, nodeRef(INGRESS, 1)), dies(0.62, nodeRef(EGRESS, 2))],
  'inode-returns': () => [
    dies(0.32, nodeRef(INGRESS, 1)),
    dies(0.33, nodeRef(EGRESS, 3)),
    returns(0.42, nodeRef(INGRESS, 1)),
    returns(0.43, nodeRef(EGRESS, 3)),
  ],
  'inode-joins': () => [joins(0.31, nodeRef(INGRESS, 4)), joins(0.33, nodeRef(EGRESS, 4))],
  'inode-drains': () => [drains(0.52, nodeRef(INGRESS, 2))],
  // One leaves while another joins, at either end.
  'inode-swaps': () => [
    drains(0.3, nodeRef(INGRESS, 2)),
    joins(0.301, nodeRef(INGRESS, 4)),
    joins(0.6, nodeRef(EGRESS, 4)),
    drains(0.601, nodeRef(EGRESS, 1)),
  ],
  'inode-loses-tables': () => [
    losesTables(0.32, nodeRef(INGRESS, 1)),
    recovers(0.33, nodeRef(INGRESS, 1)),
    losesTables(0.52, nodeRef(EGRESS, 2)),
    recovers(0.53, nodeRef(EGRESS, 2)),
  ],
  // In the end nobody is left of those who were there first.
  'inode-succession': () =>
    [INGRESS, EGRESS].flatMap((cluster, i) =>
      [1, 2, 3].flatMap((node) => {
        const at = 0.1 + 0.25 * node + 0.1 * i;
        return [dies(at, nodeRef(cluster, node)), returns(at + 0.02, nodeRef(cluster, node))];
      }),
    ),
} satisfies Record<string, () => Change[]>;

class Run {
  readonly driver: StageDriver;
  readonly drainingSince = new Map<NodeRef, number>();
  private readonly firstNode: NodeRef[] = [];
  private readonly movedFlows = new Set<number>();
  private readonly flowOfFrame: number[] = [];
  private readonly entered: number[] = [];
  private readonly leftOf: number[] = [];
  private readonly macs: Prng;
  private fromActive = 0;
  private toDraining = 0;
  private peak = 0;
  private mostNodes = 0;

  constructor(
    private readonly scenario: Scenario,
    private readonly flows: number,
    private readonly seed: number,
  ) {
    const places = scenario === 'capped' ? PLACES_CAPPED : PLACES;
    this.macs = createPrng(seed).fork('macs');
    this.driver = new StageDriver({
      nodes: 24,
      inodes: scenario in INODE_CHANGES ? 3 : 1,
      start: START,
      // Connections that are over leave the tables soon: what lives is what counts.
      timing: { helloMs: 100, tcpIdleMs: 3000, udpIdleMs: 3000 },
      limits: { flows: places, connections: places },
      onTap: (record) => this.look(record),
    });
  }

  async go(): Promise<BrokenConnections> {
    const began = performance.now();
    const { driver } = this;
    const source = new TrafficSource({
      prng: createPrng(this.seed),
      flows: this.flows,
      flowsPerSecond: FLOWS_PER_SECOND,
      meanGapUs: 100_000,
      dataFrames: [2, 8],
      payload: 64,
      udpShare: 0.3,
      start: START,
    });
    const changes = changesOf(this.scenario);
    const frame = source.frame();
    let frames = 0;
    let newest = -1;
    await driver.publish();
    while (source.next(frame)) {
      await driver.advance(frame.time);
      if (frame.flow > newest) {
        newest = frame.flow;
        while (changes.length > 0 && newest >= changes[0]!.at * this.flows) await changes.shift()!.act(this);
        if (newest % 256 === 0) await driver.removeDrained();
        this.peak = Math.max(this.peak, source.liveFlows);
        this.mostNodes = Math.max(this.mostNodes, driver.stage.size);
      }
      // Nobody answers what never arrived: a connection whose first frame was refused has not begun.
      if (driver.isUnderWay(frame.flow)) await driver.rest();
      if (this.entered[frame.flow] === 1 && this.leftOf[frame.flow] === undefined) continue;
      this.flowOfFrame[frames] = frame.flow;
      this.entered[frame.flow] = (this.entered[frame.flow] ?? 0) + 1;
      // A router before the INODEs spreads frames by what it likes; flows must not care.
      frame.bytes[11] = this.macs.below(256);
      await driver.enter(frame.side, frame.flow, frames++, frame.bytes, frame.length);
    }
    await driver.advance(driver.now + 5_000_000);
    await driver.removeDrained();
    return this.result(frames, began);
  }

  /** Puts a node to drain: it keeps its flows and is given no new ones. */
  async drain(node: NodeRef): Promise<void> {
    this.driver.drain(node);
    await this.driver.publish();
    this.drainingSince.set(node, this.driver.now);
  }

  private look({ kind, frameNo, to, bytes }: TapRecord): void {
    const flow = this.flowOfFrame[frameNo];
    if (flow === undefined) return;
    if (kind === 'left') this.leftOf[flow] = (this.leftOf[flow] ?? 0) + 1;
    if (kind !== 'sent' || clusterOf(to) !== STAGE) return;
    const first = this.firstNode[flow];
    if (first === undefined) {
      this.firstNode[flow] = to;
      if (this.drainingSince.has(to) && !isHashed(bytes)) this.toDraining++;
    } else if (first !== to && !this.movedFlows.has(flow)) {
      this.movedFlows.add(flow);
      if (this.driver.stage.get(nodeOf(first))?.state === 'active') this.fromActive++;
    }
  }

  private async result(frames: number, began: number): Promise<BrokenConnections> {
    const { driver } = this;
    const verdicts = await driver.verdicts();
    const dropped: Record<string, number> = {};
    let flooded = 0;
    let untracked = 0;
    for (const each of await driver.allStatistics()) {
      flooded += each.flooded;
      untracked += each.untracked;
      for (const [reason, n] of Object.entries(each.dropped)) dropped[reason] = (dropped[reason] ?? 0) + n;
    }
    let flowsWithLoss = 0;
    let refused = 0;
    this.entered.forEach((n, flow) => {
      const left = this.leftOf[flow] ?? 0;
      if (left === 0) refused++;
      else if (left < n) flowsWithLoss++;
    });
    return {
      kernels: driver.kernels,
      flows: this.entered.length,
      frames,
      left: driver.left,
      peak: this.peak,
      mostNodes: this.mostNodes,
      nodesAtEnd: driver.stage.size,
      moved: this.movedFlows.size,
      movedFromActive: this.fromActive,
      flowsWithLoss,
      dropped,
      refused,
      flooded,
      untracked,
      givenToDraining: this.toDraining,
      drained: driver.removed.map(({ node, at }) => ({
        node,
        tookMs: (at - (this.drainingSince.get(node) ?? at)) / 1000,
      })),
      verdicts,
      elapsedMs: Math.round(performance.now() - began),
    };
  }
}

/** Whether the descriptor at a frame's end is of a flow that began without an entry: FNODE number 0. */
function isHashed(bytes: Uint8Array): boolean {
  return bytes[bytes.length - bytes[bytes.length - 1]! + 28] === 0;
}

/** 24 nodes grow to 29, one after another, and shrink to 22; INODEs die and return, or come and go, where asked for. */
function changesOf(scenario: Scenario): Change[] {
  const changes: Change[] = [];
  for (let i = 0; i < 5; i++) {
    changes.push({ at: 0.1 + 0.04 * i, act: ({ driver }) => driver.join(nodeRef(STAGE, 25 + i)) });
  }
  for (let i = 0; i < 7; i++) {
    changes.push({ at: 0.45 + 0.05 * i, act: (run) => run.drain(nodeRef(STAGE, 3 + 4 * i)) });
  }
  if (scenario in INODE_CHANGES) changes.push(...INODE_CHANGES[scenario as keyof typeof INODE_CHANGES]());
  return changes.sort((a, b) => a.at - b.at);
}

const [scenario, flows, seed] = process.argv.slice(2);
new Run(scenario as Scenario, Number(flows), Number(seed)).go().then(
  (result) => console.log(JSON.stringify(result)),
  (error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  },
);
