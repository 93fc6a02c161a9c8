/** The live status of `flowgrid up`: what a terminal shows, repainted in place; elsewhere plain lines are written. */

/** What the status shows; a snapshot, made a few times a second. */
export interface StatusModel {
  readonly grid: string;
  /** Grid time since the capture's first frame, seconds. */
  readonly gridSeconds: number;
  readonly framesIn: number;
  /** Frames of the capture in all; 0 when unknown. */
  readonly framesTotal: number;
  readonly framesOut: number;
  readonly framesDropped: number;
  /** Frames a second of wall time since the last snapshot. */
  readonly framesPerSecond: number;
  readonly flowsActive: number;
  readonly flowsStarted: number;
  readonly topologyVersion: number;
  readonly stages: readonly StatusStage[];
  /** Newest last. */
  readonly events: readonly StatusEvent[];
}

export interface StatusStage {
  readonly cluster: string;
  readonly policy: string;
  readonly nodes: readonly StatusNode[];
}

export interface StatusNode {
  readonly name: string;
  readonly state: 'active' | 'draining' | 'suspected' | 'dead' | 'joining';
  readonly flows: number;
  readonly shadowed: number;
  readonly frames: number;
}

export interface StatusEvent {
  readonly gridSeconds: number;
  readonly text: string;
}

const GREEN = '\u001b[32m';
const YELLOW = '\u001b[33m';
const RED = '\u001b[31m';
const DIM = '\u001b[2m';
const BOLD = '\u001b[1m';
const OFF = '\u001b[0m';

const stateColour: Record<StatusNode['state'], string> = {
  active: GREEN,
  draining: YELLOW,
  suspected: YELLOW,
  joining: YELLOW,
  dead: RED,
};
const stateMark: Record<StatusNode['state'], string> = {
  active: '●',
  draining: '◐',
  suspected: '?',
  joining: '○',
  dead: '✕',
};

/** Events shown under the stages. */
const EVENT_LINES = 8;
/** Visible width of a node's cell. */
const NODE_WIDTH = 30;

/** A count with thousands separators. */
export function grouped(count: number): string {
  return String(Math.trunc(count)).replace(/\B(?=(\d{3})+$)/g, ' ');
}

/** `+12.345s`: an offset in grid time. */
export function offset(seconds: number): string {
  return `+${seconds.toFixed(3)}s`;
}

/** The status as lines no wider than `columns` (colour codes not counted). */
export function statusLines(model: StatusModel, columns: number): string[] {
  const width = Math.max(40, columns);
  const lines = [
    `${BOLD}${model.grid}${OFF}  grid time ${offset(model.gridSeconds)}  topology v${model.topologyVersion}`,
    `${progressBar(model, Math.min(30, width - 50))} ${grouped(model.framesIn)} in  ${grouped(model.framesOut)} out  ` +
      `${grouped(model.framesDropped)} dropped  ${grouped(model.framesPerSecond)}/s`,
    `flows  ${grouped(model.flowsActive)} live  ${grouped(model.flowsStarted)} started`,
    '',
  ];
  for (const stage of model.stages) lines.push(...stageLines(stage, width));
  lines.push('');
  for (const event of model.events.slice(-EVENT_LINES)) {
    lines.push(`${DIM}${offset(event.gridSeconds).padStart(12)}${OFF}  ${event.text.slice(0, width - 14)}`);
  }
  return lines;
}

function progressBar(model: StatusModel, width: number): string {
  if (model.framesTotal === 0 || width < 5) return '';
  const done = Math.round((Math.min(model.framesIn, model.framesTotal) / model.framesTotal) * width);
  return `${GREEN}${'━'.repeat(done)}${OFF}${DIM}${'━'.repeat(width - done)}${OFF}`;
}

function stageLines(stage: StatusStage, width: number): string[] {
  const perLine = Math.max(1, Math.floor((width - 14) / NODE_WIDTH));
  const lines: string[] = [];
  for (let first = 0; first < Math.max(1, stage.nodes.length); first += perLine) {
    const head = first === 0 ? `${stage.cluster.padEnd(4)} ${stage.policy.padEnd(9)}` : ''.padEnd(14);
    lines.push(
      `${head}${stage.nodes
        .slice(first, first + perLine)
        .map(nodeCell)
        .join('')}`,
    );
  }
  return lines;
}

function nodeCell(node: StatusNode): string {
  const text = `${node.name} ${grouped(node.flows)}${node.shadowed > 0 ? `+${grouped(node.shadowed)}` : ''} fl ${grouped(node.frames)} fr`;
  return `${stateColour[node.state]}${stateMark[node.state]}${OFF} ${text.padEnd(NODE_WIDTH - 2)}`;
}

/** Repaints a block of lines in place on a terminal. */
export class LivePainter {
  private painted = 0;

  constructor(private readonly paint: (text: string) => void) {}

  /** Replaces what was painted last by `lines`. */
  show(lines: readonly string[]): void {
    const up = this.painted > 0 ? `\u001b[${this.painted}A` : '';
    this.paint(`${up}${lines.map((line) => `\u001b[2K${line}\n`).join('')}\u001b[J`);
    this.painted = lines.length;
  }

  /** Leaves the block where it is; what is painted next starts below it. */
  leave(): void {
    this.painted = 0;
  }
}
