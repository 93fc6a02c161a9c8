import { sha256 } from '../../adapters/codec/hash';
import { encodeCommit } from '../../adapters/codec/records';
import { FlowgridError, isFlowgridError } from '../../domain/base/errors';
import { COMMAND_LIFETIME_MS, type Command, type CommandRequest, type Outcome } from '../../domain/commands';
import type { TopologyEvent } from '../../domain/events';
import { decide, evolveCommit, type GridState } from '../../domain/grid-state';
import type { Commit } from '../../domain/log/commit';
import { isRejection } from '../../domain/message';
import { recall } from '../../domain/outcomes';
import type { Clock } from '../../domain/seams/clock';
import type { EventLog, StoredCommit } from '../../domain/seams/event-log';
import type { FoldedLog } from './folded-log';

/** How often a batch is tried again on another leadership before its commands fail. */
export interface RetryPolicy {
  readonly attempts: number;
}

export const DEFAULT_RETRY: RetryPolicy = { attempts: 16 };

/** Commands that are decided and appended together, at most. */
export const BATCH_MAX = 256;

/** Why a command is not taken: too many are waiting. Reaching it means that the log cannot keep up. */
const QUEUE_MAX = 65_536;

interface Waiting {
  readonly request: CommandRequest;
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (error: unknown) => void;
}

/** A command decided on the state that the commits before it in the batch will make. */
interface Draft {
  readonly waiting: Waiting;
  readonly stored: StoredCommit;
}

/** Told of what becomes of this process's leadership. */
export interface LeadershipEvents {
  /** It leads, from its `LeaderElected` on. */
  led(): Promise<void>;
  /** The log refuses it for good: another process writes. */
  deposed(error: unknown): void;
}

/**
 * The path of a command, one batch at a time: load → fold → decide → append → read back → acknowledge. Only the leader
 * appends; after an append that failed, or whose outcome is unknown, it steps down, folds what the log really holds,
 * takes over with a new epoch and handles the same command ids again, which is harmless, because outcomes are part of
 * the state.
 */
export class CommandHandler {
  private readonly queue: Waiting[] = [];
  private leading = false;
  /** Whether this process is the one that may take over. */
  private elected = false;

  constructor(
    private readonly log: EventLog,
    private readonly folded: FoldedLog,
    private readonly clock: Clock,
    private readonly leader: string,
    private readonly events: LeadershipEvents,
    private readonly retry: RetryPolicy = DEFAULT_RETRY,
  ) {}

  get isLeading(): boolean {
    return this.leading;
  }

  get waiting(): number {
    return this.queue.length;
  }

  /** Queues a command; resolves with its outcome once that is durable. */
  submit(request: CommandRequest): Promise<Outcome> {
    if (this.queue.length >= QUEUE_MAX) {
      return Promise.reject(new FlowgridError('log-failed', `${QUEUE_MAX} commands are waiting`, { canRetry: true }));
    }
    return new Promise((resolve, reject) => this.queue.push({ request, resolve, reject }));
  }

  /** This process is to lead: reads to the end of the log and takes over under the next epoch. */
  async lead(): Promise<void> {
    this.elected = true;
    await this.takeOver();
  }

  /** Another process is to lead: nothing is appended any more, and what waits is refused. */
  standDown(error: unknown): void {
    this.elected = false;
    this.leading = false;
    this.close(error);
  }

  /** Appends `LeaderElected`. */
  private async takeOver(): Promise<void> {
    if (this.leading) return;
    for (let attempt = 1; !this.leading; attempt++) {
      if (!this.elected) throw deposed(this.leader);
      await this.folded.catchUp();
      const { state } = this.folded;
      const at = this.time(state);
      const id = `leader/${this.leader}/${state.epoch + 1}/${state.seq}`;
      const request: CommandRequest = {
        id,
        by: `mnode:${this.leader}`,
        deadline: at + COMMAND_LIFETIME_MS,
        body: { type: 'ElectLeader', data: { leader: this.leader } },
      };
      const decision = decide(state, { ...request, at });
      if (isRejection(decision)) throw new FlowgridError('rejected', decision.message);
      const stored = this.encode(state, this.folded.hash, { ...request, at }, decision, state.epoch + 1);
      try {
        this.leading = await this.append([stored]);
      } catch (error) {
        if (!isRetriable(error) || attempt >= this.retry.attempts) throw error;
      }
      if (!this.leading && attempt >= this.retry.attempts) {
        throw new FlowgridError('log-conflict', `${this.leader} could not take over in ${attempt} attempts`, {
          canRetry: true,
        });
      }
    }
    await this.events.led();
  }

  /** Handles the commands that wait, one batch; the queue may have grown when it resolves. */
  async handleBatch(): Promise<void> {
    const batch = this.queue.splice(0, BATCH_MAX);
    for (let attempt = 1; ; attempt++) {
      try {
        // 1. Load: whoever does not lead reads to the end of the log and takes over first.
        if (!this.leading) await this.takeOver();
        // 2. Fold: the state is that of the newest commit read back.
        if (await this.attempt(batch)) return;
        if (attempt < this.retry.attempts) continue;
        throw new FlowgridError('log-conflict', `no commit was accepted in ${attempt} attempts`, { canRetry: true });
      } catch (error) {
        this.leading = false;
        if (isRetriable(error) && attempt < this.retry.attempts) continue;
        for (const { reject } of batch) reject(error);
        if (isFlowgridError(error, 'log-locked')) this.events.deposed(error);
        return;
      }
    }
  }

  /** Refuses what still waits. */
  close(error: unknown): void {
    for (const { reject } of this.queue.splice(0)) reject(error);
  }

  /** One try at a batch; false when the log refused a commit of it (somebody else wrote). */
  private async attempt(batch: readonly Waiting[]): Promise<boolean> {
    // 3. Decide, each on what the ones before it make.
    const answers: (() => void)[] = [];
    const drafts = this.decideAll(batch, answers);
    // 4. Append, 5. read back and fold what was accepted.
    if (drafts.length > 0 && !(await this.append(drafts.map(({ stored }) => stored)))) return false;
    // 6. Acknowledge.
    for (const { waiting, stored } of drafts) waiting.resolve({ status: 'accepted', seq: stored.seq });
    for (const answer of answers) answer();
    return true;
  }

  private decideAll(batch: readonly Waiting[], answers: (() => void)[]): Draft[] {
    const drafts: Draft[] = [];
    let { state } = this.folded;
    let { hash } = this.folded;
    for (const waiting of batch) {
      const { request, resolve } = waiting;
      const done = recall(state.outcomes, request.id);
      if (done !== undefined) {
        answers.push(() => resolve({ status: 'accepted', seq: done }));
        continue;
      }
      const command: Command = { ...request, at: this.time(state) };
      const decision = decide(state, command);
      if (isRejection(decision)) {
        answers.push(() => resolve({ status: 'rejected', rejection: decision }));
      } else if (decision.length === 0) {
        answers.push(() => resolve({ status: 'unchanged' }));
      } else {
        const draft = this.encode(state, hash, command, decision, state.epoch);
        drafts.push({ waiting, stored: draft });
        state = evolveCommit(state, draft.commit);
        hash = draft.hash;
      }
    }
    return drafts;
  }

  private encode(
    state: GridState,
    prev: string,
    command: Command,
    events: readonly TopologyEvent[],
    epoch: number,
  ): StoredCommit & { readonly commit: Commit<TopologyEvent> } {
    const cause = command.cause ?? 0;
    const inherited = cause !== 0 && cause === this.folded.state.seq ? this.folded.corr : command.id;
    const commit: Commit<TopologyEvent> = {
      seq: state.seq + 1,
      prev,
      epoch,
      commandId: command.id,
      at: command.at,
      by: command.by,
      cause,
      corr: command.corr ?? inherited,
      events,
    };
    const bytes = encodeCommit(commit);
    return { seq: commit.seq, hash: sha256(bytes), bytes, commit };
  }

  /** Appends and folds what was accepted; true if that is all of it. */
  private async append(commits: readonly StoredCommit[]): Promise<boolean> {
    const { accepted } = await this.log.append(commits.map(({ bytes }) => bytes));
    const isAll = commits.every(({ seq }) => accepted.includes(seq));
    if (isAll) {
      for (const commit of commits) this.folded.take(commit, true);
    } else {
      this.leading = false;
    }
    return isAll;
  }

  /** The injected clock, never before the newest commit. */
  private time(state: GridState): number {
    return Math.max(this.clock.now(), state.at);
  }
}

/** What a control plane answers that is not, or no longer, the one to lead. */
export function deposed(name: string): FlowgridError {
  return new FlowgridError('log-locked', `${name} does not lead: another control plane does, or will`, {
    remedy: 'send the same command id to the leader',
  });
}

function isRetriable(error: unknown): boolean {
  return isFlowgridError(error) && error.canRetry;
}
