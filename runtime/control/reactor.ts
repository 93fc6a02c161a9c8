import { isPublicationBlocked, pending, reaction, wakeAt, type World } from '../../actors/reactions';
import type { Millis } from '../../domain/base/ids';
import type { CommandBody, CommandRequest, Outcome } from '../../domain/commands';
import type { CommandHandler } from './command-handler';
import type { Alert } from './effects';
import type { FoldedLog } from './folded-log';
import type { Publication } from './publication';
import type { WorldView } from './world-view';

/** What the reactor asks of the control plane that it belongs to. */
export interface ReactorHooks {
  /** Whether anything may be handled: it leads, nodes have been told so, and it has not stopped. */
  readonly mayRun: () => boolean;
  readonly isClosed: () => boolean;
  /** As an outside party does: refused by who does not lead. */
  readonly submit: (request: CommandRequest) => Promise<Outcome>;
  /** When time alone may change what the grid should do; 0 = it cannot. */
  readonly wakeAt: (dueAt: Millis) => void;
  readonly alert: (alert: Alert) => void;
}

/** The control plane's loop: handles the commands that wait, then what the grid should do of itself. */
export class Reactor {
  /** Reactions that were refused as the world is now: not tried again until it changes. */
  private readonly tried = new Set<string>();
  private loop: Promise<void> | undefined;
  private blocked = false;

  constructor(
    private readonly handler: CommandHandler,
    private readonly folded: FoldedLog,
    private readonly publication: Publication,
    private readonly view: WorldView,
    private readonly hooks: ReactorHooks,
  ) {}

  /** The loop while it runs. */
  get running(): Promise<void> | undefined {
    return this.loop;
  }

  /** Starts the loop if it does not run. In a microtask, so that what is submitted together is handled together. */
  kick(): void {
    if (this.loop !== undefined || !this.hooks.mayRun()) return;
    this.loop = Promise.resolve()
      .then(() => this.run())
      .finally(() => {
        this.loop = undefined;
        if (this.handler.waiting > 0) this.kick();
      });
  }

  /** Something that reactions look at has changed. */
  worldChanged(): void {
    this.forgetTried();
    this.kick();
  }

  /** What was refused may be tried again, at the next turn. */
  forgetTried(): void {
    this.tried.clear();
  }

  /** A reaction to something that is no commit: `n` tells one occasion from the next. */
  submitReaction(actor: string, n: number, body: CommandBody): void {
    const key = `${actor} ${n}`;
    if (this.tried.has(key)) return;
    this.tried.add(key);
    const request = reaction(actor, this.view.state.seq, n, body, this.view.now);
    void this.hooks.submit(request).catch(() => undefined);
  }

  /** Handles what waits, then what the grid should do of itself, until there is nothing of either. */
  private async run(): Promise<void> {
    for (;;) {
      while (this.handler.waiting > 0) await this.handler.handleBatch();
      await this.keepSnapshot();
      if (this.hooks.isClosed() || !this.handler.isLeading || !this.react()) return;
    }
  }

  /** Submits the reactions that are due and were not refused already; false if there are none. */
  private react(): boolean {
    const world = this.view.world();
    this.publication.askForRetirement(world);
    this.alertWhenBlocked(world);
    this.hooks.wakeAt(wakeAt(world) ?? 0);
    const due = pending(world).filter(({ id, body }) => !this.tried.has(`${id} ${body.type}`));
    for (const request of due) {
      this.tried.add(`${request.id} ${request.body.type}`);
      // A refusal shows in the state; a log that takes nothing fails whoever else submits.
      void this.handler.submit(request).catch(() => undefined);
    }
    return due.length > 0;
  }

  /** A snapshot is a cache: without it the next start only takes longer. */
  private async keepSnapshot(): Promise<void> {
    try {
      await this.folded.snapshotWhenDue();
    } catch (error) {
      this.hooks.alert({ at: this.view.now, about: 'grid', text: `no snapshot could be kept: ${String(error)}` });
    }
  }

  private alertWhenBlocked(world: World): void {
    const isBlocked = isPublicationBlocked(world);
    if (isBlocked && !this.blocked) {
      this.hooks.alert({ at: world.now, about: 'grid', text: 'no topology ID is free: publication waits' });
    }
    this.blocked = isBlocked;
  }
}
