import { FlowgridError, isFlowgridError } from '../../domain/base/errors';
import { freeRoom } from '../../domain/agent/placement';
import { freeSpares, servingNodes } from '../../domain/autoscale/state';
import { nodeName, type ClusterId, type Millis, type NodeId, type Seq } from '../../domain/base/ids';
import { nodesOf, type ClusterState } from '../../domain/cluster/state';
import type { NodeState, NodeStatus } from '../../domain/node/state';
import type { GridState } from '../../domain/grid-state';
import { subjectOf } from '../../domain/provisioning/about';
import type { Bus, BusSubscription } from '../../domain/seams/bus';
import type { Clock } from '../../domain/seams/clock';
import type {
  WorkflowJournal,
  WorkflowJournalEntry,
  WorkflowProgress,
  WorkflowStatus,
} from '../../domain/seams/workflow-engine';
import type { ControlPlane } from './control-plane';
import { linksAnswer, type LinksAnswer } from './link-desk';

/** What other programs ask the leader about workflows, clusters and links, as JSON, over the bus or the socket of an embedded log. */
export type WorkflowRequest =
  /** How a cluster stands, by name or ID: who serves, who is on the way, which spares are left. */
  | { readonly ask: 'cluster'; readonly cluster: string }
  /** What links are decided on, for programs that change them. */
  | { readonly ask: 'links' }
  /** The newest workflows, those that run first. */
  | { readonly ask: 'list' }
  | { readonly ask: 'show'; readonly id: string }
  /** Stops it and puts back what it did; of no effect on one that has ended. */
  | { readonly ask: 'cancel'; readonly id: string }
  /** Asked twice, the workflow gets it twice. */
  | { readonly ask: 'signal'; readonly id: string; readonly name: string; readonly payload: unknown };

/** What is answered to each request. */
export interface WorkflowAnswers {
  readonly cluster: ClusterAnswer;
  readonly links: LinksAnswer;
  readonly list: readonly WorkflowSummary[];
  readonly show: WorkflowView;
  readonly cancel: object;
  readonly signal: object;
}

export interface MemberAnswer {
  readonly node: NodeId;
  readonly name: string;
  readonly weight: number;
  readonly status: NodeStatus;
}

export interface ClusterAnswer {
  readonly cluster: ClusterId;
  readonly name: string;
  /** Grid time. */
  readonly now: Millis;
  /** Get new flows now, or are about to. */
  readonly serving: readonly MemberAnswer[];
  /** Spares that a workflow has set aside: they join. */
  readonly joining: readonly MemberAnswer[];
  readonly spares: readonly MemberAnswer[];
  /** Nodes that agents have room for, should there be too few spares. */
  readonly room: number;
}

export interface WorkflowSummary {
  readonly id: string;
  readonly name: string;
  readonly status: WorkflowStatus;
  /** The commit that requested it. */
  readonly requested: Seq;
  /** Names of the clusters that it is about, with commas between; empty where it is about none. */
  readonly cluster: string;
  readonly progress?: WorkflowProgress;
}

/** A workflow with its journal. */
export interface WorkflowView extends WorkflowSummary {
  readonly input: unknown;
  /** Oldest first. */
  readonly history: readonly WorkflowJournalEntry[];
  readonly result?: unknown;
  readonly error?: string;
}

/** What carries workflows out, as far as these requests need it. */
export interface WorkflowCarrier {
  /** Where it is now; undefined for one that has not said. */
  progress(id: string): Promise<WorkflowProgress | undefined>;
  cancel(id: string): Promise<void>;
  signal(id: string, name: string, payload: unknown): Promise<void>;
}

/** The subject that these requests go by; adapters/bus names it for a grid. */
export interface WorkflowSubjects {
  mnodeWorkflow(): string;
}

/** Workflows that `list` tells of, at most. */
export const LISTED_MAX = 50;

/** Answers requests about workflows while its control plane leads. */
export class WorkflowDesk {
  constructor(
    private readonly plane: Pick<ControlPlane, 'state' | 'role'>,
    private readonly journal: WorkflowJournal,
    private readonly clock: Clock,
    /** Who carries workflows out now; undefined while nobody does. */
    private readonly carrier: () => WorkflowCarrier | undefined,
  ) {}

  /** Answers on a bus; a standby stays silent. */
  serve(bus: Bus, subjects: WorkflowSubjects): BusSubscription {
    return bus.subscribe(subjects.mnodeWorkflow(), (payload) =>
      this.plane.role === 'leading' ? this.answer(Buffer.from(payload).toString()) : undefined,
    );
  }

  /** The answer to one request, as JSON: `{ answer }`, or `{ error }`. */
  async answer(asked: string): Promise<Uint8Array> {
    try {
      return json({ answer: await this.answerTo(requestOf(asked)) });
    } catch (error) {
      if (!isFlowgridError(error)) throw error;
      const { code, message, remedy, canRetry } = error;
      return json({
        error: { code, message, remedy, canRetry: canRetry || code === 'log-locked' || code === 'closed' },
      });
    }
  }

  private answerTo(request: WorkflowRequest): Promise<object> | object {
    switch (request.ask) {
      case 'cluster':
        return clusterAnswer(this.plane.state, request.cluster, this.clock.now());
      case 'links':
        return linksAnswer(this.plane.state, this.clock.now());
      case 'list':
        return this.list();
      case 'show':
        return this.show(request.id);
      case 'cancel':
        return this.carry(request.id, (carrier) => carrier.cancel(request.id));
      case 'signal':
        return this.carry(request.id, (carrier) => carrier.signal(request.id, request.name, request.payload));
    }
  }

  private async list(): Promise<WorkflowSummary[]> {
    const records = Object.entries(this.plane.state.workflows);
    const isRunning = (status: WorkflowStatus): number => (status === 'running' ? 1 : 0);
    records.sort(([, a], [, b]) => isRunning(b.status) - isRunning(a.status) || b.requested - a.requested);
    return Promise.all(
      records.slice(0, LISTED_MAX).map(async ([id]) => this.summary(id, inputOf(await this.journal.load(id)))),
    );
  }

  private async show(id: string): Promise<WorkflowView> {
    mustHave(this.plane.state, id);
    const history = await this.journal.load(id);
    const input = inputOf(history);
    const ended = history.find((entry) => entry.kind === 'ended');
    return {
      ...(await this.summary(id, input)),
      input,
      history,
      ...(ended?.result !== undefined && { result: ended.result }),
      ...(ended?.error !== undefined && { error: ended.error }),
    };
  }

  private async summary(id: string, input: unknown): Promise<WorkflowSummary> {
    const { state } = this.plane;
    const { name, status, requested } = mustHave(state, id);
    // A workflow without progress is shown all the same.
    const progress = status === 'running' ? await this.progress(id) : undefined;
    return {
      id,
      name,
      status,
      requested,
      cluster: subjectOf(state, input).clusters.join(', '),
      ...(progress && { progress }),
    };
  }

  private async progress(id: string): Promise<WorkflowProgress | undefined> {
    try {
      return await this.carrier()?.progress(id);
    } catch {
      return undefined;
    }
  }

  private async carry(id: string, act: (carrier: WorkflowCarrier) => Promise<void>): Promise<object> {
    mustHave(this.plane.state, id);
    const carrier = this.carrier();
    if (carrier === undefined)
      throw new FlowgridError('closed', 'nobody carries workflows out yet', { canRetry: true });
    await act(carrier);
    return {};
  }
}

function mustHave({ workflows }: GridState, id: string): GridState['workflows'][string] {
  const record = workflows[id];
  if (record !== undefined) return record;
  throw new FlowgridError('not-found', `there is no workflow ${id}`, { remedy: "'flowgrid workflow list' names them" });
}

/** @throws FlowgridError `not-found` */
function clusterAnswer(state: GridState, named: string, now: Millis): ClusterAnswer {
  const clusters = Object.values(state.clusters);
  const cluster =
    clusters.find(({ settings }) => settings.name === named) ??
    clusters.find(({ settings: { id } }) => String(id) === named);
  if (cluster === undefined) {
    const names = clusters.map(({ settings }) => settings.name).join(', ');
    throw new FlowgridError('not-found', `there is no cluster ${named}`, { remedy: `the grid has ${names}` });
  }
  const { id, name } = cluster.settings;
  const told = ({ node, weight, status }: NodeState): MemberAnswer => ({
    node,
    name: nodeName(name, node),
    weight,
    status,
  });
  const serving = servingNodes(cluster);
  return {
    cluster: id,
    name,
    now: Math.max(now, state.at),
    serving: serving.map(told),
    joining: joiningNodes(state, cluster, serving).map(told),
    spares: freeSpares(cluster).map(told),
    room: Math.max(0, freeRoom(state, cluster)),
  };
}

/** Those that workflows which still run have set aside, and that serve not yet. */
function joiningNodes(state: GridState, cluster: ClusterState, serving: readonly NodeState[]): NodeState[] {
  return nodesOf(cluster).filter(
    (node) => state.workflows[node.reservedBy]?.status === 'running' && !serving.includes(node),
  );
}

function inputOf(history: readonly WorkflowJournalEntry[]): unknown {
  return history.find((entry) => entry.kind === 'started')?.input;
}

/** @throws FlowgridError `usage` */
function requestOf(asked: string): WorkflowRequest {
  let request: { readonly [field: string]: unknown } | null;
  try {
    request = JSON.parse(asked) as typeof request;
  } catch {
    request = null;
  }
  const fields = FIELDS[String(request?.['ask'])];
  if (request === null || fields === undefined || !fields.every((field) => typeof request[field] === 'string')) {
    throw new FlowgridError('usage', `not a request about workflows: ${asked.slice(0, 100)}`);
  }
  return request as unknown as WorkflowRequest;
}

/** The texts that each request needs. */
const FIELDS: { readonly [ask: string]: readonly string[] | undefined } = {
  cluster: ['cluster'],
  links: [],
  list: [],
  show: ['id'],
  cancel: ['id'],
  signal: ['id', 'name'],
};

function json(value: object): Uint8Array {
  return Buffer.from(JSON.stringify(value));
}
