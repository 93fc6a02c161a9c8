import { nodeRef, type Micros } from '../../../domain/base/ids';
import { carriesFlows, nodesOf } from '../../../domain/cluster/state';
import type { TopologyEvent } from '../../../domain/events';
import type { GridState } from '../../../domain/grid-state';
import type { Commit } from '../../../domain/log/commit';
import type { NodeState } from '../../../domain/node/state';
import type { NodeStatistics } from '../../../domain/node/statistics';
import type { Io } from '../../../interface/cli/programs';
import {
  grouped,
  LivePainter,
  offset,
  statusLines,
  type StatusEvent,
  type StatusModel,
  type StatusNode,
} from '../../../interface/cli/live-status';
import { describe, learnNames, learnState, Names } from '../../../projections';
import type { Session } from './session';

/** Wall-clock milliseconds between two paintings of the live status. */
const PAINT_MS = 200;
/** Wall-clock milliseconds between two progress lines where there is no terminal. */
const LINE_MS = 2_000;
/** Events that are kept to be shown. */
const EVENTS_KEPT = 100;

/** Event types that tell a person something while a grid runs. */
const NOTABLE = new Set<TopologyEvent['type']>([
  'NodeActivated',
  'NodeSuspected',
  'NodeFailed',
  'NodeRecovered',
  'NodeDraining',
  'NodeDrained',
  'NodeRemoved',
  'VirtualLinkCutOver',
  'TopologyPublished',
  'TopologyApplied',
  'TopologyRetired',
  'LeaderElected',
  'AutoscaleDecided',
  'SpareReleased',
]);

/** Shows a running grid: a live status on a terminal, plain lines elsewhere; nothing with `quiet`. */
export class Display {
  private readonly names = new Names();
  private readonly events: StatusEvent[] = [];
  private readonly painter: LivePainter;
  private readonly live: boolean;
  private lastShown = 0;
  private lastFrames = 0;
  private framesTotal = 0;
  private began: Micros = 0;
  private statistics: readonly NodeStatistics[] = [];

  constructor(
    private readonly io: Io,
    private readonly now: () => number,
    private readonly quiet: boolean,
  ) {
    this.painter = new LivePainter(io.paint);
    this.live = io.isTerminal && !quiet;
  }

  /** The feed begins: grid time is shown from here on. */
  begin(at: Micros, framesTotal: number): void {
    this.began = at;
    this.framesTotal = framesTotal;
  }

  /** What stood before this run: it gives names, and is no news. */
  past(state: GridState): void {
    learnState(this.names, state);
  }

  /** A commit was accepted. */
  committed(at: Micros, commit: Commit<TopologyEvent>): void {
    for (const event of commit.events) {
      learnNames(this.names, event);
      if (NOTABLE.has(event.type)) this.say(at, describe(event, this.names));
    }
  }

  /** Something that the operator did, or should know. */
  say(at: Micros, text: string): void {
    const event = { gridSeconds: this.sinceBegin(at), text };
    this.events.push(event);
    if (this.events.length > EVENTS_KEPT) this.events.shift();
    if (!this.live && !this.quiet) this.io.err(`${offset(event.gridSeconds).padStart(12)}  ${text}`);
  }

  /** Shows the grid as it is, if it is time to. */
  async show(session: Session, force = false): Promise<void> {
    if (this.quiet) return;
    const now = this.now();
    const elapsed = now - this.lastShown;
    if (!force && elapsed < (this.live ? PAINT_MS : LINE_MS)) return;
    this.statistics = await session.host.statistics();
    const model = this.model(session, elapsed);
    this.lastShown = now;
    this.lastFrames = model.framesIn;
    if (this.live) this.painter.show(statusLines(model, this.io.columns()));
    else this.io.err(progressLine(model));
  }

  /** What is written next stands below the status. */
  leave(): void {
    this.painter.leave();
  }

  /** Grid time since the feed began, seconds; 0 before. */
  private sinceBegin(at: Micros): number {
    return this.began === 0 ? 0 : (at - this.began) / 1e6;
  }

  private model(session: Session, elapsedMs: number): StatusModel {
    const { control, observation, conductor } = session;
    const { state } = control;
    const dropped = this.statistics.reduce(
      (sum, each) => sum + Object.values(each.dropped).reduce((a, b) => a + b, 0),
      0,
    );
    const started = this.statistics.reduce((sum, { flowsStarted }) => sum + flowsStarted, 0);
    const ended = this.statistics.reduce((sum, { flowsEnded }) => sum + flowsEnded, 0);
    return {
      grid: state.grid?.name ?? '',
      gridSeconds: this.sinceBegin(conductor.now),
      framesIn: observation.entered,
      framesTotal: this.framesTotal,
      framesOut: observation.left,
      framesDropped: dropped,
      framesPerSecond:
        elapsedMs > 0 && this.lastShown > 0 ? ((observation.entered - this.lastFrames) * 1000) / elapsedMs : 0,
      flowsActive: started - ended,
      flowsStarted: started,
      topologyVersion: state.topology.version,
      stages: Object.values(state.clusters)
        .filter(carriesFlows)
        .map((cluster) => ({
          cluster: cluster.settings.name,
          policy: cluster.settings.failure,
          nodes: nodesOf(cluster)
            .filter((node) => !(node.spare && node.status === 'admitted') && node.status !== 'removed')
            .map((node) => this.node(cluster.settings.id, cluster.settings.name, node)),
        })),
      events: this.events,
    };
  }

  private node(cluster: number, clusterName: string, node: NodeState): StatusNode {
    const counted = this.statistics.find((each) => each.node === nodeRef(cluster, node.node));
    return {
      name: `${clusterName}-${node.node}`,
      state: shownState(node.status),
      flows: counted?.flowsPrimary ?? 0,
      shadowed: counted?.flowsBackup ?? 0,
      frames: (counted?.received ?? 0) + (counted?.externalIn ?? 0),
    };
  }
}

function shownState(status: NodeState['status']): StatusNode['state'] {
  switch (status) {
    case 'active':
    case 'draining':
    case 'suspected':
      return status;
    case 'failed':
    case 'drained':
    case 'removed':
      return 'dead';
    default:
      return 'joining';
  }
}

function progressLine(model: StatusModel): string {
  const of = model.framesTotal > 0 ? ` of ${grouped(model.framesTotal)}` : '';
  return (
    `${offset(model.gridSeconds).padStart(12)}  ${grouped(model.framesIn)}${of} frames in, ${grouped(model.framesOut)} out, ` +
    `${grouped(model.framesDropped)} dropped, ${grouped(model.flowsActive)} live flows, topology v${model.topologyVersion}`
  );
}
