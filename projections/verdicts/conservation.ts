import type { NodeRef } from '../../domain/base/ids';
import type { NodeStatistics } from '../../domain/node/statistics';
import type { KnownGrid } from './known-grid';
import type { Judge } from './words';

/** Frames that taps saw at one node. */
export interface NodeTaps {
  entered: number;
  left: number;
  /** Frames put on internal links, those for a shadow included; and of them those for a shadow. */
  sent: number;
  shadowCopies: number;
  replicas: number;
  sentTo: number;
  lostTo: number;
}

/**
 * What taps counted, by node. Hellos and other control frames are not counted, but for those that carry a frame from
 * one INODE to another.
 */
export class TapCounts {
  readonly nodes = new Map<NodeRef, NodeTaps>();
  entered = 0;
  left = 0;
  lost = 0;

  at(node: NodeRef): NodeTaps {
    let taps = this.nodes.get(node);
    if (taps === undefined) {
      taps = { entered: 0, left: 0, sent: 0, shadowCopies: 0, replicas: 0, sentTo: 0, lostTo: 0 };
      this.nodes.set(node, taps);
    }
    return taps;
  }
}

/** What the nodes counted, read while no frame moved. */
export interface NodeFigures {
  /** Of every live incarnation. */
  readonly nodes: readonly NodeStatistics[];
  /** The last figures of incarnations that died, as far as they are known. */
  readonly dead: readonly NodeStatistics[];
  /** Frames that were on links, sent and not yet received. */
  readonly inTransit: number;
}

/**
 * Judges conservation: in + created + copied = out + consumed + dropped + suppressed + lost + in flight. Each node that
 * lives must balance by its own counters, and its counters must agree with what taps saw on its links; a node that died
 * may have kept what was sent to it, never have sent more than it got.
 */
export function judgeConservation(
  judge: Judge,
  taps: TapCounts,
  figures: NodeFigures,
  deaths: ReadonlySet<NodeRef>,
  grid: KnownGrid,
): void {
  const died = new Set([...deaths, ...figures.dead.map((node) => node.node)]);
  for (const [node, seen] of taps.nodes) if (seen.lostTo > 0 || grid.hasFailed(node)) died.add(node);
  let inTransit = 0;
  for (const node of figures.nodes) {
    judge.observed();
    const name = grid.nodeName(node.node);
    judgeBalance(judge, node, name);
    if (died.has(node.node)) continue;
    inTransit += judgeAgreement(judge, node, taps.at(node.node), name);
  }
  if (figures.nodes.length > 0 && inTransit !== figures.inTransit) {
    judge.broken(
      `${inTransit} frames were sent over internal links and not received, ${figures.inTransit} are under way`,
    );
  }
  for (const node of died) judgeDead(judge, node, taps.at(node), figures, grid);
}

function judgeBalance(judge: Judge, node: NodeStatistics, name: string): void {
  const into = node.externalIn + node.received + node.created + node.copied + node.replicated + node.bridged;
  const dropped = sum(Object.values(node.dropped));
  const out = node.externalOut + node.sent + node.consumed + dropped + node.suppressed + node.inFlight;
  if (into === out) return;
  judge.broken(
    `${name} counted ${into} frames in (${node.externalIn} external, ${node.received} internal, ${node.created} created, ` +
      `${node.copied} copied, ${node.replicated} replicated, ${node.bridged} bridged) and ${out} out (${node.externalOut} external, ${node.sent} ` +
      `internal, ${node.consumed} consumed, ${dropped} dropped, ${node.suppressed} suppressed, ${node.inFlight} in flight)`,
  );
}

/** Counters against taps; returns the frames that were sent to the node and that it has not yet received. */
function judgeAgreement(judge: Judge, node: NodeStatistics, seen: NodeTaps, name: string): number {
  agree(judge, name, 'in from external networks', node.externalIn, seen.entered);
  agree(judge, name, 'out to external networks', node.externalOut, seen.left);
  agree(judge, name, 'sent over internal links', node.sent, seen.sent);
  agree(judge, name, 'copied for backups', node.copied, seen.shadowCopies);
  const pending = seen.sentTo - node.received;
  if (pending < 0) judge.broken(`${name} counted ${node.received} frames received, taps saw ${seen.sentTo} sent to it`);
  return Math.max(0, pending);
}

function agree(judge: Judge, name: string, what: string, counted: number, seen: number): void {
  if (counted !== seen) judge.broken(`${name} counted ${counted} frames ${what}, taps saw ${seen}`);
}

function judgeDead(judge: Judge, node: NodeRef, seen: NodeTaps, figures: NodeFigures, grid: KnownGrid): void {
  judge.observed();
  const lives = [...figures.nodes, ...figures.dead].filter((life) => life.node === node);
  const created = sum(lives.map((life) => life.created + life.replicated + life.bridged));
  const kept = sum(lives.map((life) => life.consumed + life.suppressed + droppedAlive(life)));
  const into = seen.entered + seen.sentTo + seen.shadowCopies + Math.max(created, seen.replicas);
  const out = seen.left + seen.sent + seen.lostTo + kept;
  if (out > into)
    judge.broken(`${grid.nodeName(node)} died after ${into} frames had reached it, and accounts for ${out}`);
}

/** Drops but for what was lost with the node, which is what taps told as `lost`. */
function droppedAlive(life: NodeStatistics): number {
  const { 'node-dead': _lost, ...dropped } = life.dropped;
  return sum(Object.values(dropped));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
