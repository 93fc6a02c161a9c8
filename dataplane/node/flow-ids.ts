import { mix3 } from '../../domain/base/hash';
import type { FlowId, Micros } from '../../domain/base/ids';
import { cloneOf } from '../select/replica';

const LOW_BITS = 0xff_ffff;
/** Free IDs that are passed over for one that suits. */
const SUITING_MAX = 4096;

/**
 * Flow IDs of one FNODE ([0077]): its number in the high 8 bits, in the low 24 a keyed hash of the flow's constant
 * fields, probed until it is free. An ID that was given back is not given again before its quarantine is over.
 */
export class FlowIds {
  private readonly taken = new Uint32Array((LOW_BITS + 1) >>> 5);
  private readonly resting: { readonly low: number; readonly since: Micros }[] = [];
  private restingFrom = 0;
  private live = 0;

  constructor(
    private readonly fnode: number,
    private readonly seed: number,
    /** The longest idle timeout + 60 s, microseconds. */
    private readonly quarantineUs: Micros,
  ) {}

  /** Flow IDs given and not given back. */
  get inUse(): number {
    return this.live;
  }

  /**
   * An ID for a flow whose constant fields hash to `hash`; 0 when none of the 2^24 is free. `withClone`: the ID of the
   * flow's clone is taken too ({@link cloneOf}), to be given back by itself.
   */
  allocate(hash: number, now: Micros, withClone = false): FlowId {
    const id = this.probe(hash, now, (low) => !withClone || this.isFree(cloneOf(low)));
    if (id === 0) return 0;
    this.take(id & LOW_BITS);
    if (withClone) this.take(cloneOf(id & LOW_BITS));
    return id;
  }

  /** As {@link allocate}, the first ID that `suits`; after {@link SUITING_MAX} that do not, any. */
  allocateSuiting(hash: number, now: Micros, suits: (id: FlowId) => boolean): FlowId {
    let refused = 0;
    const id = this.probe(hash, now, (low) => refused++ >= SUITING_MAX || suits(this.idOf(low)));
    if (id !== 0) this.take(id & LOW_BITS);
    return id;
  }

  /** Takes an ID that was not made here, such as that of a running flow's clone; false when another flow has it. */
  claim(id: FlowId, now: Micros): boolean {
    if (!this.mayClaim(id, now)) return false;
    this.take(id & LOW_BITS);
    return true;
  }

  /** Whether an ID is neither given nor resting. */
  mayClaim(id: FlowId, now: Micros): boolean {
    this.wake(now);
    return this.isFree(id & LOW_BITS);
  }

  /** Gives an ID back: it rests. */
  release(id: FlowId, now: Micros): void {
    this.resting.push({ low: id & LOW_BITS, since: now });
    this.live--;
  }

  /** The first free ID from where `hash` leads on that is wanted; 0 when there is none. */
  private probe(hash: number, now: Micros, isWanted: (low: number) => boolean): FlowId {
    this.wake(now);
    const first = mix3(this.seed, this.fnode, hash) & LOW_BITS;
    let low = first;
    while (!this.isFree(low) || !isWanted(low)) {
      low = (low + 1) & LOW_BITS;
      if (low === first) return 0;
    }
    return this.idOf(low);
  }

  private idOf(low: number): FlowId {
    return ((this.fnode << 24) | low) >>> 0;
  }

  /** 0 would make flow ID 0 under FNODE number 0, which means "none". */
  private isFree(low: number): boolean {
    return low !== 0 && (this.taken[low >>> 5] & (1 << (low & 31))) === 0;
  }

  private take(low: number): void {
    this.taken[low >>> 5] |= 1 << (low & 31);
    this.live++;
  }

  private wake(now: Micros): void {
    const { resting } = this;
    while (this.restingFrom < resting.length && resting[this.restingFrom].since + this.quarantineUs <= now) {
      const { low } = resting[this.restingFrom++];
      this.taken[low >>> 5] &= ~(1 << (low & 31));
    }
    if (this.restingFrom > 1024 && this.restingFrom * 2 > resting.length) {
      resting.splice(0, this.restingFrom);
      this.restingFrom = 0;
    }
  }
}
