import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createPrng, type Prng } from '../../../domain/base/prng';
import type { RunningServer } from '../../services/server';
import { longestGaps, startsOf, writeConversations } from '../conversations';
import { RecorderProcess } from '../recorder-process';
import { compareThroughGrid } from '../through-grid';
import { play, type LabGrid } from './lab-grid';
import { Scaling, type ScalingResult } from './scaling';

/**
 * What is killed. The Temporal worker lives in the MNODE that leads: killed as such, it is the program that Temporal names,
 * and it is killed when a step of the workflow is done, not at an instant of the traffic.
 */
export const VICTIMS = ['leading MNODE', 'broker', 'nats-server', 'Temporal server', 'Temporal worker'] as const;
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
  /** The workflow that was under way. */
  readonly scaling: ScalingResult;
}

const FLOWS = 12;
/** The traffic of a run takes 5 s and more; what is killed is killed in its middle. */
const EARLIEST_MS = 1_500;
const LATEST_MS = 3_500;
const AWAY_MAX_MS = 1_500;
/** The workflow is requested so long before, at most: until then it may have ended, or have hardly begun. */
const LEAD_MAX_MS = 1_500;
/** One in so many is cancelled, so long after its request, at most. */
const CANCELLED_ONE_IN = 4;
const CANCEL_MAX_MS = 1_500;
const COMMAND_EVERY_MS = 700;

/** A frame that has not come so long after the last was sent does not come any more. */
const COMES_WITHIN_MS = 60_000;

/** All is up again within this time, or something has ended by itself: a machine may be busy with other things. */
const WHOLE_WITHIN_MS = 180_000;

/** What a seed chooses: all of it before anything happens, so that the same seed chooses the same. */
interface Plan {
  readonly killedAfterMs: number;
  readonly awayMs: number;
  readonly leadMs: number;
  readonly cancelAfterMs: number | undefined;
  readonly broker: number;
}

function planOf(seed: number): Plan {
  const prng = createPrng(seed);
  const killedAfterMs = EARLIEST_MS + prng.below(LATEST_MS - EARLIEST_MS);
  const [awayMs, broker, leadMs] = [prng.below(AWAY_MAX_MS), prng.below(3), prng.below(LEAD_MAX_MS)];
  const isCancelled = prng.below(CANCELLED_ONE_IN) === 0;
  return { killedAfterMs, awayMs, leadMs, broker, cancelAfterMs: isCancelled ? prng.below(CANCEL_MAX_MS) : undefined };
}

/** Kills programs of a grid under traffic, commands and workflows, at instants that a seed chooses, and starts them again. */
export class Kills {
  private flow = 0;
  private run = 0;

  /** @param lab one with Temporal */
  constructor(private readonly lab: LabGrid) {}

  /** Traffic with, or without, a victim. Resolves when all is up again, and the grid is one. */
  async once(victim: Victim | undefined, seed: number): Promise<KillResult> {
    const { lab } = this;
    const plan = planOf(seed);
    const run = ++this.run;
    const flows = Array.from({ length: FLOWS }, () => this.flow++);
    const file = (name: string): string => join(lab.grid.dir, `${run}-${name}.pcapng`);
    writeConversations(file('in'), flows);
    const recorders = [
      new RecorderProcess(file('west'), lab.grid.west.from),
      new RecorderProcess(file('east'), lab.grid.east.from),
    ];
    await Promise.all(recorders.map(({ listens }) => listens));
    const commands = new AbortController();
    const acknowledged = this.command(`run-${run}`, createPrng(seed).fork('commands'), commands.signal);
    const played = play(lab, file('in'));
    // Whatever fails first is what is told.
    for (const beside of [played, acknowledged]) beside.catch(() => undefined);
    const { name, scaling } = await this.strike(victim, `soak/${run}`, plan);
    await played;
    await Promise.all([...recorders.map(recorded), scaling.ended()]);
    commands.abort();
    const ids = await acknowledged;
    await lab.whole(WHOLE_WITHIN_MS);
    await this.toldOf(flows);
    const files = recorders.map((recorder) => recorder.file);
    const { missing, extra, reordered, entered } = compareThroughGrid(file('in'), ...files);
    return {
      ...{ victim, seed, name, killedAfterMs: plan.killedAfterMs, awayMs: plan.awayMs },
      gapMs: Math.round(Math.max(...longestGaps(files).values())),
      frames: entered,
      lost: missing.length,
      twice: extra.length,
      reordered: reordered.length,
      acknowledged: ids.length,
      forgotten: await this.forgotten(ids),
      scaling: await scaling.result(),
    };
  }

  /** Requests the workflow, kills, and starts again. */
  private async strike(
    victim: Victim | undefined,
    workflow: string,
    { killedAfterMs, leadMs, cancelAfterMs, awayMs, broker }: Plan,
  ): Promise<{ name: string; scaling: Scaling }> {
    const kill = delay(killedAfterMs);
    await delay(killedAfterMs - leadMs);
    const scaling = await Scaling.request(this.lab, workflow);
    const cancelled = cancelAfterMs === undefined ? undefined : delay(cancelAfterMs).then(() => scaling.cancel());
    await kill;
    const name = victim === undefined ? '' : await this.kill(victim, scaling, awayMs, broker);
    await cancelled;
    return { name, scaling };
  }

  /** Kills, and starts again; its name. */
  private async kill(victim: Victim, scaling: Scaling, awayMs: number, broker: number): Promise<string> {
    const { grid, kafka, nats, temporal } = this.lab;
    if (victim === 'Temporal worker') await scaling.hasBegun();
    if (victim === 'leading MNODE' || victim === 'Temporal worker') {
      const name = victim === 'leading MNODE' ? await this.lab.leader() : await temporal!.worker();
      await scaling.beforeKill();
      await grid.mnodes.find((mnode) => mnode.name === name)!.kill();
      await delay(awayMs);
      grid.startMnode(name);
      return name;
    }
    const servers = { broker: kafka.servers[broker]!, 'nats-server': nats, 'Temporal server': temporal!.server };
    const server: RunningServer = servers[victim];
    await scaling.beforeKill();
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

  /**
   * Resolves when the log has the starts of all flows, at both ends at least: where a busy machine lets an answer overtake its
   * question, a flow begins at both and is told again.
   */
  private async toldOf(flows: readonly number[]): Promise<void> {
    const until = Date.now() + WHOLE_WITHIN_MS;
    for (let told = 0; told < 2 * FLOWS; await delay(20)) {
      told += (await this.lab.log.newFlowEvents()).filter(startsOf(flows)).length;
      if (Date.now() > until) throw new Error(`the log has ${told} starts of ${FLOWS} flows, not one from each end`);
    }
  }

  private async forgotten(ids: readonly string[]): Promise<number> {
    await this.lab.log.state();
    return ids.filter((id) => this.lab.log.commands.get(id) !== 1).length;
  }
}

/** Resolves when a recording is over: what has not come by then is lost. */
async function recorded(recorder: RecorderProcess): Promise<void> {
  const patience = new AbortController();
  const stop = delay(COMES_WITHIN_MS, undefined, { signal: patience.signal }).then(
    () => recorder.stop(),
    () => undefined,
  );
  await recorder.ended;
  patience.abort();
  await stop;
}

/** A line for people. */
export function told(result: KillResult): string {
  const { victim, seed, name, killedAfterMs, awayMs, gapMs, frames, lost, twice, reordered, scaling } = result;
  const what =
    victim === undefined ? 'nothing killed' : `${name} (${victim}) after ${killedAfterMs} ms, away ${awayMs} ms`;
  return (
    `seed ${seed}: ${what}: longest gap ${gapMs} ms; of ${frames} frames ${lost} lost, ${twice} twice, ${reordered} flows reordered; ` +
    `${result.acknowledged} commands acknowledged, ${result.forgotten} forgotten; ${toldScaling(scaling)}`
  );
}

function toldScaling({ name, cancelled, killedAfterStep: step, end, tookMs, wrong }: ScalingResult): string {
  const where = step === undefined ? '' : step === '' ? ', killed before its first step' : `, killed after ${step}`;
  const why = wrong === undefined ? '' : `: ${wrong}`;
  return `${name}${where}${cancelled ? ', cancelled' : ''}, ${end} after ${tookMs} ms${why}`;
}
