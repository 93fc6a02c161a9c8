import { wholeAsChanges } from '../../domain/topology/changes';
import { chainId, clusterOf, nodeOf, nodeRef, type Micros, type NodeRef } from '../../domain/base/ids';
import type { TopologyEvent } from '../../domain/events';
import type { NodeStatistics } from '../../domain/node/statistics';
import type { TapRecord } from '../../domain/seams/tap';
import { DEFAULT_TIMING, type PublishedTopology, type Timing } from '../../domain/topology/topology';
import { createChecker, type Checker, type Verdicts } from '../../projections/verdicts';
import { InlineHost } from '../../runtime/agent/inline-host';
import type { NodeLimits } from '../../dataplane/node/node-group';
import { CLIENTS, EGRESS, INGRESS, members, oneStage, SERVERS, STAGE, type OneStage } from './one-stage';

const SECRET = new Uint8Array(32).fill(7);
/** Frames that enter before the grid is let come to rest, at most. */
const TOGETHER = 64;

type MemberMap = ReturnType<typeof members>;

export interface StageDriverOptions {
  readonly nodes: number;
  readonly inodes?: number;
  readonly start: Micros;
  readonly timing?: Partial<Timing>;
  readonly limits?: Partial<NodeLimits>;
  readonly shape?: Pick<OneStage, 'failure' | 'selector' | 'selection' | 'flood'>;
  /** Sees every tap record, after the checker. */
  readonly onTap?: (record: TapRecord) => void;
}

/**
 * One stage of real nodes (kernels, rings, tables) in this thread, driven as the control plane would: every change of
 * membership is a new topology version, installed and then stamped; draining nodes leave when they hold no flow; wire
 * IDs that no flow carries are retired. The checker watches.
 */
export class StageDriver {
  readonly checker: Checker;
  readonly stage: MemberMap;
  readonly ingress: MemberMap;
  readonly egress: MemberMap;
  now: Micros;
  left = 0;
  version = 0;
  /** Nodes that drained and were removed, and when. */
  readonly removed: { readonly node: NodeRef; readonly at: Micros }[] = [];
  private readonly host: InlineHost;
  private readonly hosted = new Set<NodeRef>();
  private readonly dead: string[] = [];
  /** Live wire IDs, oldest first. */
  private wires: number[] = [];
  private nextRound: Micros;
  private readonly roundUs: number;
  private inBatch = 0;
  private readonly pending = new Set<number>();
  /** Last statistics of lives that are over. */
  private readonly lastWords: NodeStatistics[] = [];

  constructor(private readonly options: StageDriverOptions) {
    this.now = options.start;
    this.nextRound = options.start;
    this.roundUs = 1000 * (options.timing?.helloMs ?? DEFAULT_TIMING.helloMs);
    this.stage = members(options.nodes);
    this.ingress = members(options.inodes ?? 1);
    this.egress = members(options.inodes ?? 1);
    this.checker = createChecker();
    this.host = new InlineHost({
      secret: SECRET,
      workers: 1,
      slots: 16_384,
      bytes: 900 * 1024 * 1024,
      baseDirectory: process.cwd(),
      taps: true,
      output: () => this.left++,
      ...(options.limits === undefined ? {} : { limits: options.limits }),
    });
  }

  get kernels(): string {
    return this.host.kernels;
  }

  /** Publishes the membership as it is now: hosts who is new, installs on all, then stamps. */
  async publish(): Promise<void> {
    await this.rest();
    const version = ++this.version;
    const wireId = this.freeWire();
    const published = oneStage({
      version,
      wireId,
      stage: this.stage,
      ingress: this.ingress,
      egress: this.egress,
      dead: this.dead,
      ...(this.options.timing === undefined ? {} : { timing: this.options.timing }),
      ...this.options.shape,
    });
    this.wires.push(wireId);
    await this.hostNew();
    this.observe(
      {
        type: 'TopologyPublished',
        v: 2,
        data: { version, wireId, changes: wholeAsChanges(published.topology), dead: [] },
      },
      published,
    );
    await this.host.install(published);
    await this.host.settle(this.now);
    await this.host.activate(version);
  }

  /** Brings grid time to `time`; hello rounds that fall due run when what entered has come to rest. */
  async advance(time: Micros): Promise<void> {
    while (this.nextRound <= time) {
      await this.rest();
      this.now = Math.max(this.now, this.nextRound);
      this.nextRound += this.roundUs;
      await this.host.tick(this.now);
      await this.host.settle(this.now);
      await this.harvest();
    }
    this.now = Math.max(this.now, time);
  }

  /** A frame of flow number `flow` enters from `side`; a frame that it may answer has left before. */
  async enter(side: number, flow: number, frameNo: number, bytes: Uint8Array, length: number): Promise<void> {
    if (this.inBatch >= TOGETHER || this.pending.has(flow)) await this.rest();
    const write = (target: Uint8Array, at: number): number => {
      target.set(bytes.subarray(0, length), at);
      return length;
    };
    if (!this.host.inject(side === 0 ? CLIENTS : SERVERS, this.now, frameNo, write)) {
      throw new Error(`frame ${frameNo} could not enter`);
    }
    this.pending.add(flow);
    this.inBatch++;
  }

  /** Whether the last frame of this flow may still be inside: {@link rest} lets it arrive. */
  isUnderWay(flow: number): boolean {
    return this.pending.has(flow);
  }

  /** Lets everything under way arrive. */
  async rest(): Promise<void> {
    if (this.inBatch === 0) return;
    await this.host.settle(this.now);
    this.inBatch = 0;
    this.pending.clear();
    await this.harvest();
  }

  /** A spare joins. */
  async join(node: NodeRef): Promise<void> {
    this.clusterMembers(node).set(nodeOf(node), { incarnation: 1, state: 'active' });
    await this.publish();
  }

  /** A member is to drain from the next publication on. */
  drain(node: NodeRef): void {
    const known = this.clusterMembers(node).get(nodeOf(node));
    if (known !== undefined) this.clusterMembers(node).set(nodeOf(node), { ...known, state: 'draining' });
  }

  /**
   * A node is gone at once, with its tables, while the grid rests; its neighbours and, by a further topology, the
   * control plane notice before traffic goes on.
   */
  async die(node: NodeRef): Promise<void> {
    await this.kill(node);
    this.host.setReachable(node, false);
    await this.advance(this.now + 5 * this.roundUs);
    this.recordDeath(node);
    this.clusterMembers(node).delete(nodeOf(node));
    await this.publish();
  }

  /** A node loses its tables and goes on at once, as a new life: nobody has noticed, and no topology says so yet. */
  async loseTables(node: NodeRef): Promise<void> {
    await this.kill(node);
    await this.host.revive(node, this.lifeOf(node) + 1);
    this.checker.observeRevival(node);
  }

  /** The control plane has noticed what {@link loseTables} did. */
  async recover(node: NodeRef): Promise<void> {
    const incarnation = this.lifeOf(node) + 1;
    this.recordDeath(node);
    this.clusterMembers(node).set(nodeOf(node), { incarnation, state: 'active' });
    await this.publish();
  }

  /** A dead node is back, empty, as a new incarnation. */
  async revive(node: NodeRef): Promise<void> {
    await this.rest();
    const incarnation = 1 + this.dead.filter((chain) => chain.startsWith(`${clusterOf(node)}/${nodeOf(node)}@`)).length;
    await this.host.revive(node, incarnation);
    this.host.setReachable(node, true);
    this.checker.observeRevival(node);
    this.clusterMembers(node).set(nodeOf(node), { incarnation, state: 'active' });
    await this.publish();
  }

  /** Removes every draining node that no live flow has as primary or backup; publishes if there was one. */
  async removeDrained(): Promise<void> {
    const draining = [STAGE, INGRESS, EGRESS].flatMap((cluster) =>
      [...this.clusterMembers(nodeRef(cluster, 1))]
        .filter(([, { state }]) => state === 'draining')
        .map(([node]) => nodeRef(cluster, node)),
    );
    if (draining.length === 0) return;
    await this.rest();
    const empty = (await this.host.statistics()).filter(
      ({ node, flowsPrimary, flowsBackup, inFlight, boundByFlood }) =>
        draining.includes(node) && !boundByFlood && flowsPrimary + flowsBackup + inFlight === 0,
    );
    if (empty.length === 0) return;
    for (const each of empty) {
      this.lastWords.push(each);
      this.clusterMembers(each.node).delete(nodeOf(each.node));
      this.removed.push({ node: each.node, at: this.now });
    }
    await this.publish();
    for (const { node } of empty) {
      this.host.setReachable(node, false);
      await this.host.remove(node);
    }
  }

  /** Counters of all lives, those that are over included. */
  async allStatistics(): Promise<NodeStatistics[]> {
    const now = await this.host.statistics();
    return [...now, ...this.lastWords.filter((last) => !now.some((each) => isSameLife(each, last)))];
  }

  /** Final verdicts of the checker, the counters of nodes that are gone among the evidence. */
  async verdicts(): Promise<Verdicts> {
    await this.rest();
    const statistics = await this.host.statistics();
    const isOver = (each: NodeStatistics): boolean => this.lastWords.some((last) => isSameLife(last, each));
    const removed = this.lastWords.filter(({ node }) => this.removed.some((each) => each.node === node));
    const nodes = [...statistics.filter((each) => !isOver(each)), ...removed];
    const dead = this.lastWords.filter((last) => !removed.includes(last));
    return this.checker.verdicts({ nodes, dead });
  }

  private async kill(node: NodeRef): Promise<void> {
    await this.rest();
    await this.host.kill(node);
    this.checker.observeDeath(node);
    const last = (await this.host.statistics()).find((each) => each.node === node);
    if (last !== undefined) this.lastWords.push(last);
  }

  private lifeOf(node: NodeRef): number {
    return this.clusterMembers(node).get(nodeOf(node))?.incarnation ?? 1;
  }

  private recordDeath(node: NodeRef): void {
    const incarnation = this.lifeOf(node);
    this.dead.push(chainId(node, incarnation));
    const data = {
      cluster: clusterOf(node),
      node: nodeOf(node),
      incarnation,
      lastSeen: 0,
      detectedAt: 0,
      fnodeFreeAt: 0,
    };
    this.observe({ type: 'NodeFailed', v: 1, data });
  }

  private async harvest(): Promise<void> {
    const { events, taps, liveWires } = await this.host.harvest();
    for (const record of taps) {
      this.checker.observe(record);
      this.options.onTap?.(record);
    }
    for (const { node, events: told } of events) {
      for (const event of told) this.checker.observeFlowEvent(chainId(node, 1), event);
    }
    for (const wire of this.wires.slice(0, -1)) {
      if (liveWires.includes(wire)) continue;
      await this.host.retire(wire);
      this.wires = this.wires.filter((each) => each !== wire);
    }
  }

  private async hostNew(): Promise<void> {
    for (const [cluster, nodes] of [
      [INGRESS, this.ingress],
      [STAGE, this.stage],
      [EGRESS, this.egress],
    ] as const) {
      for (const [node, { incarnation }] of nodes) {
        const ref = nodeRef(cluster, node);
        if (this.hosted.has(ref)) continue;
        this.hosted.add(ref);
        await this.host.add(ref, incarnation, cluster === STAGE ? 'anode' : 'inode');
      }
    }
  }

  private clusterMembers(node: NodeRef): MemberMap {
    const cluster = clusterOf(node);
    return cluster === STAGE ? this.stage : cluster === INGRESS ? this.ingress : this.egress;
  }

  private freeWire(): number {
    for (let step = 0; step < 255; step++) {
      const wire = ((this.version - 1 + step) % 255) + 1;
      if (!this.wires.includes(wire)) return wire;
    }
    throw new Error('no wire ID is free');
  }

  private observe(event: TopologyEvent, published?: PublishedTopology): void {
    const seq = published?.seq ?? this.version;
    const header = { seq, prev: '', epoch: 1, commandId: 'c', at: 0, by: 'operator:test', cause: 0, corr: 'c' };
    this.checker.observeCommit({ ...header, events: [event] });
  }
}

function isSameLife(a: NodeStatistics, b: NodeStatistics): boolean {
  return a.node === b.node && a.incarnation === b.incarnation;
}
