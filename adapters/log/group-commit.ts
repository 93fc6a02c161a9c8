/** One caller's part of a group: what it writes is settled when the group is assembled. */
export interface Part<Result> {
  /**
   * Judges and writes, synchronously, inside the group's transaction. May throw: then this part alone fails and must
   * have written nothing.
   */
  stage(): Result;
}

/**
 * Group commit: at most one transaction is on its way; what arrives meanwhile goes out together in the next. So every
 * part is judged against a state that is durable or is in its own group, and a failed group fails as a whole, with
 * nothing built on it.
 */
export class GroupCommit {
  private waiting: Waiting[] = [];
  private running: Promise<void> | undefined;

  /**
   * @param commit runs `write` in one transaction and resolves when it is durable; rejects if it is not, or may not be.
   * @param settled called after each group, before its parts resolve or reject; `ok` says whether the group is durable.
   */
  constructor(
    private readonly commit: (write: () => void) => Promise<void>,
    private readonly settled: (ok: boolean) => void,
  ) {}

  /** Resolves with what `stage` returned once it is durable. */
  add<Result>(part: Part<Result>): Promise<Result> {
    return new Promise<Result>((resolve, reject) => {
      this.waiting.push({
        stage: () => {
          const result = part.stage();
          return () => resolve(result);
        },
        reject,
      });
      this.running ??= this.run();
    });
  }

  /** Resolves when nothing is on its way or waiting. */
  async idle(): Promise<void> {
    while (this.running !== undefined) await this.running;
  }

  private async run(): Promise<void> {
    // Everything that this turn of the event loop adds goes into the first group.
    await Promise.resolve();
    while (this.waiting.length > 0) await this.runGroup(this.waiting.splice(0));
    this.running = undefined;
  }

  private async runGroup(group: readonly Waiting[]): Promise<void> {
    const done: (() => void)[] = [];
    try {
      await this.commit(() => {
        for (const part of group) {
          try {
            done.push(part.stage());
          } catch (error) {
            part.reject(error);
          }
        }
      });
    } catch (error) {
      this.settled(false);
      for (const part of group) part.reject(error);
      return;
    }
    this.settled(true);
    for (const resolve of done) resolve();
  }
}

interface Waiting {
  /** Returns what resolves the caller once the group is durable. */
  readonly stage: () => () => void;
  readonly reject: (error: unknown) => void;
}
