import { createSocket } from 'node:dgram';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { GridState } from '../../domain/grid-state';
import type { WorkflowView } from '../../runtime/control/workflow-requests';
import { LOOPBACK } from '../services/site';
import { AgentGrid, type GridServers } from './agent-grid';
import { functionSource } from './bundles';
import { flowgrid } from './up-process';

/** The stage whose function changes. */
export const AB = 2;
/** A canary and two recorders, and one that takes another's place. */
const ROOM = 4;
/** What the example's file says of AB. */
const PASSING = 'AB: { id: 2, role: anode, nodes: 3, failure: backup, function: pass }';
/** Frames that a canary has to show. */
const FRAMES = 400;
/** What a program that looks on waits for a leader: this machine may be busy with others. */
const WITHIN_MS = 60_000;

/** How a command that asked for a workflow ended. */
export interface EndedWorkflow {
  readonly code: number;
  readonly said: { readonly id: string; readonly status: string; readonly result?: unknown; readonly error?: string };
}

/** What a grid is, apart from its past and from lives: what a workflow that puts everything back leaves unchanged. */
export interface Outline {
  readonly function: unknown;
  readonly members: readonly (readonly [node: number, incarnation: number, status: string])[];
  readonly trials: readonly string[];
}

/**
 * The example's grid with an agent that has room, in which functions come as packages: version 1.0.0 of `marker` passes what it
 * gets, 1.1.0 marks it.
 */
export class UpgradedGrid extends AgentGrid {
  private readonly files: string;
  private readonly nowhere = createSocket('udp4');
  private readonly says: { function: string };
  private seeds = 0;

  constructor(
    private readonly bus: GridServers,
    mnode: readonly string[] = [],
  ) {
    const files = mkdtempSync(join(tmpdir(), 'flowgrid-upgrade-'));
    const says = { function: PASSING };
    super(
      bus,
      { at: () => LOOPBACK, agentArgs: ['--packages', join(files, 'store')] },
      {
        mnode,
        // Deaths are not what is tried here: a busy machine must not look like one.
        change: (file) => file.replace('detectMultiplier: 5', 'detectMultiplier: 30').replace(PASSING, says.function),
      },
    );
    this.files = files;
    this.says = says;
  }

  /** The grid file names the version from now on, as operators have it after an upgrade. */
  write(version: string): void {
    this.says.function = `AB: { id: 2, role: anode, nodes: 3, failure: backup, function: { name: package, config: { package: marker@${version} } } }`;
  }

  async startAll(): Promise<void> {
    await new Promise<void>((bound) => this.nowhere.bind(0, '127.0.0.1', bound));
    await this.start();
    await this.startSpare('spare', ROOM);
    await this.publish('1.0.0', functionSource(''));
    await this.publish('1.1.0', functionSource('if (frame.proto !== 1) frame.setDscp(46)'));
  }

  override async end(): Promise<void> {
    this.nowhere.close();
    await super.end();
    rmSync(this.files, { recursive: true, force: true });
  }

  /** How programs reach the leader over the bus. */
  get access(): readonly string[] {
    return ['--grid', 'agents', '--nats', this.bus.nats, '--json'];
  }

  /** Asks for a workflow, and looks on until it has ended; under traffic, if it needs some. */
  async run(id: string, command: readonly string[]): Promise<EndedWorkflow> {
    const limits = ['--drain-within', '500', '--within', String(WITHIN_MS)];
    const ended = await flowgrid(...command, '--id', id, ...limits, ...this.access);
    if (ended.stdout === '') throw new Error(`${id} was not asked for: ${ended.stderr}`);
    return { code: ended.code, said: JSON.parse(ended.stdout) as EndedWorkflow['said'] };
  }

  /** Upgrades AB under traffic. */
  async upgrade(id: string, version: string, ...options: readonly string[]): Promise<EndedWorkflow> {
    const limits = ['--frames', String(FRAMES), '--compare-within', '60000'];
    const upgrading = this.run(id, ['upgrade', 'AB', '--to', `marker@${version}`, ...limits, ...options]);
    let isOver = false;
    const over = upgrading.finally(() => (isOver = true));
    // Flows go on beginning until it has ended, however slow this machine is.
    while (!isOver) await this.play();
    return over;
  }

  /** The workflow as the leader shows it. */
  async shown(id: string): Promise<WorkflowView> {
    const { stdout } = await flowgrid('workflow', 'show', id, '--within', String(WITHIN_MS), ...this.access);
    return JSON.parse(stdout) as WorkflowView;
  }

  /** Waits until the workflow is at a step, or has ended. */
  async at(id: string, step: string): Promise<WorkflowView> {
    await this.until(({ state }) => state.workflows[id] !== undefined);
    for (;;) {
      const view = await this.shown(id);
      if (view.progress?.step === step || view.status !== 'running') return view;
    }
  }

  async outline(): Promise<Outline> {
    const { clusters, links, paths, policies } = await this.state();
    const { settings, nodes } = clusters[AB]!;
    const names = [
      ...Object.values(clusters).map((cluster) => cluster.settings.name),
      ...Object.values(links.links).map(({ name }) => name),
      ...Object.values(paths).map(({ name }) => name),
      ...Object.values(policies).map(({ replicateTo = '' }) => replicateTo),
    ];
    return {
      function: settings.function,
      members: Object.values(nodes)
        .filter(({ status }) => status !== 'removed')
        .map(({ node, incarnation, status }) => [node, incarnation, status]),
      trials: names.filter((name) => name.includes('~')),
    };
  }

  /** The MNODE is killed at an instant of a workflow, and started again; false when the workflow was over before. */
  async killDuring(id: string, shows: (state: GridState, done: readonly string[]) => boolean): Promise<boolean> {
    const at = (state: GridState): boolean => {
      const workflow = state.workflows[id];
      return workflow?.status === 'running' && shows(state, workflow.steps);
    };
    const isOver = ({ workflows }: GridState): boolean => (workflows[id]?.status ?? 'running') !== 'running';
    const isKilled = await this.killMnodeWhen(at, isOver, SLICE_MS);
    if (isKilled) await this.startMnodes();
    return isKilled;
  }

  /** Traffic one way: answers go where nobody takes them. */
  private async play(): Promise<void> {
    const back = `127.0.0.1:${this.nowhere.address().port}`;
    const load = ['--flows', '80', '--for', '4', '--seed', String(++this.seeds)];
    await flowgrid('play', '--to', this.west.into, '--back', back, ...load);
  }

  private async publish(version: string, source: string): Promise<void> {
    const folder = mkdtempSync(join(this.files, 'package-'));
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'marker', version, main: 'index.js' }));
    writeFileSync(join(folder, 'index.js'), source);
    expect(await flowgrid('package', folder, '--publish', ...this.access)).toMatchObject({ code: 0 });
  }
}

/** How long an MNODE is let run between two looks: shorter than any of the steps that it is killed in. */
const SLICE_MS = 20;
