import type { CommandRequest } from '../../domain/commands';
import { COMMAND_LIFETIME_MS } from '../../domain/commands';
import type { Anchors } from '../../domain/log/evolve';
import { settledChains } from '../../domain/log/lives';
import type { FlowAnchor } from '../../domain/log/events';
import type { Clock } from '../../domain/seams/clock';
import type { EventLog, FlowBatchRecord } from '../../domain/seams/event-log';

/** After this many batches the chains are anchored. */
export const ANCHOR_EVERY_BATCHES = 64;

/** Takes flow batches from agents into the log, unchanged, and says when the chains should be anchored. */
export class FlowIntake {
  private sinceAnchor = 0;

  constructor(
    private readonly log: EventLog,
    private readonly clock: Clock,
  ) {}

  /** Durable when resolved; a `duplicate` is as good as appended, on a `gap` the missing batches are shipped first. */
  async append(batch: FlowBatchRecord): Promise<'appended' | 'duplicate' | 'gap'> {
    const result = await this.log.appendFlows(batch);
    if (result === 'appended') this.sinceAnchor++;
    return result;
  }

  get isAnchorDue(): boolean {
    return this.sinceAnchor >= ANCHOR_EVERY_BATCHES;
  }

  /** The command that anchors the chains as they are; undefined if none grew. */
  async anchorRequest(seq: number, anchors: Anchors): Promise<CommandRequest | undefined> {
    this.sinceAnchor = 0;
    const grown: FlowAnchor[] = [];
    const chains = await this.log.chains();
    const settled = settledChains(chains.map(({ chain }) => chain));
    for (const { chain, number, hash } of chains) {
      if (!settled.has(chain) && number > (anchors[chain]?.number ?? 0)) grown.push({ chain, number, hash });
    }
    if (grown.length === 0) return undefined;
    return {
      id: `actor/log/${seq}/${grown.length}`,
      by: 'actor:log',
      deadline: this.clock.now() + COMMAND_LIFETIME_MS,
      cause: seq,
      body: { type: 'AnchorFlows', data: { anchors: grown } },
    };
  }
}
