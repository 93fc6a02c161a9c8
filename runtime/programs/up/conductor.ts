import type { Micros, Millis } from '../../../domain/base/ids';
import { stampedTopology } from '../../../domain/topology/state';
import { nodesOf } from '../../../domain/cluster/state';
import type { FlowBatchRecord } from '../../../domain/seams/event-log';
import type { PublishedTopology } from '../../../domain/topology/topology';
import type { SimClock } from '../../../adapters/sim/sim-clock';
import type { DataplaneHost, GridHarvest } from '../../agent/dataplane-host';
import type { FlowSpool } from '../../agent/flow-spool';
import type { ControlPlane } from '../../control/control-plane';
import type { TopologyListener, WireMove } from '../../control/publication';
import type { Fleet } from './fleet';
import type { LoadMeter } from './load-meter';

/** Hello rounds between two harvests: with the default interval of 10 ms, what a crash can lose is under 100 ms. */
const ROUNDS_PER_HARVEST = 8;
/** More rounds than this in one step are a silent gap: it is crossed at once (docs/decisions/0005-grid-time.md). */
const GAP_ROUNDS = 8;

/** Timers fired one by one in one round, at most; a bound for timers that re-arm themselves over years. */
const STEPS_MAX = 10_000;

type Order =
  | { readonly kind: 'install'; readonly published: PublishedTopology }
  | { readonly kind: 'activate'; readonly version: number }
  | { readonly kind: 'repin'; readonly move: WireMove }
  | { readonly kind: 'retiring'; readonly version: number; readonly wireId: number }
  | { readonly kind: 'retired'; readonly wireId: number };

/** Collects what the control plane wants of nodes; the conductor carries it out at the next rest. */
export class TopologyOrders implements TopologyListener {
  private orders: Order[] = [];

  published(published: PublishedTopology): void {
    this.orders.push({ kind: 'install', published });
  }

  applied(version: number): void {
    this.orders.push({ kind: 'activate', version });
  }

  repin(move: WireMove): void {
    this.orders.push({ kind: 'repin', move });
  }

  retiring(version: number, wireId: number): void {
    this.orders.push({ kind: 'retiring', version, wireId });
  }

  retired(_version: number, wireId: number): void {
    this.orders.push({ kind: 'retired', wireId });
  }

  take(): Order[] {
    return this.orders.splice(0);
  }
}

export interface ConductorParts {
  readonly host: DataplaneHost;
  readonly control: ControlPlane;
  readonly clock: SimClock;
  readonly fleet: Fleet;
  readonly orders: TopologyOrders;
  /** Measures what nodes carry; absent: nobody asks. */
  readonly meter?: LoadMeter;
  /** Lets workflows go on until each waits for something; absent: none is carried out here. */
  readonly carryOn?: () => Promise<void>;
  /** Told of each batch that the log took. */
  readonly onAppended: (batch: FlowBatchRecord) => Promise<void>;
  /** Told what each harvest brought, before it is shipped. */
  readonly onHarvest: (harvest: GridHarvest) => void;
  /** Told when the grid is at rest after a round. */
  readonly onRound: () => void;
}

/**
 * Keeps grid time, control plane and dataplane in step: between frames it runs the hello rounds that fall due, and after
 * each lets the control plane finish and the nodes obey, so that what happens depends on the traffic and the seed alone.
 */
export class Conductor {
  /** Grid time: the newest frame's or round's. */
  now: Micros;
  /** Hello rounds run so far. */
  rounds = 0;
  /** The round that the last silent gap was crossed in. */
  gapAt = -Infinity;
  private nextRound: Micros;
  private sinceHarvest = 0;

  constructor(
    private readonly parts: ConductorParts,
    start: Micros,
  ) {
    this.now = start;
    this.nextRound = start;
  }

  /** The hello interval, microseconds. */
  private get helloUs(): Micros {
    return this.parts.control.state.grid!.timing.helloMs * 1000;
  }

  /** Brings grid time to `time` (never back): frames before it come to rest first, then rounds run. */
  async advance(time: Micros): Promise<void> {
    if (time < this.nextRound) {
      this.now = Math.max(this.now, time);
      return;
    }
    await this.parts.host.settle(this.now);
    if (this.isGap(time)) await this.crossGap(time);
    else while (time >= this.nextRound) await this.round(this.nextRound);
    this.now = Math.max(this.now, time);
  }

  /** Whether nothing until `time` makes it a silent gap, which is crossed at once. */
  isGap(time: Micros): boolean {
    return this.roundsUntil(time) > GAP_ROUNDS;
  }

  private roundsUntil(time: Micros): number {
    return Math.floor((time - this.nextRound) / this.helloUs) + 1;
  }

  /** Runs `rounds` hello rounds with no frames between them: lets held frames go and deaths be noticed. */
  async idle(rounds: number): Promise<void> {
    await this.parts.host.settle(this.now);
    for (let i = 0; i < rounds; i++) await this.round(this.nextRound);
  }

  /** The capture is silent until `time`: timers fire, but one hello round stands for all. */
  private async crossGap(time: Micros): Promise<void> {
    const { control } = this.parts;
    const { helloUs } = this;
    const last = this.nextRound + (this.roundsUntil(time) - 1) * helloUs;
    control.excuseSilence(Math.floor((this.nextRound - helloUs) / 1000), Math.floor((last - helloUs) / 1000));
    this.gapAt = this.rounds;
    await this.round(last);
  }

  private async round(at: Micros): Promise<void> {
    const { host, fleet } = this.parts;
    this.now = Math.max(this.now, at);
    this.rounds++;
    this.nextRound = at + this.helloUs;
    fleet.hello();
    await this.moveClock(Math.floor(at / 1000));
    fleet.hello();
    await host.tick(at);
    await host.settle(at);
    await this.obey();
    await this.welcome();
    if (++this.sinceHarvest >= ROUNDS_PER_HARVEST) await this.harvest();
    this.parts.onRound();
  }

  /** Hosts nodes that have come to take part, and tells the control plane what nodes carry. */
  private async welcome(): Promise<void> {
    const { fleet, control, meter } = this.parts;
    await fleet.hostMembers(control.state);
    if (meter === undefined || !control.wantsLoads) return;
    await meter.measure(Math.floor(this.now / 1000));
    await this.obey();
  }

  /** Fires timers each at its own time, and lets what they lead to be decided before time goes on. */
  private async moveClock(to: Millis): Promise<void> {
    const { clock } = this.parts;
    for (let step = 0, due = clock.nextDue(); due !== undefined && due <= to && step < STEPS_MAX; step++) {
      clock.advanceTo(due);
      await this.obey();
      due = clock.nextDue();
    }
    clock.advanceTo(to);
  }

  /** Takes what nodes observed, and ships it to the log. */
  async harvest(): Promise<void> {
    const { host, control, fleet, onHarvest } = this.parts;
    this.sinceHarvest = 0;
    const harvest = await host.harvest();
    this.parts.meter?.harvest(harvest);
    onHarvest(harvest);
    for (const { node, events, shed } of harvest.events) {
      const life = fleet.get(node);
      if (life?.alive === true) life.spool.add(events, shed);
    }
    await Promise.all(Array.from(fleet.all(), (life) => (life.alive ? this.ship(life.spool) : undefined)));
    if (control.state.topology.live.length > 1) {
      // What is stamped now may be on its way to a flow that nobody counts yet.
      const stamped = stampedTopology(control.state.topology)?.wireId;
      fleet.reportWires(stamped === undefined ? harvest.liveWires : [...harvest.liveWires, stamped]);
      await this.reportDraining();
      await this.obey();
    }
    await fleet.dismissRemoved(control.state);
  }

  /** Every flow ends, and the log says so: nothing is under way any more, and nothing will be. */
  async end(): Promise<void> {
    const { host } = this.parts;
    await host.settle(this.now);
    await host.endFlows(this.now);
    await host.settle(this.now);
    await this.harvest();
  }

  private async ship(spool: FlowSpool): Promise<void> {
    for (let batch = spool.next(); batch !== undefined; batch = spool.next()) {
      const result = await this.parts.control.appendFlows(batch);
      if (result === 'gap') return;
      if (result === 'appended') await this.parts.onAppended(batch);
      spool.acknowledge(batch.number);
    }
  }

  /** Draining nodes tell how many flows still have them as primary or backup. */
  private async reportDraining(): Promise<void> {
    const { host, control } = this.parts;
    const { clusters } = control.state;
    const isDraining = Object.values(clusters).some((cluster) =>
      nodesOf(cluster).some(({ status }) => status === 'draining'),
    );
    if (!isDraining) return;
    for (const { node, flowsPrimary, flowsBackup, boundByFlood } of await host.statistics()) {
      if (clusters[node >>> 7]?.nodes[node & 0x7f]?.status === 'draining') {
        // Flows without an entry are one more, however many they are.
        control.reportFlows(node, flowsPrimary + (boundByFlood ? 1 : 0), flowsBackup);
      }
    }
  }

  /** Lets the control plane finish what is due, and carries out what it wants, until neither wants anything. */
  async obey(): Promise<void> {
    const { control, orders } = this.parts;
    for (;;) {
      await control.settle();
      await this.parts.carryOn?.();
      const due = orders.take();
      if (due.length === 0) return;
      for (const order of due) await this.carryOut(order);
    }
  }

  private async carryOut(order: Order): Promise<void> {
    const { host, fleet } = this.parts;
    switch (order.kind) {
      case 'install':
        await host.install(order.published);
        await host.settle(this.now);
        fleet.acknowledge(order.published.topology.version);
        return;
      case 'activate':
        return host.activate(order.version);
      case 'repin':
        return host.repin(order.move.wireId, {
          version: order.move.toVersion,
          wireId: order.move.toWireId,
          modes: order.move.modes === true,
        });
      case 'retiring':
        await host.retire(order.wireId);
        fleet.acknowledgeRetirement(order.version);
        return;
      case 'retired':
        return host.retire(order.wireId);
    }
  }
}
