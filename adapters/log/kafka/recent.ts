/** What a record takes up beside its bytes: its buffer, its texts, its places in arrays. */
const RECORD_OVERHEAD = 512;

/** The newest records of one sequence, each numbered one more than the one before. */
export class Recent<Item> {
  private readonly items = new Queue<Item>();

  /** @param next number of the record that comes next. */
  constructor(private next: number) {}

  /** Number of the oldest one that is kept; of the next to come if none is. */
  get first(): number {
    return this.next - this.items.length;
  }

  push(item: Item): void {
    this.items.push(item);
    this.next++;
  }

  shift(): Item | undefined {
    return this.items.shift();
  }

  /** Those from a number on that is not before the first, at most so many. */
  from(number: number, limit: number): Item[] {
    return this.items.slice(number - this.first, limit);
  }
}

/** Bounds what several sequences keep together: the oldest records go first, of whichever sequence. */
export class RecentBudget<Item extends { readonly bytes: Uint8Array }> {
  private readonly owners = new Queue<Recent<Item>>();
  /** Bytes that are kept, what a record takes up beside its own included. */
  bytes = 0;

  constructor(private readonly bytesMax: number) {}

  add(to: Recent<Item>, item: Item): void {
    to.push(item);
    this.owners.push(to);
    this.bytes += sizeOf(item);
    while (this.bytes > this.bytesMax) this.bytes -= sizeOf(this.owners.shift()!.shift()!);
  }
}

function sizeOf({ bytes }: { readonly bytes: Uint8Array }): number {
  return RECORD_OVERHEAD + bytes.length;
}

/** First in, first out; taking one out costs the same however many there are. */
class Queue<Item> {
  private items: (Item | undefined)[] = [];
  private head = 0;

  get length(): number {
    return this.items.length - this.head;
  }

  push(item: Item): void {
    this.items.push(item);
  }

  shift(): Item | undefined {
    if (this.length === 0) return undefined;
    const item = this.items[this.head];
    this.items[this.head++] = undefined;
    if (this.head > 1_000 && this.head > this.items.length / 2) {
      this.items = this.items.slice(this.head);
      this.head = 0;
    }
    return item;
  }

  slice(from: number, limit: number): Item[] {
    const begin = this.head + from;
    return this.items.slice(begin, begin + limit) as Item[];
  }
}
