import type { TopologyEvent } from '../../../domain/events';
import type { Commit } from '../../../domain/log/commit';
import type { Provisioning } from '../provisioner';

/**
 * Who carries workflows out while this MNODE leads: somebody new with each leadership, who goes on from what the log says,
 * so that what one leader began the next one ends.
 */
export class LeaderWork {
  private present: Provisioning | undefined;

  constructor(private readonly make: () => Provisioning) {}

  /** Undefined while this MNODE does not lead. */
  get current(): Provisioning | undefined {
    return this.present;
  }

  /** A leadership has begun. Waits for nothing: whatever is wrong with workflows keeps no leader from leading. */
  begin(): void {
    void this.present?.close();
    this.present = this.make();
    void this.present.resume();
  }

  /** A commit was folded. */
  folded(commit: Commit<TopologyEvent>): void {
    this.present?.folded(commit);
  }

  /** The leadership is over; resolves when nothing is under way any more. */
  async end(): Promise<void> {
    const { present } = this;
    this.present = undefined;
    await present?.close();
  }
}
