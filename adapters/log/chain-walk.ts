import type { ChainId, Seq } from '../../domain/base/ids';

/**
 * What is wrong with a place of a chain:
 * - `changed`: its bytes are not those that were written there;
 * - `misplaced`: a whole record of another place stands there, or one where the chain had not got to;
 * - `missing`: nothing is there, though later records are;
 * - `truncated`: nothing is there, and the chain was known to reach this far.
 */
export type FindingReason = 'changed' | 'misplaced' | 'missing' | 'truncated';

export interface Finding {
  /** `topology` or the id of a flow chain. */
  readonly chain: 'topology' | ChainId;
  /** Seq of the commit, or number of the batch; the first of several. */
  readonly seq: Seq;
  /** The last of several places in a row. */
  readonly through?: Seq;
  readonly reason: FindingReason;
}

/** A stored record as one link of its chain. */
export interface Link {
  /** Where it stands. */
  readonly place: number;
  /** SHA-256 of its bytes as they are now. */
  readonly hash: string;
  /** What was stored beside it when it was written, where an adapter stores that. */
  readonly storedHash?: string;
  readonly storedPrev?: string;
  /** What its own bytes say; absent when they cannot be decoded. */
  readonly inside?: { readonly seq: number; readonly prev: string };
}

/** How far the chain is known to reach, by its stored head. */
interface Extent {
  readonly first: number;
  readonly last: number;
  /** Hash of the record at the stored head. */
  readonly lastHash: string;
}

/**
 * Walks the links of one chain in the order of their places and blames the right one. A record is judged by what its
 * successor says of it, but only if the successor itself is beyond doubt: so a byte changed in a `prev` is blamed on
 * the record that holds it, not on the one it points to.
 */
export class ChainWalk {
  private readonly vouched = new Map<number, string>();
  private expected: number;
  private last: Link | undefined;
  private count = 0;

  constructor(
    private readonly chain: Finding['chain'],
    private readonly extent: Extent,
    private readonly findings: Finding[],
  ) {
    this.expected = extent.first;
  }

  /** Something outside the chain, such as an anchor, knows the hash of the record at a place. */
  vouch(place: number, hash: string): void {
    this.vouched.set(place, hash);
  }

  /** The next stored record. */
  next(link: Link): void {
    this.count++;
    if (link.place > this.expected) this.absent(link.place - 1, 'missing');
    if (this.last !== undefined) this.judge(this.last, link);
    this.last = link;
    this.expected = link.place + 1;
  }

  /** No more records; returns how many there were. */
  end(): number {
    if (this.last !== undefined) this.judge(this.last, undefined);
    if (this.expected <= this.extent.last) this.absent(this.extent.last, 'truncated');
    return this.count;
  }

  private absent(through: number, reason: FindingReason): void {
    const seq = this.expected;
    this.findings.push({ chain: this.chain, seq, ...(through > seq && { through }), reason });
  }

  private judge(link: Link, successor: Link | undefined): void {
    const reason = this.fault(link, successor);
    if (reason !== undefined) this.findings.push({ chain: this.chain, seq: link.place, reason });
  }

  private fault(link: Link, successor: Link | undefined): FindingReason | undefined {
    if (link.place > this.extent.last) return 'misplaced';
    if (link.inside !== undefined && link.inside.seq !== link.place) return 'misplaced';
    if (!beyondDoubt(link)) return 'changed';
    const before = this.vouched.get(link.place - 1);
    if (before !== undefined && before !== link.inside?.prev) return 'changed';
    const witnesses = [
      this.vouched.get(link.place),
      link.place === this.extent.last ? this.extent.lastHash : undefined,
      successor?.place === link.place + 1 && beyondDoubt(successor) ? successor.inside?.prev : undefined,
    ];
    return witnesses.every((hash) => hash === undefined || hash === link.hash) ? undefined : 'changed';
  }
}

/** Whether a record agrees with itself and with what was stored beside it. */
function beyondDoubt({ place, hash, storedHash, storedPrev, inside }: Link): boolean {
  if (inside === undefined || inside.seq !== place) return false;
  return (storedHash ?? hash) === hash && (storedPrev ?? inside.prev) === inside.prev;
}
