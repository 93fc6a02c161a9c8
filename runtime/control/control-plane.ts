import { stateHash } from '../../adapters/codec/hash';
import type { Accused } from '../../actors/accusations';
import { Deadlines } from '../../actors/deadlines';
import { Detector } from '../../actors/detector';
import { Loads } from '../../actors/loads';
import { Observations } from '../../actors/observations';
import { AGENT_SILENCE_MS } from '../../actors/placement';
import { isPublicationBlocked, pending, reaction, retirable, wakeAt, type World } from '../../actors/reactions';
import { ActorRuntime, nodeActor, type ActorEffect } from '../../actors/runtime';
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
import type { CommandBody, CommandRequest, Outcome } from '../../domain/commands';
import type { TopologyEvent } from '../../domain/events';
import { canonicalState, type GridState } from '../../domain/grid-state';
import type { Commit } from '../../domain/log/commit';
import type { Clock, Timers } from '../../domain/seams/clock';
import type { EventLog, FlowBatchRecord } from '../../domain/seams/event-log';
import type { LiveTopology } from '../../domain/topology/state';
import type { PublishedTopology } from '../../domain/topology/topology';
import { effectAlert, effectCommand, type Alert } from './effects';
import { CommandHandler, DEFAULT_RETRY, deposed, type RetryPolicy } from './command-handler';
import { FlowIntake } from './flow-intake';
import { FoldedLog } from './folded-log';
import { NodeWatch, type Patience } from './node-watch';
import { Publication, type TopologyListener } from './publication';
import { topologyUpcasters } from './upcasters';
import { Watchers } from './watchers';

export interface ControlPlaneOptions {
  readonly log: EventLog;
  readonly clock: Clock;
  readonly timers: Timers;
  /** This control plane's name, as `LeaderElected` records it: an MNODE's node name. */
  readonly name: string;
  /** Told about topologies; more can be added later only by a new control plane. */
  readonly listeners?: readonly TopologyListener[];
  readonly onAlert?: (alert: Alert) => void;
  /** The log refuses this control plane, because another one leads: it has stood down. */
  readonly onDeposed?: (error: unknown) => void;
  /** Called for each commit as it is folded, history included; `hash` is that of its stored bytes. */
  readonly onCommit?: (commit: Commit<TopologyEvent>, state: GridState, hash: string) => void;
  /** A snapshot is kept after this many commits. Default 1,000. */
  readonly snapshotEvery?: number;
  readonly retry?: RetryPolicy;
  /** How long silent nodes are waited for, where they are heard over a bus. */
  readonly patience?: Patience;
  /**
   * Flow batches wait so many milliseconds for the others with which they are anchored, at most. Absent: until there are
   * enough of them, or somebody asks ({@link ControlPlane.anchor}).
   */
  readonly anchorWithinMs?: Millis;
  /**
   * Clusters follow their loads: whoever runs this control plane tells loads ({@link ControlPlane.reportLoad}) and carries
   * out the workflows that are requested in the log. Absent: nothing is autoscaled here.
   */
  readonly autoscale?: boolean;
}

/**
 * - `idle`: knows what it has loaded;
 * - `following`: a warm standby, which folds the log as it grows and does nothing else;
 * - `leading`: decides, appends, reacts and tells nodes.
 */
export type ControlRole = 'idle' | 'following' | 'leading';

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
  private readonly actors: ActorRuntime;
  private readonly deadlines: Deadlines;
  private readonly nodes: NodeWatch;
  private readonly observed = new Observations();
  private readonly loads = new Loads();
  private readonly publication: Publication;
  private readonly flows: FlowIntake;
  private readonly watchers: Watchers;
  /** Reactions that were refused as the world is now: not tried again until it changes. */
  private readonly tried = new Set<string>();
  private running: Promise<void> | undefined;
  /** Flow batches and anchors under way. */
  private readonly outstanding = new Set<Promise<unknown>>();
  private loaded = false;
  private current: ControlRole = 'idle';
  /** Leads, and has told nodes so. */
  private started = false;
  private closed = false;
  private unfollow: (() => void) | undefined;
  private blocked = false;

  constructor(private readonly options: ControlPlaneOptions) {
    const { log, clock, timers, name } = options;
    this.deadlines = new Deadlines(timers, (key, dueAt) => this.deadlineReached(key, dueAt));
    this.nodes = new NodeWatch(this.deadlines, options.patience);
    this.actors = new ActorRuntime((actor, dueAt) => this.setDeadline(`${ACTOR_KEY}${actor}`, dueAt));
    this.publication = new Publication(options.listeners ?? [], log);
    this.flows = new FlowIntake(log, clock);
    this.watchers = new Watchers(timers, clock, () => this.folded.state);
    const listener = {
      restored: (state: GridState) => this.actors.restore(state),
      folded: (commit: Commit<TopologyEvent>, hash: string, live: boolean) => this.onFold(commit, hash, live),
    };
    this.folded = new FoldedLog(log, topologyUpcasters(), listener, options.snapshotEvery ?? 1_000);
    const leadership = {
      led: (): Promise<void> => this.takenOver(),
      deposed: (error: unknown): void => this.deposed(error),
    };
    this.handler = new CommandHandler(log, this.folded, clock, name, leadership, options.retry ?? DEFAULT_RETRY);
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
    this.kick();
  }

  /**
   * Gives leadership up, or notices that it is lost: what waits is refused, timers and what nodes told are forgotten, and
   * the log is followed. Nothing pending is lost: the next leader finds it in the state.
   */
  async standDown(): Promise<void> {
    if (this.current !== 'leading') return;
    this.current = 'idle';
    this.started = false;
    this.deadlines.clearAll();
    this.nodes.detector.unwatchAll();
    this.observed.clear();
    this.loads.clear();
    this.handler.standDown(deposed(this.options.name));
    await this.running;
    this.tried.clear();
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
    return this.actors.states();
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
    this.kick();
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
    this.observed.hello(ref, incarnation, at);
    // A standby knows who lives when it takes over; what to do about it is the leader's business.
    if (this.current !== 'leading') return;
    this.nodes.detector.hello(ref, incarnation, at);
    const node = this.folded.state.clusters[clusterOf(ref)]?.nodes[nodeOf(ref)];
    if (node === undefined || node.status === 'removed') this.discover(ref, incarnation);
    else if (node.status !== 'active' || node.incarnation !== incarnation) this.worldChanged();
  }

  /** An agent's hello: it may get nodes, and those that it has may be told to live again. */
  agentHello(name: string, life: number, at: Millis = this.options.clock.now()): void {
    const known = this.observed.agent(name);
    this.observed.agentHello(name, life, at);
    this.nodes.detector.heard(at);
    // What is told again and again changes nothing; who was silent may be placed with again.
    if (known === undefined || known.life < life || at - known.seenAt > AGENT_SILENCE_MS / 2) this.worldChanged();
  }

  /** Whether it has taken over and nothing has shown yet that it leads no longer. */
  get isLeading(): boolean {
    return this.started && this.handler.isLeading && !this.closed;
  }

  /** Topologies that no FNODE's flow carries any more, and that nodes should forget. */
  retirable(): readonly LiveTopology[] {
    return retirable(this.world());
  }

  /** The FNODE stamps the topology, or a newer one, from now on. */
  reportStamped(ref: NodeRef, version: number): void {
    this.observed.stamps(ref, version, this.options.clock.now());
    this.worldChanged();
  }

  /** The node has installed the topology. Acknowledging a version acknowledges the ones before it. */
  acknowledgeTopology(ref: NodeRef, version: number): void {
    this.observed.installed(ref, version);
    this.worldChanged();
  }

  /** The node holds nothing of the topology and never will: the answer to `retiring`. */
  acknowledgeRetirement(ref: NodeRef, version: number): void {
    this.observed.done(ref, version);
    this.worldChanged();
  }

  /** The wire IDs that the FNODE's live flows carry, and the one that it stamps. */
  reportLiveWires(ref: NodeRef, wires: Iterable<WireId>): void {
    this.observed.liveWires(ref, wires, this.options.clock.now());
    this.worldChanged();
  }

  /**
   * How many live flows have the node as primary and as backup: how a draining node shows that it is drained.
   *
   * @param at when they were counted, or earlier.
   */
  reportFlows(ref: NodeRef, primary: number, backup: number, at: Millis = this.options.clock.now()): void {
    this.observed.flows(ref, primary, backup, at);
    if (this.folded.state.clusters[clusterOf(ref)]?.nodes[nodeOf(ref)]?.status === 'draining') this.worldChanged();
  }

  /** All lives that an agent's nodes hold dead. */
  reportDead(agent: string, dead: readonly Accused[]): void {
    this.observed.accusations.told(agent, dead, this.options.clock.now());
    this.worldChanged();
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
    this.loads.tell(cluster, sample, settings.windowMs);
    this.worldChanged();
  }

  /**
   * Nobody was expected to say hello between `gapBegan` and `at`: call it before the clock is moved over a silent gap
   * of a replayed capture.
   */
  excuseSilence(gapBegan: Millis, at: Millis): void {
    this.nodes.detector.excuse(gapBegan, at);
  }

  /** A live topology's whole text, for a node that missed it; undefined if it is not live. */
  published(version: number): Promise<PublishedTopology | undefined> {
    return this.publication.published(this.folded.state.topology, version);
  }

  /** Takes a flow batch into the log. Durable when resolved; the log's acknowledgement is passed on. */
  appendFlows(batch: FlowBatchRecord): Promise<'appended' | 'duplicate' | 'gap'> {
    return this.track(this.takeFlows(batch));
  }

  /** Fixes in `topology` how far every flow chain is known. */
  anchor(): Promise<void> {
    return this.track(this.submitAnchors());
  }

  /** Resolves when no command, reaction, flow batch or deadline due now is outstanding. */
  async settle(): Promise<void> {
    for (;;) {
      const due = this.deadlines.nextDue();
      if (due !== undefined && due <= this.options.clock.now()) this.deadlines.ring(this.options.clock.now());
      await this.running;
      await Promise.allSettled(this.outstanding);
      if (this.running === undefined && this.handler.waiting === 0 && this.outstanding.size === 0) return;
    }
  }

  /** Finishes what is under way, then refuses everything; the log stays open. */
  async stop(): Promise<void> {
    this.closed = true;
    this.endFollowing();
    this.deadlines.clearAll();
    await this.running;
    const error = new FlowgridError('closed', 'the control plane has stopped');
    this.handler.close(error);
    this.watchers.close(error);
  }

  /** Starts the loop if it does not run. In a microtask, so that what is submitted together is handled together. */
  private kick(): void {
    if (this.running !== undefined || !this.started || this.closed) return;
    this.running = Promise.resolve()
      .then(() => this.run())
      .finally(() => {
        this.running = undefined;
        if (this.handler.waiting > 0) this.kick();
      });
  }

  /** Handles what waits, then what the grid should do of itself, until there is nothing of either. */
  private async run(): Promise<void> {
    for (;;) {
      while (this.handler.waiting > 0) await this.handler.handleBatch();
      await this.keepSnapshot();
      if (this.closed || !this.handler.isLeading || !this.react()) return;
    }
  }

  /** Submits the reactions that are due and were not refused already; false if there are none. */
  private react(): boolean {
    const world = this.world();
    this.publication.askForRetirement(world);
    this.alertWhenBlocked(world);
    this.setDeadline(WAKE_KEY, wakeAt(world) ?? 0);
    const due = pending(world).filter(({ id, body }) => !this.tried.has(`${id} ${body.type}`));
    for (const request of due) {
      this.tried.add(`${request.id} ${request.body.type}`);
      // A refusal shows in the state; a log that takes nothing fails whoever else submits.
      void this.handler.submit(request).catch(() => undefined);
    }
    return due.length > 0;
  }

  private world(): World {
    const { state } = this.folded;
    const world = { state, observed: this.observed, now: Math.max(this.options.clock.now(), state.at) };
    return this.options.autoscale === true ? { ...world, loads: this.loads } : world;
  }

  /** Something that reactions look at has changed. */
  private worldChanged(): void {
    this.tried.clear();
    this.kick();
  }

  private onFold(commit: Commit<TopologyEvent>, hash: string, live: boolean): void {
    const effects = this.actors.fold(commit);
    this.tried.clear();
    // What the machines asked for in the past was done in the past, and taking over repeats what holds.
    if (live) {
      this.perform(effects);
      this.nodes.watchChanged(commit, this.folded.state, this.world().now);
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
    this.actors.restore(this.folded.state);
    this.nodes.watchAll(this.folded.state, this.world().now);
    await this.publication.repeat(this.folded.state.topology);
    // An earlier leader may have left batches without.
    this.anchorSoon();
  }

  private async takeFlows(batch: FlowBatchRecord): Promise<'appended' | 'duplicate' | 'gap'> {
    const result = await this.flows.append(batch);
    if (this.flows.isAnchorDue) await this.submitAnchors();
    else if (result === 'appended') this.anchorSoon();
    return result;
  }

  private anchorSoon(): void {
    const { anchorWithinMs } = this.options;
    if (anchorWithinMs === undefined || this.deadlines.has(ANCHOR_KEY)) return;
    this.setDeadline(ANCHOR_KEY, this.world().now + anchorWithinMs);
  }

  private async submitAnchors(): Promise<void> {
    const { state } = this.folded;
    const request = await this.flows.anchorRequest(state.seq, state.anchors);
    if (request !== undefined) await this.submit(request);
  }

  private track<Result>(work: Promise<Result>): Promise<Result> {
    this.outstanding.add(work);
    const end = (): void => void this.outstanding.delete(work);
    work.then(end, end);
    return work;
  }

  /** A snapshot is a cache: without it the next start only takes longer. */
  private async keepSnapshot(): Promise<void> {
    try {
      await this.folded.snapshotWhenDue();
    } catch (error) {
      const text = `no snapshot could be kept: ${String(error)}`;
      this.options.onAlert?.({ at: this.options.clock.now(), about: 'grid', text });
    }
  }

  private perform(effects: readonly ActorEffect[]): void {
    for (const effect of effects) {
      const command = effectCommand(effect, this.folded.state, this.options.clock.now());
      const alert = effectAlert(effect, this.folded.state, this.options.clock.now());
      if (command !== undefined) void this.submit(command).catch(() => undefined);
      if (alert !== undefined) this.options.onAlert?.(alert);
    }
  }

  private deadlineReached(key: string, dueAt: Millis): void {
    if (key.startsWith(ACTOR_KEY)) this.perform(this.actors.deadline(key.slice(ACTOR_KEY.length), dueAt));
    else if (key.startsWith(Detector.KEY)) this.checkSilence(Number(key.slice(Detector.KEY.length)), dueAt);
    else if (key === ANCHOR_KEY) void this.anchor().catch(() => this.anchorSoon());
    else this.worldChanged();
  }

  private checkSilence(ref: NodeRef, now: Millis): void {
    const silence = this.nodes.detector.check(ref, now);
    if (silence === undefined) return;
    const data = { cluster: clusterOf(ref), node: nodeOf(ref), ...silence };
    this.submitReaction(`detector/${data.cluster}/${data.node}`, silence.lastSeen, { type: 'SuspectNode', data });
  }

  private discover(ref: NodeRef, incarnation: Incarnation): void {
    const data = { cluster: clusterOf(ref), node: nodeOf(ref), incarnation };
    if (this.folded.state.clusters[data.cluster] === undefined) return;
    this.submitReaction(`${nodeActor(ref)}/discovery`, incarnation, { type: 'DiscoverNode', data });
  }

  /** A reaction to something that is no commit: `n` tells one occasion from the next. */
  private submitReaction(actor: string, n: number, body: CommandBody): void {
    const key = `${actor} ${n}`;
    if (this.tried.has(key)) return;
    this.tried.add(key);
    const request = reaction(actor, this.folded.state.seq, n, body, this.world().now);
    void this.submit(request).catch(() => undefined);
  }

  /** Only a leader keeps time: a standby's deadlines are set when it takes over. */
  private setDeadline(key: string, dueAt: Millis): void {
    if (this.current !== 'leading' || this.closed) return;
    if (dueAt === 0) this.deadlines.clear(key);
    else this.deadlines.set(key, dueAt);
  }

  private alertWhenBlocked(world: World): void {
    const isBlocked = isPublicationBlocked(world);
    if (isBlocked && !this.blocked) {
      this.options.onAlert?.({ at: world.now, about: 'grid', text: 'no topology ID is free: publication waits' });
    }
    this.blocked = isBlocked;
  }
}

/** Deadline keys: an actor's, the time at which reactions are looked at again, and that of the next anchors. */
const ACTOR_KEY = 'actor/';
const WAKE_KEY = 'wake';
const ANCHOR_KEY = 'anchor';
