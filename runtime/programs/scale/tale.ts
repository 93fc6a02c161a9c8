import { nodeName, type Millis } from '../../../domain/base/ids';
import type { Io } from '../../../interface/cli/programs';
import type { ClusterAnswer, WorkflowView } from '../../control/workflow-requests';
import { stepLine, stepOf } from '../workflow-steps';

/** What is told of workflows while they run: a line on stderr, or with `--json` on stdout, for each step that has ended. */
export class ScaleTale {
  /** Journal entries that were told of, by workflow. */
  private readonly told = new Map<string, number>();

  constructor(
    private readonly io: Io,
    private readonly json: boolean,
  ) {}

  begin({ name, serving, joining }: ClusterAnswer, to: number, workflows: readonly string[]): void {
    const has = serving.length + joining.length;
    if (this.json) return this.io.out(JSON.stringify({ cluster: name, has, to, workflows }));
    if (workflows.length === 0) return this.io.out(`${name} has ${has} nodes`);
    this.io.err(`${name}: ${has} nodes, ${to} wanted: ${workflows.join(', ')}`);
  }

  /** Tells what is new in a workflow's journal. */
  tell(view: WorkflowView): void {
    const before = this.told.get(view.id) ?? 0;
    const { history } = view;
    this.told.set(view.id, history.length);
    const requestedAt = history[0] !== undefined && 'at' in history[0] ? history[0].at : 0;
    for (const entry of history.slice(before)) {
      const step = stepOf(entry);
      if (step === undefined || !('at' in entry)) continue;
      const afterMs = entry.at - requestedAt;
      if (this.json) this.io.out(JSON.stringify({ workflow: view.id, node: nodeOf(view), ...step, afterMs }));
      else this.io.err(`  ${nodeOf(view).padEnd(8)} ${stepLine(step)}  +${afterMs} ms`);
    }
  }

  /** Tells how it ended. */
  end({ name }: ClusterAnswer, views: readonly WorkflowView[]): void {
    for (const view of views) {
      const { id, status, error } = view;
      const tookMs = spanOf(view);
      if (this.json)
        this.io.out(JSON.stringify({ workflow: id, node: nodeOf(view), status, tookMs, ...(error && { error }) }));
      else if (status === 'succeeded')
        this.io.out(`${name}: ${nodeOf(view)} ${WAYS[view.name] ?? 'is done'} after ${seconds(tookMs)}`);
      else
        this.io.err(
          `flowgrid: ${name}: ${nodeOf(view)}: ${id} ${status === 'cancelled' ? 'was cancelled' : 'failed'}: ${error}`,
        );
    }
  }

  /** Nobody looks any more; nothing is undone by that. */
  leave(workflows: readonly string[]): void {
    this.io.err(`they go on: 'flowgrid workflow show ${workflows[0]}' tells how; 'flowgrid workflow cancel' ends one`);
  }
}

const WAYS: { readonly [workflow: string]: string | undefined } = { scaleOut: 'joined', scaleIn: 'left' };

/** The node by name, once it is known which one it is. */
function nodeOf({ cluster, input, history }: WorkflowView): string {
  const reserved = history.find((entry) => entry.kind === 'step' && isNumbered(entry.result)) as { result: Numbered };
  const node = (input as Partial<Numbered>).node || reserved?.result.node || 0;
  return node === 0 ? cluster : nodeName(cluster, node);
}

interface Numbered {
  readonly node: number;
}

function isNumbered(result: unknown): result is Numbered {
  return Number.isInteger((result as Partial<Numbered> | null | undefined)?.node);
}

/** From the request to the end; 0 while it runs. */
export function spanOf({ history }: WorkflowView): Millis {
  const [first, last] = [history[0], history.at(-1)];
  return first?.kind === 'started' && last?.kind === 'ended' ? last.at - first.at : 0;
}

function seconds(ms: Millis): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
