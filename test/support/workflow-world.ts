import type { ClusterId } from '../../domain/base/ids';
import type { WorkflowStatus } from '../../domain/seams/workflow-engine';
import { Provisioner } from '../../runtime/programs/provisioner';
import { AgentWorld } from './agent-world';

/** A grid of agents whose leader carries workflows out. */
export class WorkflowWorld extends AgentWorld {
  private requests = 0;

  /** A leader that carries out what is requested. */
  async leadWorkflows(): Promise<void> {
    const { plane } = await this.lead('MA-1');
    const { log, clock } = this;
    const provisioner = new Provisioner({ control: plane, log, clock, timers: clock });
    this.onCommit = (commit) => provisioner.folded(commit);
  }

  /** Runs a workflow to its end. */
  async run(name: string, input: object): Promise<WorkflowStatus> {
    const workflow = `${name}/${++this.requests}`;
    const limits = { weight: 1, healthyWithinMs: 2_000, publishedWithinMs: 5_000, drainWithinMs: 5_000 };
    const entry = { kind: 'started', name, input: { ...limits, ...input }, at: this.clock.now() } as const;
    await this.command({ type: 'JournalWorkflow', data: { workflow, entry } });
    const status = (): WorkflowStatus => this.leader.plane.state.workflows[workflow]!.status;
    await this.until(() => status() !== 'running', 120_000);
    return status();
  }

  /** The members that the newest topology lists. */
  members(cluster: ClusterId): number[] {
    const { latest } = this.leader.plane.state.topology;
    return latest!.clusters.find(({ id }) => id === cluster)?.members.map(({ node }) => node) ?? [];
  }

  /** The nodes that live on an agent. */
  livesOn(agent: string): number[] {
    return [...this.agents.get(agent)!.host.lives.keys()];
  }
}
