import type { Micros } from '../../../domain/base/ids';

/** Different frames remembered, so that one that comes twice is known; the oldest are forgotten over this. */
const REMEMBERED = 1_000_000;

/** What a recorder counts about the frames that it takes. */
export class Recording {
  frames = 0;
  bytes = 0;
  /** Frames whose bytes had come before. */
  duplicates = 0;
  firstAt: Micros = 0;
  lastAt: Micros = 0;
  longestGapUs: Micros = 0;
  /** When the longest gap began. */
  longestGapAt: Micros = 0;
  private readonly seen = new Set<string>();

  /** A frame arrived: its bytes in whatever text names them. */
  add(at: Micros, name: string, length: number): void {
    if (this.frames === 0) this.firstAt = at;
    else if (at - this.lastAt > this.longestGapUs) {
      this.longestGapUs = at - this.lastAt;
      this.longestGapAt = this.lastAt;
    }
    this.lastAt = at;
    this.frames++;
    this.bytes += length;
    if (this.seen.has(name)) this.duplicates++;
    else this.remember(name);
  }

  private remember(name: string): void {
    this.seen.add(name);
    if (this.seen.size <= REMEMBERED) return;
    for (const oldest of this.seen) {
      this.seen.delete(oldest);
      return;
    }
  }
}

/** When a recording ends by itself. */
export interface RecordingEnd {
  /** After so many seconds. */
  readonly seconds?: number;
  /** After so many seconds without a frame, once one has come. */
  readonly silence?: number;
}

/** Whether a recording that began at `began` is over at `now`. */
export function isOver({ seconds, silence }: RecordingEnd, recording: Recording, began: Micros, now: Micros): boolean {
  if (seconds !== undefined && now - began >= seconds * 1e6) return true;
  return silence !== undefined && recording.frames > 0 && now - recording.lastAt >= silence * 1e6;
}
