import { decodeCheckpoint, encodeCheckpoint } from '../../../adapters/codec/checkpoint';
import { decodeFlowBatch } from '../../../adapters/codec/flow-batch';
import { sha256 } from '../../../adapters/codec/hash';
import type { ChainHead, EventLog, FlowBatchRecord } from '../../../domain/seams/event-log';
import { OpenFlows, type OpenFlowsCheckpoint } from '../../../projections';

/** The name of the checkpoint in the log. */
const CHECKPOINT = 'open-flows';

/** Batches read from the log at a time. */
const READ_LIMIT = 64;

/** Flow events folded since the last checkpoint that make the next one due: what a start reads at most, and some more. */
const CHECKPOINT_EVENTS = 65_536;

/**
 * How many times as many events as flows are remembered must have come: a checkpoint writes every one of them, so this
 * bounds what checkpoints cost by what the events themselves do.
 */
const EVENTS_PER_FLOW = 4;

/**
 * Which flows the chains leave open, kept beside the log as a checkpoint, so that a start reads only what came after it.
 * A checkpoint that does not fit the log is ignored, and everything is read.
 */
export class FlowLedger {
  private sinceKept = 0;

  private constructor(
    private readonly log: EventLog,
    private readonly flows: OpenFlows,
  ) {}

  /** Folds what the log's chains tell, on from the checkpoint if there is one that fits. */
  static async open(log: EventLog): Promise<FlowLedger> {
    const heads = await log.chains();
    const kept = await keptIn(log);
    const ledger = new FlowLedger(log, kept ?? new OpenFlows());
    if (await ledger.foldAll(heads)) return ledger;
    const anew = new FlowLedger(log, new OpenFlows());
    await anew.foldAll(heads);
    return anew;
  }

  /** The flows that nothing has ended, and the latest moment known, microseconds; 0 without any event. */
  get told(): Pick<OpenFlows, 'latest' | 'open'> {
    return this.flows;
  }

  /** The log has taken this batch. */
  async took(batch: FlowBatchRecord): Promise<void> {
    this.fold(batch);
    if (this.sinceKept >= Math.max(CHECKPOINT_EVENTS, EVENTS_PER_FLOW * this.flows.size)) await this.keep();
  }

  /** Keeps a checkpoint of what was folded, if anything was since the last. */
  async keep(): Promise<void> {
    if (this.sinceKept === 0) return;
    this.sinceKept = 0;
    await this.log.putCheckpoint(CHECKPOINT, encodeCheckpoint(this.flows.checkpoint()));
  }

  /** Folds what the chains hold beyond what was folded; false if that was another log's. */
  private async foldAll(heads: readonly ChainHead[]): Promise<boolean> {
    const byChain = new Map(heads.map((head) => [head.chain, head]));
    for (const { chain, number, hash } of this.flows.chains()) {
      const head = byChain.get(chain);
      if (head === undefined || head.number < number || (head.number === number && head.hash !== hash)) return false;
    }
    for (const head of heads) if (!(await this.foldChain(head))) return false;
    return true;
  }

  private async foldChain({ chain, number: newest, oldest }: ChainHead): Promise<boolean> {
    const known = this.flows.position(chain);
    for (let next = Math.max((known?.number ?? 0) + 1, oldest); next <= newest;) {
      const batches = await this.log.readFlows(chain, next, READ_LIMIT);
      if (batches.length === 0) break;
      if (known !== undefined && next === known.number + 1 && batches[0]!.prev !== known.hash) return false;
      for (const batch of batches) this.fold(batch);
      next = batches.at(-1)!.number + 1;
    }
    return true;
  }

  private fold({ chain, number, bytes }: FlowBatchRecord): void {
    const { events } = decodeFlowBatch(bytes);
    this.flows.applyBatch({ chain, number, hash: sha256(bytes) }, events);
    this.sinceKept += Math.max(1, events.length);
  }
}

async function keptIn(log: EventLog): Promise<OpenFlows | undefined> {
  const bytes = await log.checkpoint(CHECKPOINT);
  const state = bytes === undefined ? undefined : decodeCheckpoint(bytes);
  return state === undefined ? undefined : OpenFlows.restore(state as OpenFlowsCheckpoint);
}
