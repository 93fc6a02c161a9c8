import type { PortStatistics } from '../../domain/agent/statistics';
import type { Arena } from '../frames/arena';
import type { SlotPool } from '../frames/slots';

export type { PortStatistics } from '../../domain/agent/statistics';

/**
 * Where frames enter and leave this machine: a UDP socket now, a network interface later. A port moves batches of whole
 * Ethernet frames between the outside and slots of the shared memory, never waits, and allocates nothing per frame. Who
 * a frame is from and for stands in the frame; what that means is for those who use the port ({@link Underlay},
 * {@link NetworkPorts}).
 *
 * The user drains downstream before it reads more: it receives a bounded batch, moves it on until nothing moves, sends
 * what came of it, and only then receives again. A port that cannot send any more says so by taking less than it was
 * given.
 */
export interface PacketPort {
  /**
   * Puts up to `max` frames that have arrived into free slots and their numbers, in order of arrival, into the u32 list
   * at byte address `list`; returns how many. It sets `S_OFF` and `S_LEN`; every other field of the slot is whatever it
   * was. The slots are the caller's.
   */
  receive(list: number, max: number): number;
  /**
   * Sends the frames of the list at byte address `list`, as they lie in their slots, and returns how many of the `n` it
   * took, from the list's beginning: their slots are the port's, which frees them when the frames are gone. The others are
   * the caller's still: the port is busy, and tells its listener when it is `writable` again. What a port takes and cannot
   * send is counted.
   */
  send(list: number, n: number): number;
  statistics(): PortStatistics;
  /** Bytes behind the Ethernet header, and a tag, that frames may have which leave now; absent: any frame leaves. */
  readonly mtu?: number;
  /**
   * Stands again on what it was opened on, where that was lost and is back: an interface that was removed and made again. True
   * if it had to. Absent where nothing can be lost so.
   */
  mend?(): boolean;
  /** Closes; frames that have arrived and were not received are lost. */
  close(): Promise<void>;
}

/** The memory that a port's frames lie in. */
export interface PortMemory {
  readonly arena: Arena;
  /** The free slots of the thread that uses the port. */
  readonly slots: SlotPool;
}

/** Hears from a port that it is worth calling it; both may be called for nothing, and from within the port's event. */
export interface PortListener {
  /** Frames may have arrived since they were last found wanting. */
  readable(): void;
  /** There may be room again after `send` took less than it was given. */
  writable(): void;
}

/** Opens a port on a memory. @throws FlowgridError `usage` when what it is to be opened on cannot be had. */
export type OpenPort = (memory: PortMemory, listener: PortListener) => Promise<PacketPort>;
