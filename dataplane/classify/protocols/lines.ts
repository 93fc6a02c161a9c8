/** Longest control line that is kept; the rest of a longer one is passed over. */
const LINE_BYTES_MAX = 1024;
const LF = 10;
const CR = 13;

/** Cuts a byte stream into lines, which end in LF or CR LF, however segments split them. */
export class LineCutter {
  private partial = '';
  private skipping = false;

  /** Takes the next bytes. After a gap, the rest of the line it tore is passed over unless a line begins there. */
  take(bytes: Uint8Array, gap: boolean, line: (text: string) => void): void {
    if (gap) {
      this.partial = '';
      this.skipping = false;
    }
    let from = 0;
    for (let at = 0; at < bytes.length; at++) {
      if (bytes[at] !== LF) continue;
      this.append(bytes, from, at > from && bytes[at - 1] === CR ? at - 1 : at);
      const text = this.partial.endsWith('\r') ? this.partial.slice(0, -1) : this.partial;
      const whole = !this.skipping;
      this.partial = '';
      this.skipping = false;
      if (whole) line(text);
      from = at + 1;
    }
    this.append(bytes, from, bytes.length);
  }

  private append(bytes: Uint8Array, from: number, to: number): void {
    if (this.skipping || from === to) return;
    if (this.partial.length + (to - from) > LINE_BYTES_MAX) {
      this.skipping = true;
      this.partial = '';
      return;
    }
    this.partial += latin1(bytes, from, to);
  }
}

/** Bytes as text, one character a byte. */
export function latin1(bytes: Uint8Array, from: number, to: number): string {
  let text = '';
  for (let i = from; i < to; i++) text += String.fromCharCode(bytes[i]);
  return text;
}
