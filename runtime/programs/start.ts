import { randomUUID } from 'node:crypto';
import { nodeName, type Millis } from '../../domain/base/ids';
import { EXIT, type Io, type StartOptions } from '../../interface/cli/programs';
import type { ClusterAnswer, WorkflowView } from '../control/workflow-requests';
import { withMnodes, type Mnodes } from './leader-access';
import type { WallClock } from './wall-clock';
import { askFor } from './workflow-asking';
import { stepLine, stepOf } from './workflow-steps';
import { watched } from './workflow-watch';

/**
 * `flowgrid replace`, `upgrade`, `clone`: asks for one workflow, and tells how it gets on until it has ended. Exit 4 when it
 * failed: then it has put everything back, or says what it could not.
 *
 * @throws FlowgridError `not-found` for a cluster that is not there, `timeout` when nobody leads in time.
 */
export function start(options: StartOptions, io: Io): Promise<number> {
  return withMnodes(options, async (mnodes, clock) => {
    const id = options.id ?? `${options.workflow}/${randomUUID()}`;
    await request(options, id, mnodes, clock);
    if (!options.json) io.out(`${id}: requested`);
    if (!options.wait) {
      if (options.json) io.out(JSON.stringify({ id, status: 'running' }));
      return EXIT.ok;
    }
    const told = new Set<string>();
    const tell = (view: WorkflowView): void => {
      if (!options.json) for (const line of newSteps(view, told)) io.out(line);
    };
    const [view] =
      (await watched(mnodes, clock, [id], options.withinMs, io.interrupted, tell)) ?? ([] as WorkflowView[]);
    if (view === undefined) {
      io.err(`flowgrid: ${id} goes on; 'flowgrid workflow show ${id}' looks at it`);
      return EXIT.interrupted;
    }
    const { status, error, result } = view;
    if (options.json) io.out(JSON.stringify({ id, status, ...(error === undefined ? { result } : { error }) }));
    else io.out(`${id}: ${status}${error === undefined ? ` ${JSON.stringify(result)}` : `: ${error}`}`);
    return status === 'succeeded' ? EXIT.ok : EXIT.findings;
  });
}

/** Asks for it, in the words of the grid: clusters may be named by their IDs. */
async function request(options: StartOptions, id: string, mnodes: Mnodes, clock: WallClock): Promise<void> {
  const { workflow: name, about, by, withinMs } = options;
  const cluster = (named: string): Promise<ClusterAnswer> => mnodes.ask({ ask: 'cluster', cluster: named }, withinMs);
  const ask = (at: Millis, what: string, input: object): Promise<void> => {
    const entry = { kind: 'started', name, input: { ...options.input, ...input }, at } as const;
    return askFor(mnodes, clock, { id, about: what, entry, by, withinMs });
  };
  if ('clusters' in about) {
    const known = await Promise.all(about.clusters.map(cluster));
    const clusters = known.map((each) => each.name);
    return ask(known[0]!.now, clusters.join(', '), { clusters });
  }
  const { node } = about;
  const known = await cluster(about.cluster);
  if (node === undefined) return ask(known.now, known.name, { cluster: known.name });
  return ask(known.now, nodeName(known.name, node), { cluster: known.cluster, node });
}

/** A line for each step that was not told yet. */
function newSteps({ history }: WorkflowView, told: Set<string>): string[] {
  return history.flatMap((entry) => {
    const step = stepOf(entry);
    if (step === undefined || told.has(step.step)) return [];
    told.add(step.step);
    return [`  ${stepLine(step)}`];
  });
}
