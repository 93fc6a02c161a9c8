import { setTimeout as delay } from 'node:timers/promises';
import { nodeName, type Millis } from '../../domain/base/ids';
import type { GridState } from '../../domain/grid-state';
import type { NodeState } from '../../domain/node/state';
import { AgentGrid, namesOf, type GridServers } from './agent-grid';
import { OutsideWorld } from './outside-world';
import { TellingProcess, type ToldLine } from './telling-process';

/** The stage that is scaled, and its spare. */
export const AB = 2;
export const SPARE = 4;

/** The last round of the traffic takes less, milliseconds. */
const LAST_ROUND_MS = 5_000;

/** A line of what `flowgrid scale` tells with `--json`. */
export interface ScaleTold extends ToldLine {
  readonly workflows?: readonly string[];
  readonly node?: string;
  readonly step?: string;
  readonly status?: string;
  readonly error?: string;
}

/** `flowgrid scale` as a process of its own. */
export class ScaleProcess extends TellingProcess<ScaleTold> {
  readonly startedAt: Millis = Date.now();

  constructor(to: number, access: readonly string[]) {
    // Flows of the traffic that are over stay for their idle time: a node that leaves does not wait for that.
    const limits = ['--within', '60000', '--drain-within', '2000'];
    super('scale', ['scale', 'AB', '--to', String(to), ...limits, ...access]);
  }

  /** Its steps, in the order in which they were told. */
  steps(): string[] {
    return this.told.flatMap(({ step }) => step ?? []);
  }
}

/**
 * The example's grid with a spare of AB, which has an agent of its own once {@link ScaledGrid.startPinned} has started it,
 * under traffic that begins flows all the time.
 */
export class ScaledGrid extends AgentGrid {
  private readonly world = new OutsideWorld();
  private readonly old = Array.from({ length: 12 }, (_, i) => i);
  private next = 100;
  private rounds = 0;
  private traffic: Promise<void> | undefined;
  private isOver = false;

  constructor(
    private readonly bus: GridServers,
    mnode: readonly string[] = [],
  ) {
    super(bus, undefined, {
      mnode,
      more: { h4: [nodeName('AB', SPARE)] },
      // Deaths are not what is tried here: a busy machine must not look like one.
      change: (file) =>
        file
          .replace('AB: { id: 2, role: anode, nodes: 3,', '$& spares: 1,')
          .replace('detectMultiplier: 5', 'detectMultiplier: 30'),
    });
  }

  /** Starts the grid, and flows that go on, and others that begin, until {@link stopTraffic}. */
  async startAll(): Promise<void> {
    await this.start();
    await this.world.open(this.west, this.east);
    this.traffic = this.exchange();
    // A failure shows when the traffic is stopped.
    this.traffic.catch(() => undefined);
  }

  /** Ends the traffic; whatever was sent came, and once. */
  async stopTraffic(): Promise<void> {
    this.isOver = true;
    await this.traffic;
    const { came, asked, answered } = this.world;
    expect(came.questions.sort()).toEqual([...asked].sort());
    expect(came.answers.sort()).toEqual([...answered].sort());
    expect(asked.length).toBeGreaterThan(this.old.length);
  }

  /** The spare's agent starts; resolves when it is registered. */
  async startPinned(): Promise<void> {
    await this.startAgent('h4').until(({ registered }) => registered === true);
  }

  override async end(): Promise<void> {
    this.isOver = true;
    // What a failed test has left on its way never comes.
    await Promise.race([this.traffic, delay(LAST_ROUND_MS, undefined, { ref: false })]);
    await this.world.close();
    await super.end();
  }

  scale(to: number): ScaleProcess {
    return new ScaleProcess(to, this.access);
  }

  /** How programs reach the leader over the bus. */
  get access(): readonly string[] {
    return ['--grid', 'agents', '--nats', this.bus.nats];
  }

  /** When the first flow began that a node carries, by its INODE's clock; waits for it. */
  async firstFlowOf(node: string, after: Millis): Promise<Millis> {
    const isFirst = (at: Millis): boolean => at >= after;
    let found: Millis | undefined;
    await this.until(({ state, flows }) => {
      const name = namesOf(state);
      const times = flows.flatMap((event) =>
        event.type === 'FlowStarted' && event.route.some((ref) => ref !== 0 && name(ref) === node)
          ? [event.at / 1000]
          : [],
      );
      found = times.filter(isFirst).sort((a, b) => a - b)[0];
      return found !== undefined;
    });
    return found!;
  }

  private async exchange(): Promise<void> {
    while (!this.isOver) {
      const fresh = [this.next++, this.next++];
      await this.world.round([...this.old, ...fresh], this.rounds++);
    }
  }
}

export function spareOf({ clusters }: GridState): NodeState {
  return clusters[AB]!.nodes[SPARE]!;
}
