import { fork, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { connectNatsBus } from '../../adapters/bus/nats-bus';
import { subjectsOf } from '../../adapters/bus/subjects';
import { openLmdbLog, type LmdbLog } from '../../adapters/log/lmdb';
import type { Bus } from '../../domain/seams/bus';
import { nodesOf } from '../../domain/cluster/state';
import type { TopologyEvent } from '../../domain/events';
import type { GridState } from '../../domain/grid-state';
import type { Commit } from '../../domain/log/commit';
import { isTopologyStale } from '../../domain/topology/content';
import { serveAgents } from '../../runtime/control/agent-endpoints';
import { BusAnnouncer } from '../../runtime/control/bus-endpoints';
import { createControlPlane, type ControlPlane } from '../../runtime/control/control-plane';
import { applyDesired, loadGridFile } from '../../runtime/control/grid-file';
import { WallClock } from '../../runtime/programs/wall-clock';
import type { BenchResult } from '../result';
import { inTemporaryDir, quantile } from '../log/measure';
import type { EndpointsOptions } from './endpoints';

const GRID = 'bench-publication';
const BUDGET_MS = 50;
/** Between topologies: what the last one has still to do (it is stamped, the one before is retired) is done by then. */
const EVERY_MS = 250;
const PROCESSES = 2;
/** Members of the two clusters in the middle; one INODE at either end. */
const MEMBERS = { large: 31, small: 3 };
const CLUSTER = 2;

/**
 * From a topology's commit to the last acknowledgement that the leader hears: as many agents as nodes, each with its own
 * connection to the bus and its own dataplane.
 */
export function publicationOverNats(nats: string, smoke: boolean): Promise<BenchResult[]> {
  const members = smoke ? MEMBERS.small : MEMBERS.large;
  return inTemporaryDir(async (dir) => {
    const log = await openLmdbLog({ dir: join(dir, 'log'), mode: 'writer' });
    const bus = await connectNatsBus({ servers: nats });
    const leader = new Leader(log, bus);
    const processes = beginEndpoints(nats, members);
    try {
      const times = await leader.publish(gridOf(members), smoke ? 2 : 100);
      return [resultOf(2 * members + 2, times)];
    } finally {
      processes.forEach((child) => child.disconnect());
      await Promise.all(processes.map((child) => once(child, 'exit')));
      await leader.close();
      await bus.close();
      await log.close();
    }
  });
}

function resultOf(nodes: number, times: readonly number[]): BenchResult {
  const p99 = quantile(times, 0.99);
  return {
    name: `NATS: topology published to all ${nodes} nodes acknowledged, p99`,
    unit: 'ms',
    value: p99,
    ratio: { of: `the budget of ${BUDGET_MS} ms`, value: p99 / BUDGET_MS, budget: '≤ 1', ok: p99 <= BUDGET_MS },
    note: `p50 ${quantile(times, 0.5).toFixed(1)} ms, ${times.length} publications, ${nodes} agents in ${PROCESSES} processes`,
  };
}

/** The control plane in this process, as an MNODE has it. */
class Leader {
  private readonly plane: ControlPlane;
  private readonly agents: { close(): void };
  private readonly clock = new WallClock();
  /** The newest topology: its commit, and who has acknowledged it. */
  private newest = { version: 0, committedAt: 0, acknowledgedAt: 0, by: new Set<number>() };
  private wake: () => void = () => undefined;

  constructor(log: LmdbLog, bus: Bus) {
    const { clock } = this;
    const subjects = subjectsOf(GRID);
    this.plane = createControlPlane({
      log,
      clock,
      timers: clock,
      name: 'MA-1',
      listeners: [new BusAnnouncer(bus, subjects)],
      patience: { detectionMs: 5_000, blackoutMs: 15_000 },
      onCommit: (commit) => this.committed(commit),
    });
    const acknowledge = this.plane.acknowledgeTopology.bind(this.plane);
    this.plane.acknowledgeTopology = (ref, version) => {
      this.acknowledged(ref, version);
      acknowledge(ref, version);
    };
    this.agents = serveAgents(this.plane, bus, subjects, { clock });
  }

  /** Has the grid come up, then changes a node `rounds` times; returns how long each topology took, milliseconds. */
  async publish(grid: string, rounds: number): Promise<number[]> {
    await this.plane.start();
    await applyDesired(this.plane, loadGridFile(grid, GRID), { by: 'mnode:MA-1', clock: this.clock });
    await this.until(isUp);
    const times: number[] = [];
    // The first rounds, in which code is still being compiled, do not count.
    for (let round = -(rounds >> 1); round < rounds; round++) {
      const { version } = this.plane.state.topology;
      await this.plane.submit({
        id: `bench/${round}`,
        by: 'operator:bench',
        deadline: this.clock.now() + 60_000,
        body: { type: 'ConfigureNode', data: { cluster: CLUSTER, node: 1, weight: 2 + (round & 1) } },
      });
      await this.until((state) => state.topology.version > version && isUp(state));
      const { acknowledgedAt, committedAt } = this.newest;
      if (round >= 0) times.push(acknowledgedAt - committedAt);
      await delay(EVERY_MS);
    }
    return times;
  }

  async close(): Promise<void> {
    this.agents.close();
    await this.plane.stop();
  }

  private committed({ events }: Commit<TopologyEvent>): void {
    for (const { type, data } of events) {
      if (type !== 'TopologyPublished') continue;
      const committedAt = performance.now();
      this.newest = { version: data.version, committedAt, acknowledgedAt: committedAt, by: new Set() };
    }
    this.wake();
  }

  /** Nodes acknowledge again with each report: what counts is the first time of each. */
  private acknowledged(ref: number, version: number): void {
    const { newest } = this;
    if (version !== newest.version || newest.by.has(ref)) return;
    newest.by.add(ref);
    newest.acknowledgedAt = performance.now();
  }

  private async until(holds: (state: GridState) => boolean): Promise<void> {
    while (!holds(this.plane.state)) await new Promise<void>((resolve) => (this.wake = resolve));
  }
}

function isUp(state: GridState): boolean {
  const nodes = Object.values(state.clusters).flatMap((cluster) => nodesOf(cluster));
  const isApplied = (state.topology.live.at(-1)?.appliedAt ?? 0) > 0 && !isTopologyStale(state);
  return nodes.length > 0 && nodes.every(({ status }) => status === 'active') && isApplied;
}

function beginEndpoints(nats: string, members: number): ChildProcess[] {
  const nodes = ['IA-1', 'IC-1', ...['AB', 'AC'].flatMap((name) => range(members).map((n) => `${name}-${n}`))];
  const secret = randomBytes(32).toString('hex');
  return range(PROCESSES).map((process) => {
    const mine = nodes.filter((_, index) => index % PROCESSES === process - 1);
    const options: EndpointsOptions = { nats, grid: GRID, nodes: mine, networks: ['EN-1', 'EN-4'], secret };
    return fork(join(__dirname, 'endpoints.js'), [JSON.stringify(options)]);
  });
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i + 1);
}

/** Neighbours greet each other seldom: on one machine all of their greetings share its cores. */
function gridOf(members: number): string {
  return `
grid: ${GRID}
seed: 4
timing: { helloMs: 1000, detectMultiplier: 5 }
networks:
  EN-1: { cluster: IA }
  EN-4: { cluster: IC }
clusters:
  IA: { id: 1, role: inode, nodes: 1 }
  AB: { id: 2, role: anode, nodes: ${members}, failure: backup, function: pass }
  AC: { id: 3, role: anode, nodes: ${members}, failure: backup, function: pass }
  IC: { id: 4, role: inode, nodes: 1 }
links:
  VN-1: { kind: switch, members: [IA, AB] }
  VN-2: { kind: switch, members: [AB, AC] }
  VN-3: { kind: switch, members: [AC, IC] }
paths:
  there: { from: [EN-1], through: [AB, AC], to: EN-4 }
  back: { from: [EN-4], through: [AC, AB], to: EN-1 }
policies:
  - { type: any, paths: [there, back] }
`;
}
