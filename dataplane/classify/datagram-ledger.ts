import type { Arena } from '../frames/arena';
import { S_SRC_IS_B } from '../frames/layout';
import { type CaptureRecord, recordSeconds } from '../packet-ports/capture/record';
import { noteTime, type TrackedRow } from './connection-row';
import { FragmentKey } from './fragment-key';

/** A fragmented datagram of a capture. */
export interface Datagram {
  /** Connection of its first fragment, once that has come. */
  row: TrackedRow | undefined;
  /** Later fragments that came before it. */
  waiting: number;
  waitingBytes: number;
}

/** Joins the later fragments of a capture to their first one, wherever in the capture that is. */
export class DatagramLedger {
  private readonly datagrams = new Map<string, Datagram>();
  private readonly key = new FragmentKey();
  /** Later fragments whose first one has not come. */
  orphans = 0;

  /** A first fragment, of the connection in `row`. Those that wait for one are its. */
  first(arena: Arena, slot: number, row: TrackedRow): void {
    const key = this.key.of(arena, slot);
    const before = this.datagrams.get(key);
    // An identification used again starts another datagram; what comes later belongs to that.
    if (before === undefined || before.row !== undefined) {
      this.datagrams.set(key, { row, waiting: 0, waitingBytes: 0 });
      return;
    }
    const fromA = (arena.u8[slot + S_SRC_IS_B] === 1) === row.aIsB;
    before.row = row;
    count(row, fromA, before.waiting, before.waitingBytes);
    this.orphans -= before.waiting;
  }

  /** A later fragment. */
  later(arena: Arena, slot: number, record: CaptureRecord): Datagram {
    const key = this.key.of(arena, slot);
    let datagram = this.datagrams.get(key);
    if (datagram === undefined) {
      datagram = { row: undefined, waiting: 0, waitingBytes: 0 };
      this.datagrams.set(key, datagram);
    }
    const { row } = datagram;
    if (row === undefined) {
      datagram.waiting++;
      datagram.waitingBytes += record.wireLen;
      this.orphans++;
    } else {
      count(row, (arena.u8[slot + S_SRC_IS_B] === 1) === row.aIsB, 1, record.wireLen);
      noteTime(row, recordSeconds(record));
    }
    return datagram;
  }
}

function count(row: TrackedRow, fromA: boolean, fragments: number, bytes: number): void {
  if (fromA) {
    row.laterFragmentsAB += fragments;
    row.bytesAB += bytes;
  } else {
    row.laterFragmentsBA += fragments;
    row.bytesBA += bytes;
  }
}
