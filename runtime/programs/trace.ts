import { FlowgridError } from '../../domain/base/errors';
import type { Micros } from '../../domain/base/ids';
import type { EventLog } from '../../domain/seams/event-log';
import { stampedTopology, wholeTopology } from '../../domain/topology/state';
import type { PublishedTopology } from '../../domain/topology/topology';
import { formatWhen } from '../../interface/cli/when';
import { EXIT, type Io, type TraceOptions, type TraceSubject } from '../../interface/cli/programs';
import { routeText } from '../../interface/cli/text';
import { wouldText, type WouldStory } from '../../interface/cli/would-text';
import {
  endsText,
  flowName,
  livesAt,
  momentOf,
  stateAt,
  type Because,
  type Flood,
  type FlowRecord,
  type FlowsProjection,
  type Moment,
} from '../../projections';
import { readStory, withLog, type ToldStory } from './log-reading';
import { topologyUnder } from './trace/changed-grid';
import { Deaths } from './trace/deaths';
import { firstFrameOf, frameOf } from './trace/first-frame';
import { endsOfFrame } from './trace/frame-ends';
import { Recomputation } from './trace/recompute';
import { traceRecord, type TracedRoute } from './trace/traced-route';
import { newestWith, wouldGo } from './trace/would';

/**
 * `flowgrid trace`: the route of a flow as it is or was, with the event that explains each decision, and beside it what
 * the production selection code computes from the topology and the deaths known then. Of a connection that the log does
 * not know, and under `--grid`: where it would go if it began.
 *
 * @throws FlowgridError `not-found` for a flow ID that the log does not know, or a flow that did not live at that time.
 */
export async function trace(options: TraceOptions, io: Io): Promise<number> {
  return withLog(options.data, async (log) => {
    const story = await readStory(log);
    const moment = momentOf(options.at, story.commits);
    const known = candidates(options.subject, story.flows);
    if (options.grid !== undefined || isUnheardOf(options.subject, known, story.flows, moment)) {
      const would = await suppose(options, log, story, moment, known.at(-1));
      if (options.json) io.out(JSON.stringify(would));
      else for (const line of wouldText(would)) io.out(line);
      return EXIT.ok;
    }
    const at = microsOf(moment);
    const selection = new Recomputation(story.commits, new Deaths(story.commits, story.flows));
    const traced = find(options, known, story.flows, at)
      .flatMap((record) => withRelatives(record, story.flows, at))
      .map((record) => traceRecord(record, at, story.trail, selection, originalOf(record, story.flows)));
    if (options.json) io.out(JSON.stringify(traced.length === 1 ? traced[0] : traced));
    else for (const route of traced) print(route, io);
    return EXIT.ok;
  });
}

/** Whether the log tells nothing of a connection, and would if it had begun: a flood's flows begin untold. */
function isUnheardOf(
  subject: TraceSubject,
  known: readonly FlowRecord[],
  flows: FlowsProjection,
  moment: Moment,
): boolean {
  return known.length === 0 && subject.kind !== 'flow' && floodAt(flows, microsOf(moment)) === undefined;
}

/** The last microsecond of a moment. */
function microsOf({ at }: Moment): Micros {
  return at === Infinity ? Infinity : at * 1_000 + 999;
}

/** Where the subject would go if it began at that moment, in the grid as it was then or as a file would make it. */
async function suppose(
  { subject, grid, data }: TraceOptions,
  log: EventLog,
  story: ToldStory,
  moment: Moment,
  known: FlowRecord | undefined,
): Promise<WouldStory> {
  const { commits, trail, flows } = story;
  const published = grid === undefined ? stampedAt(story, moment) : await topologyUnder(grid, log, moment);
  if (published === undefined) {
    throw new FlowgridError('not-found', `${data}: no topology was in force then: the grid could carry nothing`);
  }
  const latest = (commits.at(-1)?.at ?? 0) * 1_000;
  const now = Math.min(microsOf(moment), latest);
  const causesOf = (isIt: Parameters<typeof newestWith>[2]): readonly Because[] => {
    const seq = grid === undefined ? newestWith(commits, moment.seq, isIt) : 0;
    return seq === 0 ? [] : trail.causes(seq).slice(0, 1);
  };
  return wouldGo({
    ...begun(subject, known),
    published,
    dead: new Deaths(commits, flows).obituaryAt(now),
    now,
    grid,
    causesOf,
  });
}

/** The first frame of the connection asked about, and where it enters if the log tells. */
function begun(
  subject: TraceSubject,
  known: FlowRecord | undefined,
): { readonly key: string; readonly frame: Uint8Array; readonly network: number | undefined } {
  // A secondary flow entered from none.
  const network = known?.started?.network || undefined;
  if (subject.kind === 'frame') {
    return { key: subjectText(subject), frame: frameOf(subject.capture, subject.frame), network };
  }
  const tuple = subject.kind === 'tuple' ? subject.tuple : known?.started?.key;
  if (tuple === undefined) {
    throw new FlowgridError(
      'not-found',
      `no flow ${subjectText(subject)} in the log, and an ID alone tells no connection`,
      {
        remedy: 'name the connection: tcp 10.0.0.1:1234 10.0.0.2:80, or capture.pcap:120',
      },
    );
  }
  return { key: endsText(tuple), frame: firstFrameOf(tuple, known?.started?.key.vlan ?? 0), network };
}

/** The topology that new flows were stamped with at a moment. Who is dead by then is for {@link Deaths} to say. */
function stampedAt({ commits }: ToldStory, moment: Moment): PublishedTopology | undefined {
  const { topology } = stateAt(commits, moment);
  const stamped = stampedTopology(topology);
  const whole = stamped && wholeTopology(topology, stamped.version);
  return stamped && whole && { topology: whole, seq: stamped.seq, hash: '', dead: [] };
}

/** The life of the flow that a clone was made of; undefined for flows that are no clones. */
function originalOf({ cloned }: FlowRecord, flows: FlowsProjection): FlowRecord | undefined {
  if (cloned === undefined) return undefined;
  return flows.find(cloned.original).findLast(({ started }) => started !== undefined && started.at <= cloned.at);
}

/** A flow between its primary, if it is a secondary one, and the secondary flows that had been opened because of it. */
function withRelatives(record: FlowRecord, flows: FlowsProjection, at: Micros): FlowRecord[] {
  const { primary, secondary } = flows.relativesOf(record);
  const begun = secondary.filter(({ started }) => started === undefined || started.at <= at);
  return [...(primary === undefined ? [] : [primary]), record, ...begun];
}

function find(
  { subject, at: when, data }: TraceOptions,
  known: readonly FlowRecord[],
  flows: FlowsProjection,
  at: Micros,
): readonly FlowRecord[] {
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
  if (subject.kind === 'flow') return flowName(subject.flow);
  return subject.kind === 'tuple' ? endsText(subject.tuple) : `frame ${subject.frame} of ${subject.capture}`;
}

function print(route: TracedRoute, io: Io): void {
  for (const line of routeText(route)) io.out(line);
  if (route.computed.length === 0) return;
  const path = route.computed.map(({ node, agrees }) => (agrees ? node : `${node} (the log says otherwise)`));
  io.out(`  Selection computes: ${path.join(' > ')}`);
}
