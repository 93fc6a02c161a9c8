import type { Clock } from '../../../domain/seams/clock';
import type { Io } from '../../../interface/cli/programs';

/** What a long-running program tells while it runs: lines on stderr, or JSON lines on stdout. */
export class Progress {
  constructor(
    private readonly io: Pick<Io, 'out' | 'err'>,
    private readonly json: boolean,
    private readonly clock: Clock,
  ) {}

  /** @param facts what scripts want to know, beside the text. */
  say(text: string, facts: object = {}): void {
    const at = this.clock.now();
    if (this.json) this.io.out(JSON.stringify({ at, what: text, ...facts }));
    else this.io.err(`${new Date(at).toISOString().slice(11, 23)} ${text}`);
  }
}
