import { randomUUID } from 'node:crypto';
import { scalingRequest } from '../../../domain/provisioning/scaling';
import { EXIT, type Io, type ScaleOptions } from '../../../interface/cli/programs';
import type { ClusterAnswer, WorkflowSummary } from '../../control/workflow-requests';
import { withMnodes, type Mnodes } from '../leader-access';
import type { WallClock } from '../wall-clock';
import { askFor } from '../workflow-asking';
import { watched } from '../workflow-watch';
import { planScale, type ScaledNode } from './plan';
import { ScaleTale } from './tale';

/**
 * `flowgrid scale`: brings a cluster to a number of nodes, each by a workflow of its own, and tells how they get on until
 * all have ended. Exit 4 when one failed, or when there are too few spares; what failed has put everything back.
 *
 * @throws FlowgridError `not-found` for a cluster that is not there, `timeout` when nobody leads in time.
 */
export function scale(options: ScaleOptions, io: Io): Promise<number> {
  return withMnodes(options, (mnodes, clock) => new Scaler(options, io, mnodes, clock).run());
}

class Scaler {
  private readonly id: string;

  constructor(
    private readonly options: ScaleOptions,
    private readonly io: Io,
    private readonly mnodes: Mnodes,
    private readonly clock: WallClock,
  ) {
    this.id = options.id ?? `scale/${randomUUID()}`;
  }

  async run(): Promise<number> {
    const { options, mnodes, io } = this;
    const cluster = await mnodes.ask({ ask: 'cluster', cluster: options.cluster }, options.withinMs);
    const workflows = (await this.repeated()) ?? (await this.request(cluster));
    if (workflows === undefined) return EXIT.findings;
    const tale = new ScaleTale(io, options.json);
    tale.begin(cluster, options.to, workflows);
    if (workflows.length === 0) return EXIT.ok;
    if (!options.wait) return EXIT.ok;
    const views = await watched(mnodes, this.clock, workflows, options.withinMs, io.interrupted, (view) =>
      tale.tell(view),
    );
    if (views === undefined) {
      tale.leave(workflows);
      return EXIT.interrupted;
    }
    tale.end(cluster, views);
    return views.every(({ status }) => status === 'succeeded') ? EXIT.ok : EXIT.findings;
  }

  /** The workflows that the same request has begun before; undefined where it has not. */
  private async repeated(): Promise<string[] | undefined> {
    const { options, mnodes, id } = this;
    if (options.id === undefined) return undefined;
    const known = await mnodes.ask({ ask: 'list' }, options.withinMs);
    const mine = known.map((workflow: WorkflowSummary) => workflow.id).filter((each) => each.startsWith(`${id}/`));
    return mine.length === 0 ? undefined : mine.sort();
  }

  /** Requests a workflow for each node that joins or leaves; undefined when there are too few spares. */
  private async request(cluster: ClusterAnswer): Promise<string[] | undefined> {
    const { options, io } = this;
    const plan = planScale(cluster, options.to, options.nodes);
    if ('missing' in plan) {
      const { missing, spares } = plan;
      if (options.json) io.out(JSON.stringify({ cluster: cluster.name, status: 'no-spare', missing, spares }));
      else io.err(`flowgrid: ${cluster.name} has ${spares} spares left, ${missing} too few for ${options.to} nodes`);
      io.err(`  remedy: list more spares in the grid file, start agents with room, or ask for fewer nodes`);
      return undefined;
    }
    const requests = plan.nodes.map((node, index) =>
      this.requestOne(cluster, plan.verdict, node, `${this.id}/${index + 1}`),
    );
    return Promise.all(requests);
  }

  private async requestOne(
    { cluster, name, now }: ClusterAnswer,
    verdict: 'out' | 'in',
    { node, weight }: ScaledNode,
    workflow: string,
  ): Promise<string> {
    const { options, mnodes, clock } = this;
    const { drainWithinMs } = options;
    const scaling = { verdict, cluster, node, weight: options.weight ?? weight, drainWithinMs };
    const entry = scalingRequest(scaling, now);
    await askFor(mnodes, clock, { id: workflow, about: name, entry, by: options.by, withinMs: options.withinMs });
    return workflow;
  }
}
