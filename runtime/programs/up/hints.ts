import { flowName } from '../../../projections';
import type { UpOptions } from '../../../interface/cli/programs';
import type { Session } from './session';

/** Where the commands keep their log unless told otherwise. */
const DEFAULT_DATA = '.flowgrid';

/** What to try next, with the very arguments: a flow that was taken over, if there is one. */
export function hints(session: Session, options: UpOptions): string[] {
  const data = options.data === DEFAULT_DATA ? '' : ` --data ${options.data}`;
  const records = [...session.observation.flows.records()].filter(({ started }) => started !== undefined);
  const moved = records.find(({ changes }) => changes.some(({ event }) => event.type === 'FlowTakenOver'));
  const shown = moved ?? records[0];
  const lines = ['', 'The grid stays up (Ctrl-C ends it). Try, in another terminal:'];
  if (shown !== undefined) {
    const flow = flowName(shown.flow);
    const change = shown.changes.find(({ event }) => event.type === 'FlowTakenOver')?.event;
    if (change !== undefined && 'effectiveAt' in change) {
      const at = (us: number): string => (us / 1e6).toFixed(6);
      lines.push(
        `  flowgrid trace ${flow} --at ${at(change.effectiveAt - 1)}${data}   # its route before the takeover`,
        `  flowgrid trace ${flow} --at ${at(change.effectiveAt)}${data}   # and after it`,
      );
    } else {
      lines.push(`  flowgrid trace ${flow}${data}   # which nodes, and which event decided it`);
    }
    lines.push(`  flowgrid audit flow ${flow}${data}   # its whole story`);
  }
  lines.push(
    `  flowgrid audit history${data}   # everything that happened to the grid`,
    `  flowgrid audit verify${data}   # is the log whole?`,
    `  flowgrid log tail --follow${data}   # commits, as they come`,
    `  flowgrid check${data}   # the eight invariants, now`,
    '',
  );
  return lines;
}
