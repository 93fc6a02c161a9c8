import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createPrng, type Prng } from '../../../domain/base/prng';
import type { RunningServer } from '../../services/server';
import type { LogNow } from '../agent-grid';
import { longestGaps, startsOf, writeConversations } from '../conversations';
import { RecorderProcess } from '../recorder-process';
import { compareThroughGrid } from '../through-grid';
import { play, type LabGrid } from './lab-grid';

/** What is killed. */
export const VICTIMS = ['leading MNODE', 'broker', 'nats-server'] as const;
export type Victim = (typeof VICTIMS)[number];

/** What came of traffic through a grid of which something was killed, or nothing. */
export interface KillResult {
  /** Absent: nothing was killed. */
  readonly victim: Victim | undefined;
  readonly seed: number;
  readonly name: string;
  /** When it was killed, from the start of the traffic on, and for how long it was away, milliseconds. */
  readonly killedAfterMs: number;
  readonly awayMs: number;
  /** Longest time between two frames of a flow that left at the same side, milliseconds. */
  readonly gapMs: number;
  readonly frames: number;
  /** Frames that did not come out, that came twice, and flows whose frames came in another order. */
  readonly lost: number;
  readonly twice: number;
  readonly reordered: number;
  /** Commands that were acknowledged, and those of them that the log does not have, or has twice. */
  readonly acknowledged: number;
  readonly forgotten: number;
}

const FLOWS = 16;
/** The traffic of a run takes about 7 s; what is killed is killed in its middle. */
const EARLIEST_MS = 1_500;
const LATEST_MS = 4_000;
const AWAY_MAX_MS = 1_500;
const COMMAND_EVERY_MS = 700;

/** Kills programs of a grid under traffic and commands, at instants that a seed chooses, and starts them again. */
export class Kills {
  private flow = 0;
  private run = 0;

  constructor(private readonly lab: LabGrid) {}

  /** Traffic with, or without, a victim. Resolves when all is up again, and the grid is one. */
  async once(victim: Victim | undefined, seed: number): Promise<KillResult> {
    const { lab } = this;
    const prng = createPrng(seed);
    const run = ++this.run;
    const flows = Array.from({ length: FLOWS }, () => this.flow++);
    const file = (name: string): string => join(lab.grid.dir, `${run}-${name}.pcapng`);
    writeConversations(file('in'), flows);
    const recorders = [
      new RecorderProcess(file('west'), lab.grid.west.from),
      new RecorderProcess(file('east'), lab.grid.east.from),
    ];
    await Promise.all(recorders.map(({ listens }) => listens));
    const played = play(lab, file('in'));
    const commands = new AbortController();
    const acknowledged = this.command(`run-${run}`, prng, commands.signal);
    const killedAfterMs = EARLIEST_MS + prng.below(LATEST_MS - EARLIEST_MS);
    const awayMs = prng.below(AWAY_MAX_MS);
    const name = victim === undefined ? '' : await this.strike(victim, prng, killedAfterMs, awayMs);
    await played;
    await Promise.all(recorders.map(({ ended }) => ended));
    commands.abort();
    const ids = await acknowledged;
    await lab.whole();
    // At both ends at least: where a busy machine lets an answer overtake its question, a flow begins at both and is told again.
    const isTold = (log: LogNow): boolean => log.flows.filter(startsOf(flows)).length >= 2 * FLOWS;
    await lab.grid.until(isTold);
    const files = recorders.map((recorder) => recorder.file);
    const { missing, extra, reordered, entered } = compareThroughGrid(file('in'), ...files);
    return {
      ...{ victim, seed, name, killedAfterMs, awayMs },
      gapMs: Math.round(Math.max(...longestGaps(files).values())),
      frames: entered,
      lost: missing.length,
      twice: extra.length,
      reordered: reordered.length,
      acknowledged: ids.length,
      forgotten: await this.forgotten(ids),
    };
  }

  /** Kills, and starts again; its name. */
  private async strike(victim: Victim, prng: Prng, afterMs: number, awayMs: number): Promise<string> {
    const { grid, kafka, nats } = this.lab;
    if (victim === 'leading MNODE') {
      await delay(afterMs);
      const name = await this.lab.leader();
      await grid.mnodes.find((mnode) => mnode.name === name)!.kill();
      await delay(awayMs);
      grid.startMnode(name);
      return name;
    }
    const server: RunningServer = victim === 'broker' ? kafka.servers[prng.below(kafka.servers.length)]! : nats;
    await delay(afterMs);
    await server.kill();
    await delay(awayMs);
    await server.restart();
    return server.name;
  }

  /** Gives commands one after another until it is told to stop; the ids of those that were acknowledged. */
  private async command(prefix: string, prng: Prng, stop: AbortSignal): Promise<string[]> {
    const acknowledged: string[] = [];
    for (let n = 0; !stop.aborted; n++) {
      const id = `${prefix}-${n}`;
      const data = { cluster: 2 + (n % 2), node: 1 + (n % 3), weight: 1 + prng.below(100) };
      if ((await this.lab.submit(id, { type: 'ConfigureNode', data })).status === 'accepted') acknowledged.push(id);
      await delay(COMMAND_EVERY_MS, undefined, { signal: stop }).catch(() => undefined);
    }
    return acknowledged;
  }

  private async forgotten(ids: readonly string[]): Promise<number> {
    const times = new Map<string, number>();
    await this.lab.grid.state(({ commandId }) => void times.set(commandId, 1 + (times.get(commandId) ?? 0)));
    return ids.filter((id) => times.get(id) !== 1).length;
  }
}

/** A line for people. */
export function told(result: KillResult): string {
  const { victim, seed, name, killedAfterMs, awayMs, gapMs, frames, lost, twice, reordered } = result;
  const what =
    victim === undefined ? 'nothing killed' : `${name} (${victim}) after ${killedAfterMs} ms, away ${awayMs} ms`;
  return (
    `seed ${seed}: ${what}: longest gap ${gapMs} ms; of ${frames} frames ${lost} lost, ${twice} twice, ${reordered} flows reordered; ` +
    `${result.acknowledged} commands acknowledged, ${result.forgotten} forgotten`
  );
}
