import { NO_HASH } from '../../domain/seams/event-log';
import type { BenchResult } from '../result';
import { sha256 } from '../../adapters/codec/hash';
import { decodeCommit, encodeCommit } from '../../adapters/codec/records';
import type { Commit } from '../../domain/log/commit';
import type { TopologyEvent } from '../../domain/events';
import type { GridState } from '../../domain/grid-state';
import { evolve } from '../../domain/grid-state';
import type { Topology } from '../../domain/topology/topology';
import { RendezvousTables, TopologyView } from '../../dataplane/select/topology-view';
import { median, seconds } from '../log/measure';
import { AT, CLUSTERS, drain, gridOf, MEMBERS, publicationOf, published } from './large-grid';

/** Against this many clusters. A cost in proportion to the grid would be nearly seventy times as high among 200. */
const SMALL_CLUSTERS = 3;
const PROPORTION_MAX = 2;
/** The cluster whose member drains: the first behind the INODEs'. */
const CHANGED = 3;

/** How long the measurements are. */
export interface Size {
  readonly rounds: number;
  readonly clusters: number;
  readonly members: number;
}

/** The whole topology of a large grid: made, and every table that nodes derive from it. */
export async function wholePublication({ rounds, clusters, members }: Size): Promise<BenchResult[]> {
  const compute: number[] = [];
  const apply: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const state = gridOf(clusters, members);
    let topology: Topology | undefined;
    compute.push(
      await seconds(() => {
        ({ topology } = published(state));
      }),
    );
    apply.push(await seconds(() => deriveAll(topology!, new RendezvousTables())));
  }
  const size = `${(clusters * members).toLocaleString('en-US')} nodes in ${clusters} clusters`;
  return [
    { name: `first topology of ${size}: decide`, unit: 'ms', value: 1000 * median(compute) },
    {
      name: `first topology of ${size}: all tables`,
      unit: 'ms',
      value: 1000 * median(apply),
      note: `${((1000 * median(apply)) / clusters).toFixed(1)} ms a cluster, orders and backups; a node derives those on its paths only`,
    },
  ];
}

/**
 * A member drains: what the control plane decides (content, difference, event), what a node derives (view, orders and
 * backups of the changed cluster) and what the log takes (encode, hash, decode), in a large grid against a small one with
 * clusters of the same size.
 */
export async function oneChange({ rounds, clusters, members }: Size): Promise<BenchResult[]> {
  const large = new Changing(clusters, members);
  const small = new Changing(SMALL_CLUSTERS, members);
  const inLarge: Cost[] = [];
  const inSmall: Cost[] = [];
  for (let round = -2; round < rounds; round++) {
    const pair = [await large.change(), await small.change()] as const;
    if (round < 0) continue;
    inLarge.push(pair[0]);
    inSmall.push(pair[1]);
  }
  const row = (part: string, cost: (each: Cost) => number, isJudged: boolean): BenchResult => {
    const value = median(inLarge.map(cost)) / median(inSmall.map(cost));
    const budget = isJudged ? { budget: `≤ ${PROPORTION_MAX}`, ok: value <= PROPORTION_MAX } : {};
    return {
      name: `one membership change among ${clusters} clusters: ${part}`,
      unit: 'ms',
      value: 1000 * median(inLarge.map(cost)),
      ratio: { of: `among ${SMALL_CLUSTERS}`, value, ...budget },
    };
  };
  return [
    row('decide', ({ decide }) => decide, false),
    row('derive', ({ derive }) => derive, false),
    row('decide and derive', ({ decide, derive }) => decide + derive, true),
    row('record', ({ record }) => record, false),
    {
      ...row('all three', ({ decide, derive, record }) => decide + derive + record, true),
      note: `its record has ${inLarge[0]!.bytes.toLocaleString('en-US')} bytes, ${inSmall[0]!.bytes.toLocaleString('en-US')} among ${SMALL_CLUSTERS}`,
    },
  ];
}

/** Seconds, and the bytes of the record. */
interface Cost {
  readonly bytes: number;
  readonly decide: number;
  readonly derive: number;
  readonly record: number;
}

/** A published grid whose members drain, one after another. */
class Changing {
  private state: GridState;
  private readonly tables = new RendezvousTables();
  private drained = 0;

  constructor(
    clusters: number,
    private readonly members: number,
  ) {
    const first = published(gridOf(clusters, members));
    this.state = first.state;
    deriveOnPath(first.topology, this.tables);
  }

  async change(): Promise<Cost> {
    if (++this.drained >= this.members) throw new Error('bench: more changes than members');
    let event: Extract<TopologyEvent, { type: 'TopologyPublished' }> | undefined;
    const decide = await seconds(() => {
      const changed = drain(this.state, CHANGED, this.drained);
      event = publicationOf(changed);
      this.state = evolve(changed, event);
    });
    const topology = this.state.topology.latest!;
    const derive = await seconds(() => deriveOnPath(topology, this.tables));
    let bytes = 0;
    const record = await seconds(() => {
      const encoded = encodeCommit(commitOf(event!));
      sha256(encoded);
      decodeCommit(encoded);
      bytes = encoded.length;
    });
    return { bytes, decide, derive, record };
  }
}

function viewOf(topology: Topology, tables: RendezvousTables): TopologyView {
  return new TopologyView({ topology, seq: topology.version, hash: NO_HASH, dead: [] }, tables);
}

function deriveAll(topology: Topology, tables: RendezvousTables): void {
  const view = viewOf(topology, tables);
  for (const { id } of topology.clusters) view.table(id);
}

/** What a node on the changed cluster's path derives. */
function deriveOnPath(topology: Topology, tables: RendezvousTables): void {
  const view = viewOf(topology, tables);
  for (const id of topology.paths[0]!.clusters) view.table(id);
}

function commitOf(event: TopologyEvent): Commit {
  return {
    seq: 1,
    prev: NO_HASH,
    epoch: 1,
    commandId: 'bench/1',
    at: AT,
    by: 'operator:bench',
    cause: 0,
    corr: 'bench',
    events: [event],
  };
}

/** The size that the budget is stated for. */
export const LARGE = { clusters: CLUSTERS, members: MEMBERS } as const;
