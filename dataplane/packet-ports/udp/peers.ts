import { NODE_REF_COUNT, type NodeRef } from '../../../domain/base/ids';
import { endpointText, type Endpoint } from '../../../domain/base/endpoint';
import type { Arena } from '../../frames/arena';
import { S_TO } from '../../frames/layout';

/** What {@link Peers.of} returns for a frame that goes nowhere. */
export const NO_PEER = -1;

/** Whom a UDP port sends to: the frame in a slot decides. */
export interface Peers {
  /** Number of the peer that the frame at slot address `address` goes to, or {@link NO_PEER}. */
  of(arena: Arena, address: number): number;
  /** The peers, by number; they are never removed. */
  readonly endpoints: readonly Endpoint[];
}

/** Every frame goes to the same place: an external network behind a port. */
export class OnePeer implements Peers {
  readonly endpoints: readonly Endpoint[];

  constructor(remote: Endpoint) {
    this.endpoints = [remote];
  }

  of(): number {
    return 0;
  }
}

/** A frame goes to whoever hosts the node that it is for (`S_TO`): the underlay. */
export class NodePeers implements Peers {
  readonly endpoints: Endpoint[] = [];
  private readonly numbers = new Map<string, number>();
  private readonly byNode = new Int32Array(NODE_REF_COUNT).fill(NO_PEER);

  of(arena: Arena, address: number): number {
    return this.byNode[arena.u16[(address + S_TO) >>> 1] & (NODE_REF_COUNT - 1)];
  }

  /** The node is hosted there from now on; undefined: nobody knows where. */
  place(node: NodeRef, where: Endpoint | undefined): void {
    this.byNode[node] = where === undefined ? NO_PEER : this.numberOf(where);
  }

  private numberOf(where: Endpoint): number {
    const key = endpointText(where);
    const known = this.numbers.get(key);
    if (known !== undefined) return known;
    this.numbers.set(key, this.endpoints.length);
    return this.endpoints.push(where) - 1;
  }
}
