import {
  decodeAgentAnswer,
  encodeAgentRequest,
  type AgentAnswerOf,
  type AgentRequest,
  type AgentRequestOf,
} from '../../adapters/codec/agent-messages';
import { isFlowgridError } from '../../domain/base/errors';
import type { Seq } from '../../domain/base/ids';
import type { Bus } from '../../domain/seams/bus';
import { EMPTY_HEAD } from '../../domain/seams/event-log';

/** What became of requests to whoever leads. */
export interface LeaderLinkCounts {
  asked: number;
  /** Nobody answered in time: no bus, no leader, or no log. */
  unanswered: number;
  malformed: number;
  /** Answers of a deposed leader, or older than what is known. */
  outdated: number;
}

/** A request that nobody answered is made again at once, so often in all: one lost message costs no whole interval. */
const ATTEMPTS = 3;

type Body<Kind extends AgentRequest['kind']> = Omit<AgentRequestOf<Kind>, 'kind' | 'agent' | 'life' | 'epoch' | 'seq'>;

/**
 * Asks whoever leads, and believes only what extends the head that is known: an answer of an earlier leadership, or one
 * that was overtaken on its way, changes nothing ({@link LeaderLinkCounts.outdated}).
 */
export class LeaderLink {
  readonly counts: LeaderLinkCounts = { asked: 0, unanswered: 0, malformed: 0, outdated: 0 };
  private epoch = 0;
  private seq: Seq = EMPTY_HEAD.seq;
  private hash = EMPTY_HEAD.hash;

  constructor(
    private readonly bus: Bus,
    private readonly subject: string,
    private readonly self: { readonly agent: string; readonly life: number },
    private readonly withinMs: number,
  ) {}

  /** The newest head that any answer told. */
  get head(): { readonly epoch: number; readonly seq: Seq; readonly hash: string } {
    const { epoch, seq, hash } = this;
    return { epoch, seq, hash };
  }

  /** The leader's answer; undefined if none came that can be believed. */
  async ask<Kind extends AgentRequest['kind']>(kind: Kind, body: Body<Kind>): Promise<AgentAnswerOf<Kind> | undefined> {
    const { epoch, seq } = this;
    const request = { kind, ...this.self, epoch, seq, ...body } as unknown as AgentRequest;
    const bytes = await this.request(encodeAgentRequest(request));
    if (bytes === undefined) return undefined;
    const answer = decodeAgentAnswer(bytes);
    if (answer?.kind !== kind) {
      this.counts.malformed++;
      return undefined;
    }
    if (!this.extendsHead(answer)) {
      this.counts.outdated++;
      return undefined;
    }
    return answer as AgentAnswerOf<Kind>;
  }

  /** What somebody answered; undefined if nobody did. All requests are idempotent, so that a repeat does no harm. */
  private async request(bytes: Uint8Array): Promise<Uint8Array | undefined> {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      this.counts.asked++;
      try {
        return await this.bus.request(this.subject, bytes, this.withinMs);
      } catch (error) {
        const isClosed = isFlowgridError(error, 'closed');
        if (!isClosed && !isFlowgridError(error, 'timeout')) throw error;
        this.counts.unanswered++;
        if (isClosed) return undefined;
      }
    }
    return undefined;
  }

  private extendsHead({ epoch, seq, hash }: { epoch: number; seq: Seq; hash: string }): boolean {
    if (epoch < this.epoch || seq < this.seq || (seq === this.seq && seq > 0 && hash !== this.hash)) return false;
    this.epoch = epoch;
    this.seq = seq;
    this.hash = hash;
    return true;
  }
}
