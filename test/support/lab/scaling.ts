import { setTimeout as delay } from 'node:timers/promises';
import type { GridState } from '../../../domain/grid-state';
import { scalingRequest } from '../../../domain/provisioning/scaling';
import type { WorkflowJournalEntry } from '../../../domain/seams/workflow-engine';
import type { WorkflowSummary } from '../../../runtime/control/workflow-requests';
import { flowgrid } from '../up-process';
import { SCALED, type LabGrid } from './lab-grid';

/** What came of a workflow. */
export interface ScalingResult {
  readonly workflow: string;
  readonly name: 'scaleOut' | 'scaleIn';
  /** Somebody asked it to stop, and was answered. */
  readonly cancelled: boolean;
  /** Its newest step when something was killed, if it had not ended; empty: it had not begun one. */
  readonly killedAfterStep?: string;
  /** Half done: neither what was asked for nor as it was, or not told alike by the log, the leader and Temporal. */
  readonly end: 'ended well' | 'put back' | 'half done';
  /** From the request to the end, milliseconds. */
  readonly tookMs: number;
  /** What is not as it should be. */
  readonly wrong?: string;
  /** What stopped it, as it is told. */
  readonly error?: string;
}

/** A workflow ends within this time from when all is up again, milliseconds: a machine may be busy with other things. */
const PATIENCE_MS = 120_000;
const LOOK_MS = 50;

/** What a workflow changes of a grid: its node's place in the cluster. */
type Place = ReturnType<typeof placeOf>;

/** The node has joined. */
const JOINED = { status: 'active', spare: false, reservedBy: '', isListed: true, links: 1 };
/** It is a spare. */
const LEFT = { status: 'admitted', spare: true, reservedBy: '', isListed: false, links: 0 };

/** A workflow that puts the spare into its cluster, or takes it out where it is in it. */
export class Scaling {
  private cancelled = false;
  private killed: string | undefined;

  private constructor(
    private readonly lab: LabGrid,
    readonly id: string,
    private readonly before: Place,
    private readonly requestedAt: number,
  ) {}

  /** Resolves when the request is acknowledged. */
  static async request(lab: LabGrid, id: string): Promise<Scaling> {
    const state = await lab.log.state();
    const before = placeOf(state);
    const { cluster, node } = SCALED;
    const scaling = { verdict: before.spare ? 'out' : 'in', cluster, node, weight: 1, drainWithinMs: 0 } as const;
    const requestedAt = Date.now();
    const entry = scalingRequest(scaling, requestedAt);
    const { status } = await lab.submit(`request/${id}`, { type: 'JournalWorkflow', data: { workflow: id, entry } });
    if (status !== 'accepted') throw new Error(`workflow ${id} was ${status}`);
    return new Scaling(lab, id, before, requestedAt);
  }

  /** Asks it to stop and to put everything back. */
  async cancel(): Promise<void> {
    const { code } = await flowgrid('workflow', 'cancel', this.id, ...this.lab.access);
    this.cancelled = code === 0;
  }

  /** Resolves when a step of it is in the log, or its end. */
  async hasBegun(): Promise<void> {
    while ((await this.journal()).length < 2) await delay(LOOK_MS);
  }

  /** Something is about to be killed: keeps how far it is. */
  async beforeKill(): Promise<void> {
    const journal = await this.journal();
    if (journal.some(({ kind }) => kind === 'ended')) return;
    this.killed = journal.flatMap((entry) => ('step' in entry ? [entry.step] : [])).at(-1) ?? '';
  }

  /** Resolves when its end is in the log, or when that takes too long. */
  async ended(): Promise<void> {
    for (const until = Date.now() + PATIENCE_MS; Date.now() < until; await delay(LOOK_MS)) {
      if ((await this.journal()).some(({ kind }) => kind === 'ended')) return;
    }
  }

  /** Judges it. Call when the grid is whole. */
  async result(): Promise<ScalingResult> {
    const name = this.before.spare ? 'scaleOut' : 'scaleIn';
    const end = (await this.journal()).find((entry) => entry.kind === 'ended');
    const isWell = end?.status === 'succeeded';
    const expected: Place = isWell ? (this.before.spare ? JOINED : LEFT) : this.before;
    const place = placeOf(await this.lab.log.state());
    const told = { log: end?.status ?? 'running', leader: await this.atLeader(), Temporal: await this.atTemporal() };
    const wrong = [
      ...(end === undefined ? ['it has not ended'] : []),
      ...(JSON.stringify(place) === JSON.stringify(expected)
        ? []
        : [`the node is ${JSON.stringify(place)}, not ${JSON.stringify(expected)}`]),
      ...(new Set(Object.values(told)).size === 1 ? [] : [`told as ${JSON.stringify(told)}`]),
    ];
    return {
      ...{ workflow: this.id, name, cancelled: this.cancelled },
      ...(this.killed === undefined ? {} : { killedAfterStep: this.killed }),
      end: wrong.length > 0 ? 'half done' : isWell ? 'ended well' : 'put back',
      tookMs: (end?.at ?? Date.now()) - this.requestedAt,
      ...(wrong.length > 0 && { wrong: wrong.join('; ') }),
      ...(end?.error !== undefined && { error: end.error }),
    };
  }

  private async journal(): Promise<readonly WorkflowJournalEntry[]> {
    await this.lab.log.state();
    return this.lab.log.journals.get(this.id) ?? [];
  }

  /** Its status as `flowgrid workflow list` tells it. */
  private async atLeader(): Promise<string> {
    const { stdout, stderr } = await flowgrid('workflow', 'list', '--json', ...this.lab.access);
    const listed = stdout.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as WorkflowSummary]));
    return listed.find(({ id }) => id === this.id)?.status ?? `not listed: ${stderr}`;
  }

  private async atTemporal(): Promise<string> {
    return (await this.lab.temporal!.statusOf(this.id)) ?? 'unknown';
  }
}

function placeOf({ clusters, topology, links }: GridState) {
  const { cluster, node } = SCALED;
  const { status, spare, reservedBy } = clusters[cluster]!.nodes[node]!;
  const isListed = topology.latest!.clusters.find(({ id }) => id === cluster)!.members.some((m) => m.node === node);
  const isHere = (member: object): boolean =>
    'node' in member && 'cluster' in member && member.cluster === cluster && member.node === node;
  const joined = Object.values(links.links).filter(({ members }) => members.some(isHere));
  return { status: status as string, spare, reservedBy, isListed, links: joined.length };
}
