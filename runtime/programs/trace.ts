import { FlowgridError } from '../../domain/base/errors';
import type { Micros } from '../../domain/base/ids';
import { formatWhen } from '../../interface/cli/when';
import { EXIT, type FiveTuple, type Io, type TraceOptions, type TraceSubject } from '../../interface/cli/programs';
import { routeText } from '../../interface/cli/text';
import {
  flowName,
  livesAt,
  momentOf,
  routeStory,
  type Flood,
  type FlowRecord,
  type FlowsProjection,
  type RouteStory,
} from '../../projections';
import { readStory, withLog, type ToldStory } from './log-reading';
import { endsOfFrame } from './trace/frame-ends';
import { recompute, type Recomputed } from './trace/recompute';

/** A route as the log tells it, each stop with what production selection says of it. */
interface TracedRoute extends RouteStory {
  readonly computed: readonly {
    readonly cluster: string;
    readonly node: string;
    readonly backup: string | null;
    readonly agrees: boolean;
  }[];
}

/**
 * `flowgrid trace`: the route of a flow as it is or was, with the event that explains each decision, and beside it what
 * the production selection code computes from the topology and the deaths known then.
 *
 * @throws FlowgridError `not-found` for a flow that the log does not know, or that did not live at that time;
 *   `unsupported` for `--grid`.
 */
export async function trace(options: TraceOptions, io: Io): Promise<number> {
  if (options.grid !== undefined) {
    throw new FlowgridError('unsupported', `trace: ${options.grid} is not applied: a trace shows what the log holds`, {
      remedy: "leave out --grid, or run 'flowgrid up' with the changed file on another --data directory",
    });
  }
  return withLog(options.data, async (log) => {
    const story = await readStory(log);
    const moment = momentOf(options.at, story.commits);
    const at = moment.at === Infinity ? Infinity : moment.at * 1_000 + 999;
    const traced = find(options, story.flows, at).map((record) => traceRecord(record, at, story));
    if (options.json) io.out(JSON.stringify(traced.length === 1 ? traced[0] : traced));
    else for (const route of traced) print(route, io);
    return EXIT.ok;
  });
}

function find({ subject, at: when, data }: TraceOptions, flows: FlowsProjection, at: Micros): readonly FlowRecord[] {
  const known = candidates(subject, flows);
  const alive = known.filter((record) => livesAt(record, at));
  // Asked about now, a flow that has ended is shown as it last was; asked about a moment, only one that lived then.
  if (alive.length > 0) return alive;
  const last = known.at(-1);
  if (at === Infinity && last !== undefined) return [last];
  const then = when === undefined ? '' : ` at ${formatWhen(when)}`;
  const flood = floodAt(flows, at);
  if (known.length === 0 && flood !== undefined) {
    throw new FlowgridError('not-found', `${data}: no flow for ${subjectText(subject)}${then}; ${floodText(flood)}`, {
      remedy: 'such flows are carried but not remembered; flood in the grid file says from when on',
    });
  }
  throw new FlowgridError('not-found', `${data}: no flow for ${subjectText(subject)}${then}`, {
    remedy:
      known.length > 0
        ? `it lived at other times: 'flowgrid audit flow ${flowName(known[0]!.flow)}'`
        : "ends are those of the flow's first connection; 'flowgrid classify' lists the connections of a capture",
  });
}

/** A flood in which the flow may have begun: the newest that had begun by then. */
function floodAt(flows: FlowsProjection, at: Micros): Flood | undefined {
  return flows.floods.findLast(({ began }) => began.at <= at);
}

function floodText({ chain, began, ended }: Flood): string {
  const from = formatWhen({ kind: 'time', at: Math.floor(began.at / 1_000) });
  const to =
    ended === undefined ? 'goes on' : `lasted until ${formatWhen({ kind: 'time', at: Math.ceil(ended.at / 1_000) })}`;
  const why = began.cause === 'rate' ? 'more new flows than configured' : 'no room in a table';
  return `a flood that node ${chain} told of began at ${from} (${why}) and ${to}`;
}

function candidates(subject: TraceSubject, flows: FlowsProjection): readonly FlowRecord[] {
  switch (subject.kind) {
    case 'flow':
      return flows.find(subject.flow);
    case 'tuple':
      return flows.findByEnds(subject.tuple);
    case 'frame': {
      for (const ends of endsOfFrame(subject.capture, subject.frame)) {
        const found = flows.findByEnds(ends);
        if (found.length > 0) return found;
      }
      return [];
    }
  }
}

function subjectText(subject: TraceSubject): string {
  const ends = ({ proto, a, aPort, b, bPort }: FiveTuple): string => `protocol ${proto} ${a}:${aPort} ${b}:${bPort}`;
  if (subject.kind === 'flow') return flowName(subject.flow);
  return subject.kind === 'tuple' ? ends(subject.tuple) : `frame ${subject.frame} of ${subject.capture}`;
}

function traceRecord(record: FlowRecord, at: Micros, { commits, trail }: ToldStory): TracedRoute {
  const { names } = trail;
  const story = routeStory(record, at, trail);
  const computed = (recompute(record, at, commits) ?? []).map(({ cluster, emitter, shadow }: Recomputed, i) => ({
    cluster: names.cluster(cluster),
    node: names.node(emitter),
    backup: shadow === 0 ? null : names.node(shadow),
    agrees: story.route[i]?.node === names.node(emitter),
  }));
  return { ...story, computed };
}

function print(route: TracedRoute, io: Io): void {
  for (const line of routeText(route)) io.out(line);
  if (route.computed.length === 0) return;
  const path = route.computed.map(({ node, agrees }) => (agrees ? node : `${node} (the log says otherwise)`));
  io.out(`  Selection computes: ${path.join(' > ')}`);
}
