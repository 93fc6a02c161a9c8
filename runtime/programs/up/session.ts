import { dirname, resolve } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { stateHash } from '../../../adapters/codec/hash';
import { openLmdbLog, type LmdbLog } from '../../../adapters/log/lmdb';
import { SimClock } from '../../../adapters/sim/sim-clock';
import { FlowgridError } from '../../../domain/base/errors';
import { nodeRef, type Micros, type Millis, type NodeRef, type Seq } from '../../../domain/base/ids';
import { nodesOf, type ClusterState } from '../../../domain/cluster/state';
import { COMMAND_LIFETIME_MS, type CommandBody, type Outcome } from '../../../domain/commands';
import type { TopologyEvent } from '../../../domain/events';
import { canonicalState, type GridState } from '../../../domain/grid-state';
import type { Commit } from '../../../domain/log/commit';
import { isAttached } from '../../../domain/probe/decide';
import { wholeTopologies } from '../../../domain/topology/state';
import { DEFAULT_FLOOD } from '../../../domain/topology/topology';
import type { NodeLimits } from '../../../dataplane/node/node-group';
import type { UpOptions } from '../../../interface/cli/programs';
import type { Acknowledged, Verdicts } from '../../../projections/verdicts';
import type { DataplaneHost, GridHarvest } from '../../agent/dataplane-host';
import { InlineHost } from '../../agent/inline-host';
import { ProbeDesk } from '../../agent/probe-desk';
import { standingAlong, type Standing } from '../../agent/placement';
import { WorkerHost } from '../../agent/worker-host';
import { createControlPlane, type ControlPlane } from '../../control/control-plane';
import type { Alert } from '../../control/effects';
import { answerCommand } from '../../control/remote-commands';
import { createWorkflowJournal } from '../../control/workflow-journal';
import { WorkflowDesk } from '../../control/workflow-requests';
import type { VERDICTS_REQUEST } from '../check';
import { defaultKeyPath, readGridKey, readOrCreateGridKey } from '../grid-key';
import { rebuilt } from '../log-reading';
import { endProbes } from '../probe/serving';
import { verifyToken } from '../probe/token';
import { wallMicros } from '../wall-clock';
import type { SocketRequest } from '../mnode/requests';
import { Provisioner, stuckAlert } from '../provisioner';
import { aftermathOf, endingsOf, type Aftermath } from './aftermath';
import { Conductor, TopologyOrders } from './conductor';
import { Fleet, takesPart } from './fleet';
import { FlowLedger } from './flow-ledger';
import { LoadMeter } from './load-meter';
import { busiest, Observation } from './observation';
import { Receipts } from './receipts';

/** Frame slots of a hosted dataplane: bounds what can be under way and held. */
const SLOTS = 32_768;
/** Bytes for tables and rings; the operating system backs only what is touched. */
const TABLE_BYTES = 1_500 * 1024 * 1024;
/** A table takes this part of its places, which are a power of two. */
const TABLE_LOAD = 0.7;

/** Tables with room for that many flows. */
function limitsFor(flowsPerNode: number): Pick<NodeLimits, 'flows' | 'connections'> {
  const places = 2 ** Math.ceil(Math.log2(flowsPerNode / TABLE_LOAD));
  return { flows: places, connections: places };
}

export interface SessionEvents {
  /** What stood before this run. */
  readonly past: (state: GridState) => void;
  /** Something that a person would want to see happen, at this grid time. */
  readonly happened: (at: Micros, commit: Commit<TopologyEvent>) => void;
  /** The grid is at rest after a hello round. */
  readonly round: (session: Session) => void;
  /** Nodes have told what they observed. */
  readonly harvested: (harvest: GridHarvest, fleet: Fleet) => void;
  /** Something that an operator should know now. */
  readonly alerted: (alert: Alert) => void;
}

/** A running grid: log, control plane, nodes and those who watch them, wired together. */
export class Session {
  private acknowledged: Acknowledged[] = [];
  private commands = 0;

  private constructor(
    readonly log: LmdbLog,
    readonly control: ControlPlane,
    readonly host: DataplaneHost,
    readonly fleet: Fleet,
    readonly conductor: Conductor,
    readonly observation: Observation,
    private readonly clock: SimClock,
    private readonly ledger: FlowLedger,
    private readonly receipts: Receipts | undefined,
    private readonly provisioner: Provisioner,
    private readonly desk: WorkflowDesk,
    private readonly probes: ProbeDesk,
  ) {}

  /**
   * Opens the data directory, brings the grid to what `wanted` says, and starts its nodes.
   *
   * @param start grid time of the first frame; the grid begins there, or after all that its log tells if that is later
   * @throws FlowgridError `log-locked` while another program runs a grid there, `rejected` when a command is refused.
   */
  static async open(
    options: UpOptions,
    start: Micros,
    wanted: (state: ControlPlane['state']) => readonly CommandBody[],
    events: SessionEvents,
    flowsPerNode = DEFAULT_FLOOD.flowsPerNode,
  ): Promise<Session> {
    let session: Session | undefined;
    const log = await openLmdbLog({
      dir: options.data,
      mode: 'writer',
      onRequest: async (bytes) => {
        if (session === undefined) throw new FlowgridError('closed', 'the grid is starting', { canRetry: true });
        return session.answer(bytes);
      },
    });
    try {
      const ledger = await FlowLedger.open(log);
      const aftermath = aftermathOf(log, ledger);
      const begin = Math.max(start, aftermath.latest + 1_000);
      const onRound = (): void => {
        if (session !== undefined) events.round(session);
      };
      session = await Session.assemble(options, { log, ledger }, begin, events, onRound, flowsPerNode);
      await session.establish(wanted, aftermath, events.past);
      return session;
    } catch (error) {
      await session?.close();
      if (session === undefined) await log.close();
      throw error;
    }
  }

  private static async assemble(
    options: UpOptions,
    { log, ledger }: { readonly log: LmdbLog; readonly ledger: FlowLedger },
    start: Micros,
    events: Pick<SessionEvents, 'happened' | 'harvested' | 'alerted'>,
    onRound: () => void,
    flowsPerNode: number,
  ): Promise<Session> {
    const receipts = options.receipts === undefined ? undefined : new Receipts(options.receipts);
    const secret =
      options.key === undefined ? readOrCreateGridKey(defaultKeyPath(options.data)) : readGridKey(options.key);
    const clock = new SimClock(Math.floor(start / 1000));
    const observation = new Observation({
      secret,
      ...(options.out === undefined ? {} : { out: options.out }),
      ...(options.internalOut === undefined ? {} : { internalOut: options.internalOut }),
      internalComments: options.internalComments,
    });
    const orders = new TopologyOrders();
    const hostOptions = {
      secret,
      workers: options.workers,
      slots: SLOTS,
      bytes: TABLE_BYTES,
      limits: limitsFor(flowsPerNode),
      baseDirectory: dirname(resolve(options.grid)),
      taps: true,
      wallClock: wallMicros,
      standing: (ref: NodeRef) => standingsIn(control.state)(ref),
      output: (network: number, at: Micros, frameNo: number, bytes: Uint8Array, from: number, length: number) =>
        observation.frameLeft(network, at, frameNo, bytes, from, length),
    };
    const host = options.workers > 1 ? await WorkerHost.start(hostOptions) : new InlineHost(hostOptions);
    const past = log.head().seq;
    const control = createControlPlane({
      log: receipts?.around(log) ?? log,
      clock,
      timers: clock,
      name: 'MA-1',
      listeners: [orders],
      autoscale: true,
      onCommit: (commit, state, hash) => {
        if (commit.seq <= past) return;
        receipts?.folded(commit, state, hash);
        observation.commit(commit);
        provisioner.folded(commit);
        for (const event of commit.events) {
          if (event.type === 'NodeFailed') host.setReachable(nodeRef(event.data.cluster, event.data.node), false);
        }
        events.happened(commit.at * 1000, commit);
      },
    });
    const chains = new Map((await log.chains()).map((head) => [head.chain, head]));
    const provisioner = new Provisioner({
      control,
      log,
      clock,
      timers: clock,
      counted: async ({ cluster, node }) =>
        (await host.statistics()).find((each) => each.node === nodeRef(cluster, node))?.counted,
      onStuck: (workflow, error) => events.alerted(stuckAlert(workflow, error, clock.now())),
    });
    const probes = new ProbeDesk({
      host,
      clock: wallMicros,
      verify: (token) => verifyToken(secret, token, Date.now()),
      topology: () => control.state.topology.latest ?? undefined,
      isLogged: (probe) => isAttached(control.state, probe),
      abandoned: (left) => void Promise.all(left.map(({ id }) => forgetProbe(control, clock, id))),
    });
    const desk = new WorkflowDesk(control, createWorkflowJournal(control, log, clock), clock, () => provisioner);
    const fleet = new Fleet(host, control, chains);
    const conductor = new Conductor(
      {
        host,
        control,
        clock,
        fleet,
        orders,
        meter: new LoadMeter(host, control),
        carryOn: () => carriedOn(provisioner, control),
        onAppended: (batch) => ledger.took(batch),
        onHarvest: (harvest) => {
          observation.harvest(harvest, fleet);
          void probes.sweep();
          events.harvested(harvest, fleet);
        },
        onRound,
      },
      start,
    );
    return new Session(
      log,
      control,
      host,
      fleet,
      conductor,
      observation,
      clock,
      ledger,
      receipts,
      provisioner,
      desk,
      probes,
    );
  }

  /** Leads, brings the grid to what is wanted, starts its nodes and waits until they carry flows. */
  private async establish(
    wanted: (state: ControlPlane['state']) => readonly CommandBody[],
    aftermath: Aftermath,
    past: SessionEvents['past'],
  ): Promise<void> {
    await this.recallPast(past);
    await this.control.start();
    await this.conductor.obey();
    for (const id of Object.keys(this.control.state.links.probes))
      await forgetProbe(this.control, this.clock, Number(id));
    await Promise.all(wanted(this.control.state).map((body) => this.command(body)));
    await this.fleet.hostMembers(this.control.state);
    this.fleet.hello();
    await this.conductor.obey();
    this.observation.openFiles(this.control.state);
    await this.provisioner.resume();
    await this.conductor.idle(1);
    if (this.control.state.topology.live.every(({ appliedAt }) => appliedAt === 0)) {
      throw new FlowgridError('internal', 'no topology was applied: the grid cannot carry flows');
    }
    await this.endWhatWasLeft(aftermath);
  }

  /** Whoever watches gets to know the grid as it stands, from the state: however long its history is. */
  private async recallPast(past: SessionEvents['past']): Promise<void> {
    const { control } = this;
    await control.load();
    this.observation.past(control.state, [...wholeTopologies(control.state.topology)].reverse());
    past(control.state);
  }

  /** Flows that earlier programs left open ended with them: the log says so before the first new flow. */
  private async endWhatWasLeft(aftermath: Aftermath): Promise<void> {
    const inForce = this.control.state.topology.live.at(-1)?.seq ?? 0;
    for (const { chain, event } of endingsOf(aftermath, inForce)) this.fleet.spoolFor(chain).add([event]);
    await this.conductor.harvest();
  }

  /** Submits an operator's command. @throws FlowgridError `rejected` with the reason. */
  async command(body: CommandBody): Promise<Outcome> {
    const id = `operator/${this.control.state.epoch}/${++this.commands}`;
    const outcome = await this.control.submit({
      id,
      by: 'operator:up',
      deadline: this.clock.now() + COMMAND_LIFETIME_MS,
      body,
    });
    if (outcome.status === 'rejected') {
      throw new FlowgridError('rejected', `${body.type}: ${outcome.rejection.message}`);
    }
    if (outcome.status === 'accepted') this.acknowledged.push({ commandId: id, seq: outcome.seq });
    return outcome;
  }

  /** Kills a node, named (`AB-2`) or the one of a named cluster (`AB`) with most live flows; returns its name. */
  async kill(name: string, atFrame: number): Promise<string> {
    const { host, fleet, conductor, observation } = this;
    const cluster = this.clusterNamed(name);
    const ref =
      cluster === undefined
        ? this.nodeNamed(name)
        : busiest(await host.statistics(), cluster.settings.id, (each) => fleet.get(each)?.alive === true);
    if (ref === 0) throw new FlowgridError('not-found', `cluster ${name} has no living node`);
    await fleet.kill(ref);
    const last = (await host.statistics()).find(({ node }) => node === ref);
    observation.died(ref, conductor.now, atFrame, last);
    return fleet.get(ref)!.name;
  }

  async revive(name: string): Promise<void> {
    const ref = this.nodeNamed(name);
    await this.conductor.obey();
    await this.fleet.revive(ref);
    this.observation.revived(ref);
    await this.conductor.obey();
  }

  /** Brings a cluster to `wanted` nodes: spares join, or the nodes with the highest IDs drain and leave. */
  async scale(name: string, wanted: number): Promise<void> {
    const cluster = this.clusterNamed(name);
    if (cluster === undefined) throw new FlowgridError('not-found', `there is no cluster ${name}`);
    const { id } = cluster.settings;
    const serving = nodesOf(cluster).filter(
      ({ status, spare }) => status === 'active' || (status === 'configured' && !spare),
    );
    const spares = nodesOf(cluster).filter(({ status, spare }) => spare && status === 'admitted');
    if (wanted > serving.length + spares.length) {
      throw new FlowgridError('usage', `cluster ${name} has ${spares.length} spares, too few for ${wanted} nodes`, {
        remedy: `List more under the cluster's spares in the grid file.`,
      });
    }
    for (const { node, weight } of spares.slice(0, Math.max(0, wanted - serving.length))) {
      await this.command({ type: 'AdmitNode', data: { cluster: id, node, weight, spare: false } });
    }
    for (const { node } of serving.slice(wanted)) {
      await this.command({ type: 'DrainNode', data: { cluster: id, node, withinMs: 0, thenRemove: true } });
    }
    await this.conductor.obey();
    await this.fleet.hostMembers(this.control.state);
    this.fleet.hello();
    await this.conductor.obey();
  }

  /** The invariants, judged from everything observed so far. */
  async verdicts(isFinal: boolean): Promise<Verdicts> {
    await this.conductor.harvest();
    const { seq } = this.control.head;
    const logged = new Map<string, Seq>();
    const state = await rebuilt(this.log, seq, ({ commandId, seq: at }) => logged.set(commandId, at));
    return this.observation.verdicts(await this.host.statistics(), {
      replay: {
        seq,
        live: this.control.stateHash(),
        rebuilt: stateHash(canonicalState(state)),
      },
      durability: { acknowledged: this.acknowledged, logged },
      isFinal,
    });
  }

  /** Answers other flowgrid programs, over the log's socket. */
  private async answer(bytes: Uint8Array): Promise<Uint8Array> {
    const asked = JSON.parse(Buffer.from(bytes).toString()) as SocketRequest | typeof VERDICTS_REQUEST;
    switch (asked.request) {
      case 'verdicts':
        return Buffer.from(JSON.stringify(await this.verdicts(false)));
      case 'probe':
        return this.probes.answer(asked.probe);
      case 'mnode-command':
        return answerCommand(this.control, Buffer.from(asked.command, 'base64'), (deadline) =>
          this.inGridTime(deadline),
        );
      case 'mnode-workflow':
        return this.desk.answer(JSON.stringify(asked.workflow));
      default:
        throw new FlowgridError('usage', `'flowgrid up' does not answer ${JSON.stringify(asked.request)}`);
    }
  }

  /** Grid time is the capture's, and may leap: whoever asks in time gets the longest that a command may wait. */
  private inGridTime(deadline: Millis): Millis {
    return this.clock.now() + (deadline < Date.now() ? -1 : COMMAND_LIFETIME_MS);
  }

  /** How far the log goes, its bytes on disk, and the hash of its head. */
  async logFigures(): Promise<{ readonly seq: Seq; readonly bytes: number; readonly head: string }> {
    const { seq, hash } = this.control.head;
    return { seq, bytes: await this.log.sizeBytes(), head: hash };
  }

  async close(): Promise<void> {
    await endProbes(this.probes);
    await this.provisioner.close();
    await this.control.stop();
    // A cache: without it the next start only takes longer.
    await this.ledger.keep().catch(() => undefined);
    await this.host.close();
    this.observation.close();
    this.receipts?.close();
    await this.log.close();
  }

  private clusterNamed(name: string): ClusterState | undefined {
    return Object.values(this.control.state.clusters).find(({ settings }) => settings.name === name);
  }

  private nodeNamed(name: string): NodeRef {
    for (const life of this.fleet.all()) if (life.name === name) return life.ref;
    const names = Array.from(this.fleet.all(), (life) => life.name).join(', ');
    throw new FlowgridError('not-found', `there is no node ${name}`, { remedy: `Nodes of this grid: ${names}.` });
  }
}

/**
 * Lets workflows go on until each waits for something: what they do between two commits takes promises, and no time. What
 * happens then depends on grid time alone.
 */
async function carriedOn(provisioner: Provisioner, control: ControlPlane): Promise<void> {
  for (let before = -1; provisioner.isBusy && before !== control.head.seq;) {
    before = control.head.seq;
    await turn();
    await control.settle();
  }
}

/** A probe point whose collector is gone is detached. */
async function forgetProbe(control: ControlPlane, clock: SimClock, probe: number): Promise<void> {
  await control.submit({
    id: `probes/${control.state.epoch}/${probe}/${control.head.seq}`,
    by: 'operator:up',
    deadline: clock.now() + COMMAND_LIFETIME_MS,
    body: { type: 'DetachProbe', data: { probe } },
  });
}

/** The rows that were made: all nodes that arrive while the state stands still are placed by the same one. */
const rows = new WeakMap<GridState, Standing>();

/** Where nodes stand among all that the grid counts on now. */
function standingsIn(state: GridState): Standing {
  const known = rows.get(state);
  if (known !== undefined) return known;
  const placed = Object.values(state.clusters).map((cluster) => ({
    id: cluster.settings.id,
    failure: cluster.settings.failure,
    nodes: nodesOf(cluster)
      .filter(takesPart)
      .map(({ node }) => node),
  }));
  const row = standingAlong(placed, Object.values(state.paths));
  rows.set(state, row);
  return row;
}
