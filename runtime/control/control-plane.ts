import { stateHash } from '../../adapters/codec/hash';
import type { Opinion } from '../../actors/accusations';
import { AGENT_SILENCE_MS } from '../../actors/placement';
import { retirable } from '../../actors/reactions';
import { nodeActor, type ActorRuntime } from '../../actors/runtime';
import type { LoadSample } from '../../domain/autoscale/load';
import { FlowgridError } from '../../domain/base/errors';
import {
  clusterOf,
  nodeOf,
  type ClusterId,
  type Incarnation,
  type Millis,
  type NodeRef,
  type WireId,
} from '../../domain/base/ids';
import type { CommandRequest, Outcome } from '../../domain/commands';
import type { TopologyEvent } from '../../domain/events';
import { canonicalState, type GridState } from '../../domain/grid-state';
import type { Commit } from '../../domain/log/commit';
import type { FlowBatchRecord } from '../../domain/seams/event-log';
import type { LiveTopology } from '../../domain/topology/state';
import type { PublishedTopology } from '../../domain/topology/topology';
import { Anchoring } from './anchoring';
import { CommandHandler, DEFAULT_RETRY, deposed } from './command-handler';
import { FlowIntake } from './flow-intake';
import { FoldedLog } from './folded-log';
import type { ControlPlaneOptions, ControlRole } from './options';
import { readBundle } from './package-reading';
import { Publication } from './publication';
import { Reactor } from './reactor';
import { Timekeeper } from './timekeeper';
import { topologyUpcasters } from './upcasters';
import { Watchers } from './watchers';
import { WorldView } from './world-view';

export type { ControlPlaneOptions, ControlRole } from './options';

/** Creates a control plane over an open log; {@link ControlPlane.start} makes it lead. */
export function createControlPlane(options: ControlPlaneOptions): ControlPlane {
  return new ControlPlane(options);
}

/**
 * The control plane of one grid: decides commands, reacts to what it folds and to what nodes tell, watches their
 * hellos, publishes topologies. Everything that changes the grid is a commit in the log; the same inputs at the same
 * times make the same log, byte for byte.
 */
export class ControlPlane {
  private readonly folded: FoldedLog;
  private readonly handler: CommandHandler;
  private readonly view: WorldView;
  private readonly reactor: Reactor;
  private readonly time: Timekeeper;
  private readonly publication: Publication;
  private readonly anchoring: Anchoring;
  private readonly watchers: Watchers;
  private loaded = false;
  private current: ControlRole = 'idle';
  /** Leads, and has told nodes so. */
  private started = false;
  private closed = false;
  private unfollow: (() => void) | undefined;

  constructor(private readonly options: ControlPlaneOptions) {
    const { log, clock, timers, name } = options;
    this.publication = new Publication(options.listeners ?? [], log);
    this.watchers = new Watchers(timers, clock, () => this.folded.state);
    const listener = {
      restored: (state: GridState) => this.time.restore(state),
      folded: (commit: Commit<TopologyEvent>, hash: string, live: boolean) => this.onFold(commit, hash, live),
    };
    this.folded = new FoldedLog(log, topologyUpcasters(), listener, options.snapshotEvery ?? 1_000);
    this.view = new WorldView(this.folded, options);
    const leadership = {
      led: (): Promise<void> => this.takenOver(),
      deposed: (error: unknown): void => this.deposed(error),
    };
    this.handler = new CommandHandler(log, this.folded, clock, name, leadership, options.retry ?? DEFAULT_RETRY);
    const submit = (request: CommandRequest): Promise<Outcome> => this.submit(request);
    this.anchoring = new Anchoring(new FlowIntake(log, clock), {
      state: () => this.state,
      submit,
      wanted: () => this.anchorSoon(),
    });
    this.reactor = new Reactor(this.handler, this.folded, this.publication, this.view, {
      mayRun: () => this.started && !this.closed,
      isClosed: () => this.closed,
      submit,
      wakeAt: (dueAt) => this.time.wakeAt(dueAt),
      alert: (alert) => options.onAlert?.(alert),
    });
    this.time = new Timekeeper(options, {
      state: () => this.state,
      keepsTime: () => this.current === 'leading' && !this.closed,
      submit,
      submitReaction: (actor, n, body) => this.reactor.submitReaction(actor, n, body),
      anchorDue: () => void this.anchor().catch(() => this.anchorSoon()),
      wake: () => this.reactor.worldChanged(),
    });
  }

  /** Folds the log, on from its newest snapshot, and does nothing else: what stood before can be looked at. */
  async load(): Promise<void> {
    if (this.loaded) return;
    this.loaded = true;
    await this.folded.load();
  }

  /**
   * Stands by: folds the log and goes on folding as it grows, without any effect, so that {@link start} has little left
   * to read.
   */
  async follow(): Promise<void> {
    await this.load();
    if (this.closed || this.current !== 'idle') return;
    this.current = 'following';
    this.unfollow = this.folded.follow();
  }

  /**
   * Folds the log, takes over, repeats to nodes what holds and begins to watch them.
   *
   * @throws what the log throws; `log-conflict` when another control plane keeps writing. It stands by then.
   */
  async start(): Promise<void> {
    await this.load();
    this.endFollowing();
    this.current = 'leading';
    try {
      await this.handler.lead();
    } catch (error) {
      await this.standDown();
      throw error;
    }
    this.started = this.role === 'leading';
    this.reactor.kick();
  }

  /**
   * Gives leadership up, or notices that it is lost: what waits is refused, timers and what nodes told are forgotten, and
   * the log is followed. Nothing pending is lost: the next leader finds it in the state.
   */
  async standDown(): Promise<void> {
    if (this.current !== 'leading') return;
    this.current = 'idle';
    this.started = false;
    this.time.stop();
    this.time.nodes.detector.unwatchAll();
    this.view.forget();
    this.handler.standDown(deposed(this.options.name));
    await this.reactor.running;
    this.reactor.forgetTried();
    await this.folded.catchUp().catch(() => undefined);
    await this.follow();
  }

  get role(): ControlRole {
    return this.current;
  }

  /** The state as of the newest commit read back. */
  get state(): GridState {
    return this.folded.state;
  }

  /** Seq and hash of that commit. */
  get head(): { readonly seq: number; readonly hash: string } {
    return { seq: this.folded.state.seq, hash: this.folded.hash };
  }

  /** SHA-256 of the whole state's canonical text: equal to the hash of a replay up to the same seq. */
  stateHash(): string {
    return stateHash(canonicalState(this.folded.state));
  }

  /** What the machines are in, by actor. */
  actorStates(): ReturnType<ActorRuntime['states']> {
    return this.time.states();
  }

  /**
   * Submits a command; resolves when its outcome is durable. A repeat of an id gets the first outcome.
   *
   * @throws FlowgridError `closed`; `log-locked` by a standby, or when another control plane has taken over; `log-failed` or `log-conflict` when the log took nothing in all attempts: the
   * outcome is unknown, the same id may be submitted again.
   */
  submit(request: CommandRequest): Promise<Outcome> {
    if (this.closed) return Promise.reject(new FlowgridError('closed', 'the control plane has stopped'));
    if (this.current === 'following') return Promise.reject(deposed(this.options.name));
    const outcome = this.handler.submit(request);
    this.reactor.kick();
    return outcome;
  }

  /**
   * Looks at the state now and after every commit, and resolves with the first value that is not undefined.
   *
   * @param withinMs of grid time; Infinity = for ever.
   * @throws FlowgridError `timeout`, `interrupted` when `cancelled` fires, `closed`.
   */
  until<Value>(
    look: (state: GridState) => Value | undefined,
    withinMs: number,
    cancelled?: AbortSignal,
  ): Promise<Value> {
    return this.watchers.until(look, withinMs, cancelled);
  }

  /** A node's hello. Cheap: one map look-up, unless it changes something. */
  hello(ref: NodeRef, incarnation: Incarnation, at: Millis = this.options.clock.now()): void {
    this.view.observed.hello(ref, incarnation, at);
    // A standby knows who lives when it takes over; what to do about it is the leader's business.
    if (this.current !== 'leading') return;
    this.time.nodes.detector.hello(ref, incarnation, at);
    const node = this.folded.state.clusters[clusterOf(ref)]?.nodes[nodeOf(ref)];
    if (node === undefined || node.status === 'removed') this.discover(ref, incarnation);
    else if (node.status !== 'active' || node.incarnation !== incarnation) this.reactor.worldChanged();
  }

  /** An agent's hello: it may get nodes, and those that it has may be told to live again. */
  agentHello(name: string, life: number, at: Millis = this.options.clock.now()): void {
    const known = this.view.observed.agent(name);
    this.view.observed.agentHello(name, life, at);
    this.time.nodes.detector.heard(at);
    // What is told again and again changes nothing; who was silent may be placed with again.
    if (known === undefined || known.life < life || at - known.seenAt > AGENT_SILENCE_MS / 2)
      this.reactor.worldChanged();
  }

  /** Whether hellos can come at all; while they cannot nobody is held dead, however long that lasts. At first they can. */
  canHear(canHear: boolean): void {
    this.time.nodes.detector.setDeaf(!canHear, this.options.clock.now());
  }

  /** Whether it has taken over and nothing has shown yet that it leads no longer. */
  get isLeading(): boolean {
    return this.started && this.handler.isLeading && !this.closed;
  }

  /** Topologies that no FNODE's flow carries any more, and that nodes should forget. */
  retirable(): readonly LiveTopology[] {
    return retirable(this.view.world());
  }

  /** The FNODE stamps the topology, or a newer one, from now on. */
  reportStamped(ref: NodeRef, version: number): void {
    this.view.observed.stamps(ref, version, this.options.clock.now());
    this.reactor.worldChanged();
  }

  /** The node has installed the topology. Acknowledging a version acknowledges the ones before it. */
  acknowledgeTopology(ref: NodeRef, version: number): void {
    this.view.observed.installed(ref, version);
    this.reactor.worldChanged();
  }

  /** The node holds nothing of the topology and never will: the answer to `retiring`. */
  acknowledgeRetirement(ref: NodeRef, version: number): void {
    this.view.observed.done(ref, version);
    this.reactor.worldChanged();
  }

  /** The wire IDs that the FNODE's live flows carry, and the one that it stamps. */
  reportLiveWires(ref: NodeRef, wires: Iterable<WireId>): void {
    this.view.observed.liveWires(ref, wires, this.options.clock.now());
    this.reactor.worldChanged();
  }

  /**
   * How many live flows have the node as primary and as backup: how a draining node shows that it is drained.
   *
   * @param at when they were counted, or earlier.
   */
  reportFlows(ref: NodeRef, primary: number, backup: number, at: Millis = this.options.clock.now()): void {
    this.view.observed.flows(ref, primary, backup, at);
    if (this.folded.state.clusters[clusterOf(ref)]?.nodes[nodeOf(ref)]?.status === 'draining')
      this.reactor.worldChanged();
  }

  /** All that an agent's nodes hold against the lives of others. */
  reportDead(agent: string, opinion: Opinion): void {
    this.view.observed.accusations.told(agent, opinion, this.options.clock.now());
    this.reactor.worldChanged();
  }

  /** Whether loads are worth measuring: some cluster follows its own, and this control plane leads. */
  get wantsLoads(): boolean {
    if (this.options.autoscale !== true || this.current !== 'leading') return false;
    return Object.values(this.folded.state.clusters).some(({ settings }) => settings.autoscale !== undefined);
  }

  /**
   * What a cluster's nodes carry, those that drain included. A cluster that follows no load is passed over.
   *
   * @param sample no older than an earlier one of the cluster
   */
  reportLoad(cluster: ClusterId, sample: LoadSample): void {
    const settings = this.folded.state.clusters[cluster]?.settings.autoscale;
    if (settings === undefined) return;
    this.view.loads.tell(cluster, sample, settings.windowMs);
    this.reactor.worldChanged();
  }

  /**
   * Nobody was expected to say hello between `gapBegan` and `at`: call it before the clock is moved over a silent gap
   * of a replayed capture.
   */
  excuseSilence(gapBegan: Millis, at: Millis): void {
    this.time.nodes.detector.excuse(gapBegan, at);
  }

  /** A live topology's whole text, for a node that missed it; undefined if it is not live. */
  published(version: number): Promise<PublishedTopology | undefined> {
    return this.publication.published(this.folded.state.topology, version);
  }

  /** The bytes of a package that was published, whose hash the log tells, too; undefined if there is none. */
  async bundle(sha256: string): Promise<Uint8Array | undefined> {
    const record = Object.values(this.folded.state.packages).find((each) => each.sha256 === sha256);
    return record === undefined ? undefined : readBundle(this.options.log, record);
  }

  /** Takes a flow batch into the log. Durable when resolved; the log's acknowledgement is passed on. */
  appendFlows(batch: FlowBatchRecord): Promise<'appended' | 'duplicate' | 'gap'> {
    return this.anchoring.append(batch);
  }

  /** Fixes in `topology` how far every flow chain is known. */
  anchor(): Promise<void> {
    return this.anchoring.anchor();
  }

  /** Resolves when no command, reaction, flow batch or deadline due now is outstanding. */
  async settle(): Promise<void> {
    for (;;) {
      this.time.ringDue();
      await this.reactor.running;
      await this.anchoring.settled();
      if (this.reactor.running === undefined && this.handler.waiting === 0 && !this.anchoring.isBusy) return;
    }
  }

  /** Finishes what is under way, then refuses everything; the log stays open. */
  async stop(): Promise<void> {
    this.closed = true;
    this.endFollowing();
    this.time.stop();
    await this.reactor.running;
    const error = new FlowgridError('closed', 'the control plane has stopped');
    this.handler.close(error);
    this.watchers.close(error);
  }

  private onFold(commit: Commit<TopologyEvent>, hash: string, live: boolean): void {
    const effects = this.time.fold(commit);
    this.reactor.forgetTried();
    // What the machines asked for in the past was done in the past, and taking over repeats what holds.
    if (live) {
      this.time.perform(effects);
      this.time.nodes.watchChanged(commit, this.folded.state, this.view.now);
      this.publication.folded(commit, hash, this.folded.state.topology);
      this.publication.applied(commit, this.folded.state.topology);
    }
    this.options.onCommit?.(commit, this.folded.state, hash);
    this.watchers.look();
  }

  private endFollowing(): void {
    this.unfollow?.();
    this.unfollow = undefined;
    if (this.current === 'following') this.current = 'idle';
  }

  /** The log refuses this control plane. Its loop is still running: it ends first. */
  private deposed(error: unknown): void {
    void this.standDown().then(() => this.options.onDeposed?.(error));
  }

  /** A new leadership: machines' deadlines run, nodes are told again what holds, their silence counts from now. */
  private async takenOver(): Promise<void> {
    this.time.restore(this.folded.state);
    this.time.nodes.watchAll(this.folded.state, this.view.now);
    await this.publication.repeat(this.folded.state.topology);
    // An earlier leader may have left batches without.
    this.anchorSoon();
  }

  private anchorSoon(): void {
    const { anchorWithinMs } = this.options;
    if (anchorWithinMs !== undefined) this.time.anchorBy(this.view.now + anchorWithinMs);
  }

  private discover(ref: NodeRef, incarnation: Incarnation): void {
    const data = { cluster: clusterOf(ref), node: nodeOf(ref), incarnation };
    if (this.folded.state.clusters[data.cluster] === undefined) return;
    this.reactor.submitReaction(`${nodeActor(ref)}/discovery`, incarnation, { type: 'DiscoverNode', data });
  }
}
