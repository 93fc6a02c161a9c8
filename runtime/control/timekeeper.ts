import { Deadlines } from '../../actors/deadlines';
import { Detector } from '../../actors/detector';
import { ActorRuntime, type ActorEffect } from '../../actors/runtime';
import { clusterOf, nodeOf, type Millis, type NodeRef } from '../../domain/base/ids';
import type { CommandBody, CommandRequest, Outcome } from '../../domain/commands';
import type { TopologyEvent } from '../../domain/events';
import type { GridState } from '../../domain/grid-state';
import type { Commit } from '../../domain/log/commit';
import { effectAlert, effectCommand } from './effects';
import { NodeWatch } from './node-watch';
import type { ControlPlaneOptions } from './options';

/** What a timekeeper asks of the control plane that it belongs to. */
export interface TimekeeperHooks {
  readonly state: () => GridState;
  /** Only a leader keeps time: a standby's deadlines are set when it takes over. */
  readonly keepsTime: () => boolean;
  readonly submit: (request: CommandRequest) => Promise<Outcome>;
  readonly submitReaction: (actor: string, n: number, body: CommandBody) => void;
  readonly anchorDue: () => void;
  /** Time alone may have changed what the grid should do. */
  readonly wake: () => void;
}

/** What time brings about: machines' deadlines, nodes' silence, anchors, and the next look at what the grid should do. */
export class Timekeeper {
  readonly nodes: NodeWatch;
  private readonly deadlines: Deadlines;
  private readonly actors: ActorRuntime;

  constructor(
    private readonly options: Pick<ControlPlaneOptions, 'clock' | 'timers' | 'patience' | 'onAlert'>,
    private readonly hooks: TimekeeperHooks,
  ) {
    this.deadlines = new Deadlines(options.timers, (key, dueAt) => this.reached(key, dueAt));
    this.nodes = new NodeWatch(this.deadlines, options.patience);
    this.actors = new ActorRuntime((actor, dueAt) => this.set(`${ACTOR_KEY}${actor}`, dueAt));
  }

  /** What the machines are in, by actor. */
  states(): ReturnType<ActorRuntime['states']> {
    return this.actors.states();
  }

  /** Sets the machines up as they are in a state; deadlines run if time is kept. */
  restore(state: GridState): void {
    this.actors.restore(state);
  }

  /** Folds a commit into the machines; returns what they ask for, which {@link perform} does. */
  fold(commit: Commit<TopologyEvent>): ActorEffect[] {
    return this.actors.fold(commit);
  }

  perform(effects: readonly ActorEffect[]): void {
    for (const effect of effects) {
      const command = effectCommand(effect, this.hooks.state(), this.options.clock.now());
      const alert = effectAlert(effect, this.hooks.state(), this.options.clock.now());
      if (command !== undefined) void this.hooks.submit(command).catch(() => undefined);
      if (alert !== undefined) this.options.onAlert?.(alert);
    }
  }

  /** When what the grid should do is looked at again, whatever happens until then; 0 = never. */
  wakeAt(dueAt: Millis): void {
    this.set(WAKE_KEY, dueAt);
  }

  /** Anchors are due then, unless they are due before. */
  anchorBy(dueAt: Millis): void {
    if (!this.deadlines.has(ANCHOR_KEY)) this.set(ANCHOR_KEY, dueAt);
  }

  /** Deadlines that the clock has passed are reached now, not when the timer gets to them. */
  ringDue(): void {
    const now = this.options.clock.now();
    const due = this.deadlines.nextDue();
    if (due !== undefined && due <= now) this.deadlines.ring(now);
  }

  /** Drops every deadline. */
  stop(): void {
    this.deadlines.clearAll();
  }

  private set(key: string, dueAt: Millis): void {
    if (!this.hooks.keepsTime()) return;
    if (dueAt === 0) this.deadlines.clear(key);
    else this.deadlines.set(key, dueAt);
  }

  private reached(key: string, dueAt: Millis): void {
    if (key.startsWith(ACTOR_KEY)) this.perform(this.actors.deadline(key.slice(ACTOR_KEY.length), dueAt));
    else if (key.startsWith(Detector.KEY)) this.checkSilence(Number(key.slice(Detector.KEY.length)), dueAt);
    else if (key === ANCHOR_KEY) this.hooks.anchorDue();
    else this.hooks.wake();
  }

  private checkSilence(ref: NodeRef, now: Millis): void {
    const silence = this.nodes.detector.check(ref, now);
    if (silence === undefined) return;
    const data = { cluster: clusterOf(ref), node: nodeOf(ref), ...silence };
    this.hooks.submitReaction(`detector/${data.cluster}/${data.node}`, silence.lastSeen, { type: 'SuspectNode', data });
  }
}

/** Deadline keys: an actor's, the time at which reactions are looked at again, and that of the next anchors. */
const ACTOR_KEY = 'actor/';
const WAKE_KEY = 'wake';
const ANCHOR_KEY = 'anchor';
