import type { FlowSpool } from './flow-spool';
import type { LeaderLink } from './leader-link';

/** Batches of one spool that are shipped in a row before others have their turn. */
const BATCHES_IN_A_ROW = 64;

/** What came of shipping. */
export interface ShippingCounts {
  shipped: number;
  /** Batches that the log already had: their acknowledgement was lost. */
  repeated: number;
  /** Batches that the log cannot take, because it lacks what came before. */
  refused: number;
}

/**
 * Ships what spools hold to whoever leads, one batch of each after another: the next goes when the log has the one before.
 * Without a leader everything waits in its spool.
 */
export class FlowShipper {
  readonly counts: ShippingCounts = { shipped: 0, repeated: 0, refused: 0 };

  constructor(private readonly link: LeaderLink) {}

  /** One turn for every spool; true if all of them are empty now. */
  async ship(spools: readonly FlowSpool[]): Promise<boolean> {
    await Promise.all(spools.map((spool) => this.shipOne(spool)));
    return spools.every((spool) => spool.isEmpty);
  }

  private async shipOne(spool: FlowSpool): Promise<void> {
    for (let sent = 0; sent < BATCHES_IN_A_ROW; sent++) {
      const batch = spool.next();
      if (batch === undefined) return;
      const answer = await this.link.ask('batch', { bytes: batch.bytes });
      if (answer === undefined || answer.chain !== batch.chain || answer.number !== batch.number) return;
      if (answer.result === 'gap') {
        this.counts.refused++;
        return;
      }
      if (answer.result === 'appended') this.counts.shipped++;
      else this.counts.repeated++;
      spool.acknowledge(batch.number);
    }
  }
}
