import { decodeSnapshot, encodeSnapshot } from '../../adapters/codec/snapshot';
import { decodeCommit } from '../../adapters/codec/records';
import type { Upcasters } from '../../adapters/codec/upcast';
import type { Canonical } from '../../domain/base/canonical';
import type { TopologyEvent } from '../../domain/events';
import { canonicalState, evolveCommit, FOLD_VERSION, initialState, type GridState } from '../../domain/grid-state';
import type { Commit } from '../../domain/log/commit';
import { EMPTY_HEAD, type EventLog, type StoredCommit } from '../../domain/seams/event-log';

/** How many commits are read from the log at a time. */
const READ_LIMIT = 512;

/** Told what the fold does, in order. */
export interface FoldListener {
  /** The state came from a snapshot, or is empty again. */
  restored(state: GridState): void;
  /** One commit was folded; `live`: by the leader, who acts on it. */
  folded(commit: Commit<TopologyEvent>, hash: string, live: boolean): void;
}

/** The state as the fold of the `topology` stream: what was read back from the log, and nothing else. */
export class FoldedLog {
  state: GridState = initialState();
  /** Hash of the commit at `state.seq`. */
  hash = EMPTY_HEAD.hash;
  /** Correlation of that commit. */
  corr = '';
  private snapshotSeq = 0;

  constructor(
    private readonly log: EventLog,
    private readonly upcasters: Upcasters,
    private readonly listener: FoldListener,
    private readonly snapshotEvery: number,
  ) {}

  /** Starts from the newest snapshot that fits the log, or from nothing, and folds to the log's head. */
  async load(): Promise<void> {
    const snapshot = await this.log.snapshot(this.log.head().seq);
    const stored = snapshot === undefined ? undefined : (await this.log.read(snapshot.seq, 1))[0];
    const expected = { commitHash: stored?.hash ?? '', foldVersion: FOLD_VERSION };
    const state = snapshot === undefined ? undefined : decodeSnapshot<GridState & Canonical>(snapshot, expected);
    if (state !== undefined && stored !== undefined) {
      this.state = state;
      this.hash = stored.hash;
      this.corr = decodeCommit(stored.bytes).corr;
      this.snapshotSeq = state.seq;
    }
    this.listener.restored(this.state);
    await this.catchUp();
  }

  /** Folds what the log has accepted since, without acting on it. */
  async catchUp(): Promise<void> {
    for (;;) {
      const commits = await this.log.read(this.state.seq + 1, READ_LIMIT);
      for (const commit of commits) this.take(commit, false);
      if (commits.length < READ_LIMIT) return;
    }
  }

  /** Folds what is accepted from now on as it comes, without acting on it; returns what ends that. */
  follow(): () => void {
    return this.log.tail(this.state.seq + 1, (commit) => this.take(commit, false));
  }

  /** Folds one accepted commit. */
  take(stored: StoredCommit, live: boolean): void {
    const commit = this.upcasters.commit(decodeCommit(stored.bytes)) as Commit<TopologyEvent>;
    this.state = evolveCommit(this.state, commit);
    this.hash = stored.hash;
    this.corr = commit.corr;
    this.listener.folded(commit, stored.hash, live);
  }

  /** Keeps a snapshot if enough was folded since the last one. */
  async snapshotWhenDue(): Promise<void> {
    if (this.state.seq - this.snapshotSeq < this.snapshotEvery) return;
    this.snapshotSeq = this.state.seq;
    const at = { seq: this.state.seq, hash: this.hash };
    await this.log.putSnapshot(encodeSnapshot(canonicalState(this.state), at, FOLD_VERSION));
  }
}
