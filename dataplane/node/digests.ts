import { mix32 } from '../../domain/base/hash';
import type { FlowId, NodeRef } from '../../domain/base/ids';
import { F_BACKUP, F_EMITTER, F_ID, F_STATE, FS_UNPROTECTED } from '../frames/layout';
import { CONTROL_BODY_MAX, CONTROL_DIGEST, type ControlCursor } from './control-frames';
import { RESYNCHRONISED } from './counters';
import { PHASE_AWAITS, PHASE_FED } from './flow-side';
import type { Handover } from './handover';
import type { Node } from './node';
import { WINDOWS } from './windows';

/** Bytes of one flow's digest: its ID, then by direction the highest sequence, the 64 up to it, and the digest. */
const DIGEST_BYTES = 4 + 2 * 16;
const PER_FRAME = Math.floor((CONTROL_BODY_MAX - 16) / DIGEST_BYTES);
/** Sequences that a window holds. */
const WINDOW = 64;
/** Rounds for which a backup may differ: what is under way arrives within them. */
const PATIENCE = 2;

/** What a node has processed of a flow in one direction. */
interface Processed {
  readonly max: number;
  /** Bit d: whether max − d was processed. */
  readonly low: number;
  readonly high: number;
  /** Sum of the mixed sequences, modulo 2^32. */
  readonly digest: number;
}

/** A primary's word that the backup does not agree with yet. */
interface Doubt {
  told: readonly Processed[];
  /** Round since which they differ. */
  since: number;
}

type Agreement = 'equal' | 'behind' | 'differs';

/**
 * Whether a backup has processed what its primary has (DESIGN.md section 5, "What may be shadowed"). With each hello a
 * primary tells its flows' backups a digest of the sequences it has processed, of flows that had frames since. Where a
 * copy was lost on the link the two differ for good: the backup then marks the flow `unprotected` and asks for its state
 * anew, so that a takeover is exact again. For functions of kind `per-flow`, whose backups process.
 */
export class Digests {
  private readonly doubts = new Map<FlowId, Doubt>();

  constructor(
    private readonly node: Node,
    private readonly handover: Handover,
  ) {}

  /** At each hello round: tells what was processed, and asks for what has been missing for too long. */
  tick(): void {
    this.tell();
    const { round } = this.node.ctx;
    for (const [id, doubt] of this.doubts) {
      const flow = this.node.flows.find(id);
      if (flow === 0 || !this.isShadowing(flow)) {
        this.doubts.delete(id);
        continue;
      }
      if (round - doubt.since <= PATIENCE) continue;
      this.doubts.delete(id);
      if (this.compare(flow, doubt.told) !== 'equal') this.resynchronise(flow);
    }
  }

  /** `DIGEST`: what the primary of some flows has processed of them. */
  onDigest(body: ControlCursor, from: NodeRef): void {
    const { u16 } = this.node.ctx.arena;
    for (let n = body.readU16(); n > 0; n--) {
      const id = body.readU32();
      const told = [readProcessed(body), readProcessed(body)];
      const flow = this.node.flows.find(id);
      if (flow === 0 || u16[(flow + F_EMITTER) >>> 1] !== from || !this.isShadowing(flow)) continue;
      const agreement = this.compare(flow, told);
      const known = this.doubts.get(id);
      if (agreement === 'equal') this.doubts.delete(id);
      else if (known === undefined || agreement === 'behind') this.doubts.set(id, { told, since: this.node.ctx.round });
      else known.told = told;
    }
  }

  /** Flows that had frames since the last round, to each one's backup; those that are being fed wait for the end of that. */
  private tell(): void {
    const { side, flows } = this.node;
    const active = side.takeActive();
    if (active.length === 0) return;
    const byBackup = new Map<NodeRef, number[]>();
    for (const id of active) {
      const flow = flows.find(id);
      if (flow === 0) continue;
      const aux = this.node.aux(flow);
      side.clearActive(aux);
      if (side.feedUntil[aux] !== 0) {
        side.markActive(id, aux);
        continue;
      }
      const { u16, u32 } = this.node.ctx.arena;
      const backup = u16[(flow + F_BACKUP) >>> 1];
      const emits = this.node.emits(flow);
      if (!emits || backup === 0 || (u32[(flow + F_STATE) >>> 2] & FS_UNPROTECTED) !== 0) continue;
      const list = byBackup.get(backup);
      if (list === undefined) byBackup.set(backup, [flow]);
      else list.push(flow);
    }
    for (const [backup, list] of byBackup) this.send(backup, list);
  }

  private send(backup: NodeRef, list: readonly number[]): void {
    const { control, ref, incarnation } = this.node;
    for (let first = 0; first < list.length; first += PER_FRAME) {
      if (!control.begin(incarnation)) return;
      const part = list.slice(first, first + PER_FRAME);
      control.u16(part.length);
      for (const flow of part) {
        control.u32(this.node.ctx.arena.u32[(flow + F_ID) >>> 2]);
        for (const direction of [0, 1] as const) {
          const { max, low, high, digest } = this.processed(flow, direction);
          control.u32(max);
          control.u32(low);
          control.u32(high);
          control.u32(digest);
        }
      }
      control.send(ref, backup, CONTROL_DIGEST, 0);
    }
  }

  private processed(flow: number, direction: 0 | 1): Processed {
    const { u32 } = this.node.ctx.arena;
    const { max, bits } = WINDOWS[direction];
    return {
      max: u32[(flow + max) >>> 2],
      low: u32[(flow + bits) >>> 2],
      high: u32[(flow + bits + 4) >>> 2],
      digest: this.node.side.digest[2 * this.node.aux(flow) + direction],
    };
  }

  /** Both directions, up to the last sequence that both have: `behind` if the primary has more, and nothing else differs. */
  private compare(flow: number, told: readonly Processed[]): Agreement {
    let result: Agreement = 'equal';
    for (const direction of [0, 1] as const) {
      const own = this.processed(flow, direction);
      const other = told[direction];
      const ahead = (other.max - own.max) | 0;
      if (ahead > 0) result = 'behind';
      const common = ahead > 0 ? own.max : other.max;
      const [a, b] = [digestUpTo(own, common), digestUpTo(other, common)];
      // Too far apart to tell: the next digest comes nearer.
      if (a === undefined || b === undefined) continue;
      if (a !== b) return 'differs';
    }
    return result;
  }

  /** A shadow that processes frames as they come; one that waits for state compares nothing. */
  private isShadowing(flow: number): boolean {
    const { u16 } = this.node.ctx.arena;
    const waits = this.node.side.phase[this.node.aux(flow)] & (PHASE_AWAITS | PHASE_FED);
    return waits === 0 && u16[(flow + F_BACKUP) >>> 1] === this.node.ref;
  }

  private resynchronise(flow: number): void {
    this.node.counters.values[RESYNCHRONISED]++;
    this.node.setState(flow, FS_UNPROTECTED);
    this.handover.want(flow);
  }
}

function readProcessed(body: ControlCursor): Processed {
  return { max: body.readU32(), low: body.readU32(), high: body.readU32(), digest: body.readU32() };
}

/** The digest without the sequences above `last`; undefined when the window does not reach back to it. */
function digestUpTo({ max, low, high, digest }: Processed, last: number): number | undefined {
  const above = (max - last) | 0;
  if (above > WINDOW) return undefined;
  let rest = digest;
  for (let d = 0; d < above; d++) {
    const word = d < 32 ? low : high;
    if ((word & (1 << (d & 31))) !== 0) rest -= mix32((max - d) | 0);
  }
  return rest >>> 0;
}
