import { clusterOf, type Micros } from '../../domain/base/ids';
import { changesPath } from '../../domain/flow/events';
import { effectOf, pinnedAt, routeAt, type FlowChange, type FlowRecord } from '../flows';
import { flowName, type Names } from '../names';
import { Judge, type Verdict, type Verdicts } from './words';

/** What a log without a running grid shows of itself. */
export interface LogEvidence {
  readonly flows: Iterable<FlowRecord>;
  readonly names: Names;
  /** For each snapshot: its state's hash, and that of the state rebuilt from the commits up to it. */
  readonly snapshots: readonly { readonly seq: number; readonly live: string; readonly rebuilt: string }[];
  /** Damage, as verification words it; undefined when nothing was verified. */
  readonly damage: readonly string[] | undefined;
}

/**
 * Judges a log by itself: whether what the flow chains tell is consistent (a flow leaves only a node it was on, for one
 * of the same cluster, and a topology ID it had), whether snapshots equal what is rebuilt, and whether anything that was
 * written is gone. What only taps can show is `not observed`.
 */
export function judgeLog({ flows, names, snapshots, damage }: LogEvidence): Verdicts {
  const affinity = new Judge();
  const pinned = new Judge();
  for (const record of flows) {
    if (record.started === undefined) continue;
    affinity.observed();
    pinned.observed();
    for (const change of record.changes) judgeChange(record, change, names, { affinity, pinned });
  }
  const unseen: Verdict = 'not observed';
  return {
    affinity: affinity.verdict(),
    pinnedTopology: pinned.verdict(),
    oneEmitter: unseen,
    conservation: unseen,
    isolation: unseen,
    transparency: unseen,
    replay: judgeSnapshots(snapshots),
    durability: damage === undefined || damage.length === 0 ? unseen : `broken: ${damage[0]!}`,
  };
}

function judgeChange(
  record: FlowRecord,
  { event }: FlowChange,
  names: Names,
  judges: { readonly affinity: Judge; readonly pinned: Judge },
): void {
  const flow = `flow ${flowName(record.flow)}`;
  const before: Micros = effectOf(event) - 1;
  if (event.type === 'FlowRepinned' && pinnedAt(record, event.at - 1).wireId !== event.fromWireId) {
    judges.pinned.broken(`${flow} left topology ID ${event.fromWireId}, which it did not have`);
  }
  if (event.type !== 'FlowTakenOver' && event.type !== 'FlowRerouted') return;
  const [from, to] = [names.node(event.from), names.node(event.to)];
  const staysThere = event.type === 'FlowRerouted' && changesPath(event);
  // It may have come to `from` in the same instant.
  if (staysThere && event.to !== 0) return;
  if (event.to !== 0 && clusterOf(event.to) !== clusterOf(event.from)) {
    judges.affinity.broken(`${flow} went from ${from} to ${to}, which is of another cluster`);
  }
  const stops = routeAt(record, before);
  // What leaves a cluster out leaves whoever has it there.
  const wasThere = stops.some(({ node }) =>
    staysThere ? clusterOf(node) === clusterOf(event.from) : node === event.from || node === event.to,
  );
  const isOpen = stops.some((stop) => (stop.node & 0x7f) === 0 && clusterOf(stop.node) === clusterOf(event.from));
  if (!wasThere && !isOpen) judges.affinity.broken(`${flow} left ${from} for ${to}, and was on neither`);
}

function judgeSnapshots(snapshots: LogEvidence['snapshots']): Verdict {
  const judge = new Judge();
  for (const { seq, live, rebuilt } of snapshots) {
    judge.observed();
    if (live !== rebuilt)
      judge.broken(`at seq ${seq} the snapshot hashes to ${live}, the state rebuilt from the log to ${rebuilt}`);
  }
  return judge.verdict();
}
