import type { Micros } from '../../domain/base/ids';
import { S_IP, S_NETWORK } from '../frames/layout';
import { mayBeAnswered, writeIcmpError, type AnswerSource, type IcmpError } from '../layer3/icmp-error';
import type { RouterPort } from '../layer3/routing';
import type { Node } from './node';
import { sendOwn } from './own-frames';

/** Answers that a node sends at once at most, and how long it takes until it may send one more (RFC 1812, RFC 4443). */
const ANSWERS_AT_ONCE = 50;
const ANSWER_EVERY_US: Micros = 10_000;

/** Tells senders what became of packets that do not go on, at most as often as routers may. */
export class IcmpAnswers {
  private answers = ANSWERS_AT_ONCE;
  private answeredAt: Micros = 0;

  constructor(private readonly node: Node) {}

  /**
   * Sends an error about the parsed frame at `address` back to where it came from, unless that may not be told, or too much
   * was told lately. `word` is the MTU that an error may tell, else 0. Returns whether it was sent.
   */
  answer(address: number, error: IcmpError, word: number): boolean {
    const { u16 } = this.node.ctx.arena;
    const network = u16[(address + S_NETWORK) >>> 1];
    const slot = this.write(address, error, word, this.node.ctx.topologies.latest?.routing.port(network));
    if (slot < 0) return false;
    sendOwn(this.node, slot, network);
    return true;
  }

  /** Writes such an error into a slot of the caller's, from the router's address on another network; −1 = it may not. */
  write(address: number, error: IcmpError, word: number, port: RouterPort | undefined): number {
    const { ctx } = this.node;
    if (!mayBeAnswered(ctx.arena, address) || !this.mayAnswerNow()) return -1;
    const slot = ctx.takeSlot();
    if (slot < 0) this.node.count('no-slot');
    else writeIcmpError(ctx.arena, address, error, word, sourceOf(port, ctx.arena.u8[address + S_IP]), ctx.slot(slot));
    return slot;
  }

  private mayAnswerNow(): boolean {
    const { now } = this.node.ctx;
    const earned = Math.floor((now - this.answeredAt) / ANSWER_EVERY_US);
    if (earned > 0) {
      this.answers = Math.min(ANSWERS_AT_ONCE, this.answers + earned);
      this.answeredAt += earned * ANSWER_EVERY_US;
    }
    if (this.answers === 0) return false;
    this.answers--;
    return true;
  }
}

/** The address that the router on a network speaks from; undefined where it has none of the version. */
function sourceOf(port: RouterPort | undefined, version: number): AnswerSource | undefined {
  if (port === undefined) return undefined;
  if (version === 4) return port.source4 < 0 ? undefined : { bytes: port.ipv4, at: port.source4 };
  return port.source6 < 0 ? undefined : { bytes: port.ipv6, at: port.source6 };
}
