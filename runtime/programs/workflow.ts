import { EXIT, type Io, type WorkflowOptions } from '../../interface/cli/programs';
import { timeText } from '../../interface/cli/text';
import type { WorkflowSummary, WorkflowView } from '../control/workflow-requests';
import { withMnodes, type Mnodes } from './leader-access';
import { stepLine, stepOf } from './workflow-steps';

/**
 * `flowgrid workflow`: the workflows of a grid as the program tells that leads it, and what can be done to one.
 *
 * @throws FlowgridError `not-found` for one that was never requested, or has ended and cannot be signalled.
 */
export function workflow(options: WorkflowOptions, io: Io): Promise<number> {
  return withMnodes(options, async (mnodes) => {
    await perform(options, mnodes, io);
    return EXIT.ok;
  });
}

async function perform({ act, json, withinMs }: WorkflowOptions, mnodes: Mnodes, io: Io): Promise<void> {
  const print = (value: object, lines: readonly string[]): void => {
    for (const line of json ? [JSON.stringify(value)] : lines) io.out(line);
  };
  switch (act.kind) {
    case 'list':
      for (const each of await mnodes.ask({ ask: 'list' }, withinMs)) print(each, [summaryText(each)]);
      return;
    case 'show': {
      const view = await mnodes.ask({ ask: 'show', id: act.id }, withinMs);
      return print(view, viewText(view));
    }
    case 'cancel':
      await mnodes.ask({ ask: 'cancel', id: act.id }, withinMs);
      return print({ id: act.id, asked: 'cancel' }, [`${act.id}: asked to stop and to put back what it did`]);
    case 'signal': {
      const { id, name, payload } = act;
      await mnodes.ask({ ask: 'signal', id, name, payload }, withinMs);
      return print({ id, asked: 'signal', name }, [`${id}: got ${name}`]);
    }
  }
}

function summaryText({ id, name, status, cluster, requested, progress }: WorkflowSummary): string {
  const where = progress === undefined ? '' : `, ${progress.step} (${progress.done} of ${progress.of})`;
  return `${status.padEnd(9)} ${name.padEnd(9)} ${cluster.padEnd(4)} ${id} (commit ${requested})${where}`;
}

function viewText(view: WorkflowView): string[] {
  const { input, history, error, progress } = view;
  const steps = history.flatMap((entry) => {
    const step = stepOf(entry);
    if (step === undefined || !('at' in entry)) return [];
    return [`  ${timeText(entry.at)}  ${stepLine(step)}`];
  });
  const last = history.at(-1);
  return [
    summaryText(view),
    `  ${JSON.stringify(input)}`,
    ...steps,
    ...(progress?.note === undefined ? [] : [`  because ${progress.note}`]),
    ...(last?.kind === 'ended'
      ? [`  ${timeText(last.at)}  ${last.status}${error === undefined ? '' : `: ${error}`}`]
      : []),
  ];
}
