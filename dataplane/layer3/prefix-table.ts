/** A prefix of addresses of one IP version, and what is found for it. */
export interface Prefix {
  /** The whole address, 4 or 16 bytes. */
  readonly bytes: ArrayLike<number>;
  /** How many of its bits count. */
  readonly bits: number;
  /** At least 0. */
  readonly value: number;
}

const NOTHING = -1;
/** A trie's node is three words: the child for bit 0, the one for bit 1 (0 = none, for nothing leads to the root), the value. */
const VALUE = 2;

/** Longest prefix match over the addresses of one IP version: a binary trie in one array, walked bit by bit. */
export class PrefixTable {
  private readonly nodes: Int32Array;
  private readonly bits: number;

  /** Of two equal prefixes the first stays. */
  constructor(bits: 32 | 128, prefixes: readonly Prefix[]) {
    this.bits = bits;
    const nodes = [0, 0, NOTHING];
    for (const prefix of prefixes) add(nodes, prefix);
    this.nodes = Int32Array.from(nodes);
  }

  /** The value of the longest prefix that holds the address at `at`; −1 = none does. */
  find(bytes: Uint8Array, at: number): number {
    const { nodes, bits } = this;
    let best = nodes[VALUE];
    let node = 0;
    for (let i = 0; i < bits; i++) {
      node = nodes[node + ((bytes[at + (i >>> 3)] >>> (7 - (i & 7))) & 1)];
      if (node === 0) break;
      if (nodes[node + VALUE] !== NOTHING) best = nodes[node + VALUE];
    }
    return best;
  }
}

function add(nodes: number[], { bytes, bits, value }: Prefix): void {
  let node = 0;
  for (let i = 0; i < bits; i++) {
    const child = node + ((bytes[i >>> 3] >>> (7 - (i & 7))) & 1);
    if (nodes[child] === 0) {
      nodes[child] = nodes.length;
      nodes.push(0, 0, NOTHING);
    }
    node = nodes[child];
  }
  if (nodes[node + VALUE] === NOTHING) nodes[node + VALUE] = value;
}
