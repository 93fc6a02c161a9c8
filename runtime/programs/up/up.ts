import { writeFileSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises';
import { FlowgridError } from '../../../domain/base/errors';
import { nodeName, type Micros } from '../../../domain/base/ids';
import type { CommandBody } from '../../../domain/commands';
import type { TopologyEvent } from '../../../domain/events';
import type { GridState } from '../../../domain/grid-state';
import type { Commit } from '../../../domain/log/commit';
import { openCapture } from '../../../dataplane/packet-ports/capture/reader';
import { planSides } from '../../../dataplane/packet-ports/capture/sides';
import { EXIT, type Io, type UpOptions } from '../../../interface/cli/programs';
import { buildReport, cutoversOf, reportText, type Report } from '../../../projections';
import { anyBroken } from '../../../projections/verdicts';
import type { Alert } from '../../control/effects';
import { loadGridFile, planCommands, withOverrides, type DesiredGrid } from '../../control/grid-file';
import { connectBus } from '../bus';
import { readGridFile } from '../grid-text';
import { WallClock } from '../wall-clock';
import type { GridHarvest } from '../../agent/dataplane-host';
import { Display } from './display';
import { Entrances } from './entrances';
import { believable, Feed, type FeedResult } from './feed';
import type { Fleet } from './fleet';
import { hints } from './hints';
import { checkOutputs } from './outputs';
import { rehearse } from './rehearsal';
import { checkActions, scheduleActions, type ListedNode, type ScheduledAction } from './schedule';
import { Session } from './session';
import { Telling } from './telling';

/** Wall-clock milliseconds between two looks at the time while a grid stands without traffic. */
const IDLE_STEP_MS = 100;
/** How far grid time may run ahead of the wall clock before the feed waits, milliseconds. */
const PACE_SLACK_MS = 5;

/** A capture, known whole before it is fed. */
interface Source {
  readonly path: string;
  readonly sides: Uint8Array;
  /** Time of its first frame that tells one, microseconds since 1970; 0 when none does. */
  readonly firstTime: Micros;
}

/**
 * `flowgrid up`: brings a grid up, feeds a capture through it, and judges what happened. Exit 0, or 4 when an invariant
 * was broken, or 130 when interrupted.
 *
 * @throws FlowgridError for a wrong grid file, an unreadable capture, a locked data directory, a bus that does not answer, a
 *   refused command.
 */
export async function up(options: UpOptions, io: Io): Promise<number> {
  checkOutputs(options);
  const desired = desiredGrid(options);
  const source = openSource(options, desired);
  const nodes = listedNodes(desired);
  checkActions(options, flowClusters(desired), nodes, source !== undefined);
  const display = new Display(io, () => Date.now(), options.json);
  const start = source === undefined || source.firstTime === 0 ? Date.now() * 1000 : source.firstTime;
  const actions = scheduleActions(options, source?.sides.length ?? 0);
  rehearse(actions, nodes);
  let fault: unknown;
  const bus = options.nats === undefined ? undefined : await connectBus(options, new WallClock(), 'flowgrid up');
  const telling = bus === undefined ? undefined : new Telling(bus, desired.settings.name);
  const events = {
    past: (state: GridState) => display.past(state),
    happened: (at: Micros, commit: Commit<TopologyEvent>) => display.committed(at, commit),
    round: (running: Session) => {
      for (const shown of [display.show(running), telling?.round(running)]) {
        shown?.catch((error: unknown) => (fault ??= error));
      }
    },
    harvested: (harvest: GridHarvest, fleet: Fleet) => telling?.harvested(harvest, fleet),
    alerted: (alert: Alert) => {
      display.say(alert.at * 1000, `alert: ${alert.about}: ${alert.text}`);
      telling?.alert(alert);
    },
  };
  const wanted = (state: GridState): readonly CommandBody[] => planCommands(state, desired);
  try {
    const session = await Session.open(options, start, wanted, events, desired.settings.flood?.flowsPerNode);
    try {
      display.say(session.conductor.now, `grid ${desired.settings.name} is up`);
      const code = await new Run(session, display, io, { options, desired, source, actions }).whole();
      if (fault !== undefined) throw fault;
      // Flows that still live end with the program; only those that a crash ended are lost.
      await session.conductor.end();
      await telling?.tell(session);
      return code;
    } finally {
      await session.close();
    }
  } finally {
    await bus?.close();
  }
}

interface RunParts {
  readonly options: UpOptions;
  readonly desired: DesiredGrid;
  readonly source: Source | undefined;
  readonly actions: readonly ScheduledAction[];
}

/** One run of a session: feeding, reporting, staying up. */
class Run {
  private readonly began = Date.now();

  constructor(
    private readonly session: Session,
    private readonly display: Display,
    private readonly io: Io,
    private readonly parts: RunParts,
  ) {}

  async whole(): Promise<number> {
    const { options, source } = this.parts;
    let report: Report | undefined;
    // What was asked to happen, happens once: a node that was killed in the first round is dead in the second.
    let { actions } = this.parts;
    do {
      const fed = source === undefined ? undefined : await this.feed(source, actions);
      actions = [];
      report = await this.finish(fed);
      // A round that appends nothing waits for nothing: Ctrl-C would never be heard.
      await turn();
    } while (options.loop && source !== undefined && !this.io.interrupted.aborted);
    if (this.io.interrupted.aborted) return EXIT.interrupted;
    if (options.once) return anyBroken(report.invariants) ? EXIT.findings : EXIT.ok;
    return this.stayUp();
  }

  /** Feeds the capture once, in grid time that goes on from where it stands. */
  private async feed(source: Source, actions: readonly ScheduledAction[]): Promise<FeedResult> {
    const { conductor, host } = this.session;
    const { options, desired } = this.parts;
    const { capture } = desired.settings;
    if (capture === null) {
      throw new FlowgridError('invalid-grid', `${options.grid}: no 'capture' section`, {
        remedy: 'Name the networks where replayed traffic enters: capture: { initiator: EN-1, responder: EN-4 }.',
      });
    }
    const shift = Math.max(0, conductor.now - source.firstTime);
    this.display.begin(source.firstTime + shift, source.sides.length);
    const { timing } = this.session.control.state.grid!;
    const feed = new Feed(conductor, host, {
      capture: source.path,
      sides: source.sides,
      entrances: new Entrances(capture),
      shift,
      actions,
      act: (action, frameNo) => this.act(action, frameNo),
      pace: this.pacer(source.firstTime + shift),
      roundsToNotice: 2 * (timing.detectMultiplier + 2),
      interrupted: this.io.interrupted,
    });
    this.session.observation.onLeft = (frameNo) => feed.left(frameNo);
    const result = await feed.run();
    await conductor.idle(2 * (timing.detectMultiplier + 2));
    return result;
  }

  private async act({ action }: ScheduledAction, frameNo: number): Promise<void> {
    const { session, display } = this;
    switch (action.kind) {
      case 'kill': {
        const name = await session.kill(action.node, frameNo);
        display.say(session.conductor.now, `${name} was killed at frame ${frameNo}; only its silence will tell`);
        return;
      }
      case 'revive':
        display.say(session.conductor.now, `${action.node} returns`);
        return session.revive(action.node);
      case 'scale':
        display.say(session.conductor.now, `${action.cluster} is scaled to ${action.nodes} nodes`);
        return session.scale(action.cluster, action.nodes);
    }
  }

  /** Waits until grid time is due by the wall clock at the speed asked for. */
  private pacer(firstTime: Micros): (time: Micros) => Promise<void> | undefined {
    const { speed } = this.parts.options;
    const began = Date.now();
    return (time) => {
      if (speed === 'max') return undefined;
      const ahead = began + (time - firstTime) / 1000 / speed - Date.now();
      if (ahead < PACE_SLACK_MS) return undefined;
      return delay(ahead, undefined, { signal: this.io.interrupted }).catch(() => undefined);
    };
  }

  /** Verdicts, report, and what to try next. */
  private async finish(fed: FeedResult | undefined): Promise<Report> {
    const { session, display, io } = this;
    const { options } = this.parts;
    await display.show(session, true);
    display.leave();
    const report = options.once ? await this.lastReport(fed) : await this.report(fed);
    if (options.report !== undefined) writeFileSync(options.report, `${JSON.stringify(report, null, 2)}\n`);
    if (options.json) io.out(JSON.stringify(report));
    else for (const line of reportText(report)) io.out(line);
    if (fed !== undefined && fed.readError !== null) {
      const { offset, message } = fed.readError;
      io.err(`${this.parts.source!.path}: byte ${offset}: ${message}; every frame before was fed in`);
    }
    return report;
  }

  /** Of the grid as it stood, and of the log as it will be found: its flows end with the program. */
  private async lastReport(fed: FeedResult | undefined): Promise<Report> {
    const report = await this.report(fed);
    await this.session.conductor.end();
    return { ...report, log: await this.session.logFigures() };
  }

  private async report(fed: FeedResult | undefined): Promise<Report> {
    const { session } = this;
    const { control, observation } = session;
    const invariants = await session.verdicts(true);
    const events = observation.commits.flatMap(({ events }) => events);
    const count = (type: string): number => events.filter((event) => event.type === type).length;
    const report = buildReport({
      source: this.parts.source === undefined ? 'none' : basename(this.parts.source.path),
      seed: control.state.grid!.seed,
      elapsedMs: Date.now() - this.began,
      state: control.state,
      flows: [...observation.flows.records()],
      floods: observation.flows.floods,
      statistics: observation.statistics,
      failures: observation.failures(),
      cutovers: cutoversOf(observation.commits, control.state),
      verdicts: invariants,
      figures: observation.checker.figures(),
      topologies: { published: count('TopologyPublished'), retired: count('TopologyRetired') },
      kernels: session.host.kernels,
      log: await session.logFigures(),
    });
    return withUndelivered(report, fed);
  }

  /** The grid stays, without traffic, until interrupted; its log can be asked meanwhile. */
  private async stayUp(): Promise<number> {
    const { session, io } = this;
    for (const line of hints(session, this.parts.options)) io.err(line);
    let last = Date.now();
    while (!io.interrupted.aborted) {
      await delay(IDLE_STEP_MS, undefined, { signal: io.interrupted }).catch(() => undefined);
      const now = Date.now();
      await session.conductor.advance(session.conductor.now + (now - last) * 1000);
      last = now;
    }
    return EXIT.interrupted;
  }
}

/** Frames that never got as far as a tap are drops too. */
function withUndelivered(report: Report, fed: FeedResult | undefined): Report {
  const { oversize = 0, unreachable = 0 } = fed ?? {};
  if (oversize + unreachable === 0) return report;
  const { frames } = report;
  const dropped = {
    ...frames.dropped,
    ...(oversize > 0 ? { oversize: (frames.dropped['oversize'] ?? 0) + oversize } : {}),
    ...(unreachable > 0 ? { 'no-member': (frames.dropped['no-member'] ?? 0) + unreachable } : {}),
  };
  return { ...report, frames: { ...frames, in: frames.in + oversize + unreachable, dropped } };
}

function desiredGrid(options: UpOptions): DesiredGrid {
  const desired = loadGridFile(readGridFile(options.grid), options.grid);
  for (const { cluster } of options.policies) {
    if (desired.clusters.every(({ name }) => name !== cluster)) {
      throw new FlowgridError('not-found', `--policy ${cluster}: ${options.grid} has no cluster of that name`, {
        remedy: `Its clusters: ${desired.clusters.map(({ name }) => name).join(', ')}.`,
      });
    }
  }
  return withOverrides(desired, {
    ...(options.seed === undefined ? {} : { seed: options.seed }),
    ...(options.selection === undefined ? {} : { selection: options.selection }),
    failure: new Map(options.policies.map(({ cluster, policy }) => [cluster, policy])),
  });
}

function flowClusters({ clusters }: DesiredGrid): string[] {
  return clusters.filter(({ role }) => role !== 'mnode').map(({ name }) => name);
}

/** The nodes that carry flows, spares included. */
function listedNodes({ clusters, nodes }: DesiredGrid): ListedNode[] {
  const names = new Map(clusters.filter(({ role }) => role !== 'mnode').map(({ id, name }) => [id, name]));
  return nodes.flatMap(({ cluster: id, node, spare }) => {
    const cluster = names.get(id);
    return cluster === undefined ? [] : [{ cluster, name: nodeName(cluster, node), spare }];
  });
}

function openSource(options: UpOptions, desired: DesiredGrid): Source | undefined {
  const named = desired.captureFile === undefined ? undefined : resolve(dirname(options.grid), desired.captureFile);
  const path = options.capture ?? named;
  if (path === undefined) return undefined;
  const reader = openCapture(path);
  let firstTime = 0;
  while (firstTime === 0 && reader.next()) if (believable(reader.record.time)) firstTime = reader.record.time;
  reader.close();
  return { path, sides: planSides(path), firstTime };
}
