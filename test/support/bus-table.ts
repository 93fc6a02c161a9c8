import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What docs/reference/bus.md says of one subject. */
export interface BusRow {
  /** As it is written there: `flowgrid.<grid>.flow.<node>.ended`. */
  readonly subject: string;
  readonly encoding: 'JSON' | 'MessagePack' | 'empty';
  /** Whether a subject of the wire, of this grid, is one of these. */
  matches(subject: string): boolean;
}

/** The table of docs/reference/bus.md, a row for each subject. */
export function readBusTable(grid: string): BusRow[] {
  const page = readFileSync(join(__dirname, '../../docs/reference/bus.md'), 'utf8');
  const rows = page.split('\n').filter((line) => line.startsWith('| `flowgrid.<grid>.'));
  return rows.flatMap((line) => {
    const [, subjects, , what] = line.split(' | ').length === 3 ? ['', ...line.slice(2).split(' | ')] : [];
    const encoding = /\b(JSON|MessagePack|empty)\) \|$/.exec(`${what}`)?.[1];
    if (subjects === undefined || encoding === undefined) throw new Error(`bus.md: a row without encoding: ${line}`);
    return expand(subjects).map((subject) => ({
      subject,
      encoding: encoding as BusRow['encoding'],
      matches: matcher(subject, grid),
    }));
  });
}

/** `a.b.c` and `…d` are `a.b.c` and `a.b.d`. */
function expand(cell: string): string[] {
  const [first, ...others] = Array.from(cell.matchAll(/`([^`]+)`/g), ([, text]) => text!);
  const before = first!.slice(0, first!.lastIndexOf('.'));
  return [first!, ...others.map((other) => `${before}.${other.replace(/^…\.?/, '')}`)];
}

function matcher(subject: string, grid: string): (subject: string) => boolean {
  const tokens = subject.replace('<grid>', grid).split('.');
  return (other) => {
    const those = other.split('.');
    return those.length === tokens.length && tokens.every((token, i) => token.startsWith('<') || token === those[i]);
  };
}
