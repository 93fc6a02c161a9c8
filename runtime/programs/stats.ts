import { subjectsOf, type Subjects } from '../../adapters/bus/subjects';
import { FlowgridError } from '../../domain/base/errors';
import type { AgentStatistics } from '../../domain/agent/statistics';
import type { NodeStatistics } from '../../domain/node/statistics';
import { EXIT, type Io, type StatsOptions, type StatsTopic } from '../../interface/cli/programs';
import {
  agentStatsText,
  clusterStatsText,
  gridStatsText,
  linkStatsText,
  nodeStatsText,
  typeStatsText,
} from '../../interface/cli/stats-text';
import type { ClusterStream, GridStream, LinkStream, TypeStream } from '../../projections';
import { connectBus } from './bus';
import { WallClock } from './wall-clock';

/** Streams are told every second: so long is waited for the first message, in milliseconds. */
const FIRST_WITHIN_MS = 5_000;

/**
 * `flowgrid stats`: what is told of a grid, a cluster, node, link, flow type or agent: the next message, or with `follow` all of
 * them until interrupted.
 *
 * @throws FlowgridError `not-found` when nothing is told of it.
 */
export async function stats(options: StatsOptions, io: Io): Promise<number> {
  const clock = new WallClock();
  const { topic, grid, follow, json } = options;
  const bus = await connectBus(options, clock, 'flowgrid');
  try {
    return await new Promise<number>((end, fail) => {
      const cancel = clock.schedule(clock.now() + FIRST_WITHIN_MS, () => fail(silence(options)));
      bus.subscribe(subjectFor(subjectsOf(grid), topic), (payload) => {
        const message = read(payload);
        if (message === undefined) return;
        cancel();
        for (const line of json ? [JSON.stringify(message)] : textOf(topic, message)) io.out(line);
        if (!follow) end(EXIT.ok);
      });
      const interrupt = (): void => {
        cancel();
        end(EXIT.interrupted);
      };
      if (io.interrupted.aborted) interrupt();
      else io.interrupted.addEventListener('abort', interrupt, { once: true });
    });
  } finally {
    await bus.close();
  }
}

function subjectFor(subjects: Subjects, topic: StatsTopic): string {
  switch (topic.kind) {
    case 'grid':
      return subjects.statsGrid();
    case 'cluster':
      return subjects.statsCluster(topic.name);
    case 'node':
      return subjects.statsNode(topic.name);
    case 'agent':
      return subjects.statsAgent(topic.name);
    case 'link':
      return subjects.statsLink(topic.name);
    case 'type':
      return subjects.statsType(topic.flowType);
  }
}

function read(payload: Uint8Array): object | undefined {
  try {
    const message: unknown = JSON.parse(Buffer.from(payload).toString());
    return typeof message === 'object' && message !== null ? message : undefined;
  } catch {
    return undefined;
  }
}

function textOf({ kind }: StatsTopic, message: object): string[] {
  switch (kind) {
    case 'grid':
      return gridStatsText(message as GridStream);
    case 'cluster':
      return clusterStatsText(message as ClusterStream);
    case 'node':
      return nodeStatsText(message as NodeStatistics & { name: string });
    case 'agent':
      return agentStatsText(message as AgentStatistics);
    case 'link':
      return linkStatsText(message as LinkStream);
    case 'type':
      return typeStatsText(message as TypeStream);
  }
}

function silence({ topic, grid, nats }: StatsOptions): FlowgridError {
  const what = topic.kind === 'grid' ? '' : ` ${topic.kind} ${topic.kind === 'type' ? topic.flowType : topic.name} of`;
  return new FlowgridError('not-found', `nobody tells statistics of${what} grid ${grid} at ${nats}`, {
    remedy: `'flowgrid status --grid ${grid} --nats ${nats}' says who leads; 'nats sub flowgrid.>' shows what is told`,
  });
}
