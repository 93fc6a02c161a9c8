import type { AgentStatistics } from '../../domain/agent/statistics';
import type { FlowEvent } from '../../domain/flow/events';
import type { NodeStatistics } from '../../domain/node/statistics';
import type { Bus } from '../../domain/seams/bus';

/** The subjects on which an agent tells what is worth knowing and may be lost. */
export interface NoticeSubjects {
  flowStarted(node: string): string;
  flowEnded(node: string): string;
  statsNode(node: string): string;
  statsAgent(agent: string): string;
  statsFlow(node: string): string;
}

/** Notices about single flows that one node publishes in one interval of statistics, at most, of each kind. */
export const FLOW_NOTICES_MAX = 100;

const encoder = new TextEncoder();

interface Sent {
  started: number;
  ended: number;
}

/**
 * What an agent tells to whoever listens, as JSON: nodes' statistics and its own, and flows that begin and end. Flows are told at a
 * bounded rate; how many were not is told with the statistics.
 */
export class Notices {
  private readonly sent = new Map<string, Sent>();
  private readonly untold = new Map<string, number>();

  constructor(
    private readonly bus: Bus,
    private readonly subjects: NoticeSubjects,
  ) {}

  /** Flows that a node saw begin or end. */
  flows(node: string, events: readonly FlowEvent[]): void {
    for (const event of events) {
      if (event.type === 'FlowStarted') {
        if (this.mayTell(node, 'started')) this.publish(this.subjects.flowStarted(node), event);
      } else if (event.type === 'FlowEnded' && this.mayTell(node, 'ended')) {
        this.publish(this.subjects.flowEnded(node), event);
        const { flow, at, end, packets, bytes } = event;
        this.publish(this.subjects.statsFlow(node), { node, flow, at, end, packets, bytes });
      }
    }
  }

  /** What a node counted; from now on flows are told again. */
  statistics(node: string, counted: NodeStatistics): void {
    const flowsUntold = this.untold.get(node) ?? 0;
    this.sent.delete(node);
    this.untold.delete(node);
    this.publish(this.subjects.statsNode(node), { name: node, ...counted, flowsUntold });
  }

  /** What the agent itself counted. */
  agent(counted: AgentStatistics): void {
    this.publish(this.subjects.statsAgent(counted.name), counted);
  }

  private mayTell(node: string, kind: keyof Sent): boolean {
    let sent = this.sent.get(node);
    if (sent === undefined) {
      sent = { started: 0, ended: 0 };
      this.sent.set(node, sent);
    }
    if (++sent[kind] <= FLOW_NOTICES_MAX) return true;
    this.untold.set(node, (this.untold.get(node) ?? 0) + 1);
    return false;
  }

  private publish(subject: string, message: object): void {
    this.bus.publish(subject, encoder.encode(JSON.stringify(message)));
  }
}
