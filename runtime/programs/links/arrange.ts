import { randomUUID } from 'node:crypto';
import { FlowgridError } from '../../../domain/base/errors';
import type { Outcome } from '../../../domain/commands';
import { arrangeLinks as decideArrangement } from '../../../domain/link/arrange';
import type { ArrangeLinks } from '../../../domain/link/commands';
import { isRejection } from '../../../domain/message';
import { arrangedText, type ArrangementView } from '../../../interface/cli/link-arranging-text';
import { EXIT, type ArrangeLinksOptions, type Io } from '../../../interface/cli/programs';
import { linkRecord, linkRecords } from '../../../projections';
import { readLinkRecords } from '../../control/grid-file';
import { stateOfAnswer, type LinksAnswer } from '../../control/link-desk';
import { readGridFile } from '../grid-text';
import { withMnodes } from '../leader-access';
import { linkNamed } from '../link';
import { editedRecord } from './edit';

type Step = ArrangeLinks['data'];

/**
 * `flowgrid link create`, `change`, `delete`, `apply`: compares what is asked for with the links of the grid that runs, and has
 * whoever leads do the difference as one commit. Exit 4 when that is refused; then nothing has changed.
 *
 * @throws FlowgridError `usage` and `invalid-grid` for what is no link, `not-found` for what is not there, `timeout` when nobody
 *   led in time.
 */
export function arrangeLinks(options: ArrangeLinksOptions, io: Io): Promise<number> {
  return withMnodes(options, async (mnodes, clock) => {
    const answer = await mnodes.ask({ ask: 'links' }, options.withinMs);
    const step = stepOf(answer, options.act);
    const view = viewOf(answer, step);
    if (options.dryRun) {
      const outcome = wouldBe(answer, step);
      tell(options, io, view, outcome);
      return exitOf(outcome);
    }
    const deadline = clock.now() + options.withinMs;
    const outcome: Outcome =
      step.create.length + step.change.length + step.delete.length === 0
        ? { status: 'unchanged' }
        : await mnodes.submit({
            id: `cli/${randomUUID()}`,
            by: options.by,
            deadline,
            body: { type: 'ArrangeLinks', data: step },
          });
    tell(options, io, view, outcome);
    return exitOf(outcome);
  });
}

function tell({ json, dryRun }: ArrangeLinksOptions, io: Io, view: ArrangementView, outcome: Outcome): void {
  if (json) return io.out(JSON.stringify({ ...view, dryRun, ...outcome }));
  if (outcome.status === 'rejected') {
    const { reason, message } = outcome.rejection;
    return io.err(`flowgrid: ${dryRun ? 'would be' : 'was'} refused (${reason}): ${message}`);
  }
  const seq = outcome.status === 'accepted' && !dryRun ? outcome.seq : undefined;
  for (const line of arrangedText(view, dryRun, seq)) io.out(line);
}

function exitOf(outcome: Outcome): number {
  if (outcome.status !== 'rejected') return EXIT.ok;
  return outcome.rejection.reason === 'not-found' ? EXIT.notFound : EXIT.findings;
}

/** What the leader would say; a commit that is not made has no number. */
function wouldBe(answer: LinksAnswer, step: Step): Outcome {
  const decision = decideArrangement(stateOfAnswer(answer), step, answer.now);
  if (isRejection(decision)) return { status: 'rejected', rejection: decision };
  return decision.length === 0 ? { status: 'unchanged' } : { status: 'accepted', seq: 0 };
}

function viewOf(answer: LinksAnswer, step: Step): ArrangementView {
  const state = stateOfAnswer(answer);
  const { links } = answer.links;
  // Taps name what they listen to, also where both are new.
  const then = [...step.create, ...step.change].map((link) => [link.id, link] as const);
  const after = { ...state, links: { ...state.links, links: { ...links, ...Object.fromEntries(then) } } };
  return {
    created: linkRecords(after, step.create),
    changed: Object.fromEntries(
      step.change.map((link) => [link.name, { was: linkRecord(state, links[link.id]!), is: linkRecord(after, link) }]),
    ),
    deleted: linkRecords(
      state,
      step.delete.map((id) => links[id]!),
    ),
  };
}

function stepOf(answer: LinksAnswer, act: ArrangeLinksOptions['act']): Step {
  switch (act.kind) {
    case 'create':
    case 'change':
      return editStep(answer, act);
    case 'delete':
      return { create: [], change: [], delete: act.names.map((name) => linkNamed(answer, name).id) };
    case 'apply':
      return recordsStep(answer, act.file, act.prune);
  }
}

function editStep(
  answer: LinksAnswer,
  { kind, name, edit }: Extract<ArrangeLinksOptions['act'], { kind: 'create' | 'change' }>,
): Step {
  const present = Object.values(answer.links.links).find((link) => link.name === name);
  if (kind === 'change') linkNamed(answer, name);
  const before = kind === 'change' ? linkRecord(stateOfAnswer(answer), present!) : {};
  const text = JSON.stringify({ links: { [name]: editedRecord(before, edit) } });
  const { step, problems } = readLinkRecords(text, answer, false);
  if (problems.length > 0) {
    throw new FlowgridError('usage', problems.map(({ what, remedy }) => `${what} (${remedy})`).join('\n'));
  }
  // The leader says what is there under that name.
  if (kind === 'create') return { ...step, create: [...step.create, ...step.change], change: [] };
  return step;
}

function recordsStep(answer: LinksAnswer, file: string, prune: boolean): Step {
  const { step, problems } = readLinkRecords(readGridFile(file), answer, prune);
  if (problems.length === 0) return step;
  const list = problems.map(({ line, column, what, remedy }) => `${file}:${line}:${column}: ${what} (${remedy})`);
  const count = problems.length === 1 ? 'a problem' : `${problems.length} problems`;
  throw new FlowgridError('invalid-grid', `${file} has ${count}, and nothing was changed:\n${list.join('\n')}`, {
    remedy: `correct ${file} and see what it would do with: flowgrid link apply ${file} --dry-run`,
  });
}
