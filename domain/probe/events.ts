import type { NodeRef } from '../base/ids';
import type { EventOf } from '../message';

/** A probe point is there: frames that pass it are captured for whoever reads it ([0039]). */
export type ProbeAttached = EventOf<'ProbeAttached', Probe>;
export type ProbeDetached = EventOf<'ProbeDetached', { readonly probe: number }>;

/**
 * A probe point ([0040]): on a link it captures what all interfaces on the link send, on an interface what one node's
 * interface on a link sends and receives. Where an external network joins there is a point of the network's name, whether or not an
 * external link says how it joins. One collector shows many points as one interface.
 */
export interface Probe {
  readonly id: number;
  /** What the point is called in captures: `VN-2`, `AB-2@VN-2`. */
  readonly name: string;
  /** 0 = the point is where an external network joins, see `network`. */
  readonly link: number;
  /** The external network whose frames are captured as they enter and leave; absent: the point is on a link. */
  readonly network?: number;
  /** The node whose interface is tapped; 0 = the link as a whole, or all INODEs of the network. */
  readonly node: NodeRef;
  /** `raw` frames carry the descriptor, `restored` ones are as the application sees them. */
  readonly view: 'raw' | 'restored';
  /** Who reads it; the points of one collector have its name in common. */
  readonly collector: string;
  /** Which frames are captured (`parseFilter`); absent: all. */
  readonly filter?: string;
  /** Bytes of the ring that holds captured frames until they are read; absent: {@link RING_BYTES_DEFAULT}. */
  readonly ringBytes?: number;
}

export const RING_BYTES_DEFAULT = 4 * 1024 * 1024;
/** A ring holds a few of the longest frames at least. */
export const RING_BYTES_MIN = 64 * 1024;
export const RING_BYTES_MAX = 64 * 1024 * 1024;
/** Points that a grid has at once, at most: each takes a look at every frame. */
export const PROBES_MAX = 64;

export type ProbeEvent = ProbeAttached | ProbeDetached;
