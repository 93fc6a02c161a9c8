import type { CommandRequest, Outcome } from '../../domain/commands';
import type { GridState } from '../../domain/grid-state';
import type { FlowBatchRecord } from '../../domain/seams/event-log';
import type { FlowIntake } from './flow-intake';

/** What anchoring asks of the control plane that it belongs to. */
export interface AnchoringHooks {
  readonly state: () => GridState;
  readonly submit: (request: CommandRequest) => Promise<Outcome>;
  /** Flow batches wait for an anchor from now on: sees to it that {@link Anchoring.anchor} is called in time. */
  readonly wanted: () => void;
}

/** Takes flow batches into the log and anchors their chains, when there are enough of them or somebody asks. */
export class Anchoring {
  /** Flow batches and anchors under way. */
  private readonly outstanding = new Set<Promise<unknown>>();

  constructor(
    private readonly flows: FlowIntake,
    private readonly hooks: AnchoringHooks,
  ) {}

  /** Whether something is under way. */
  get isBusy(): boolean {
    return this.outstanding.size > 0;
  }

  /** Takes a flow batch into the log. Durable when resolved. */
  append(batch: FlowBatchRecord): Promise<'appended' | 'duplicate' | 'gap'> {
    return this.track(this.take(batch));
  }

  /** Fixes in `topology` how far every flow chain is known. */
  anchor(): Promise<void> {
    return this.track(this.submitAnchors());
  }

  /** Resolves when what is under way now has ended, however it did. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.outstanding);
  }

  private async take(batch: FlowBatchRecord): Promise<'appended' | 'duplicate' | 'gap'> {
    const result = await this.flows.append(batch);
    if (this.flows.isAnchorDue) await this.submitAnchors();
    else if (result === 'appended') this.hooks.wanted();
    return result;
  }

  private async submitAnchors(): Promise<void> {
    const { seq, anchors } = this.hooks.state();
    const request = await this.flows.anchorRequest(seq, anchors);
    if (request !== undefined) await this.hooks.submit(request);
  }

  private track<Result>(work: Promise<Result>): Promise<Result> {
    this.outstanding.add(work);
    const end = (): void => void this.outstanding.delete(work);
    work.then(end, end);
    return work;
  }
}
