import { userInfo } from 'node:os';
import { FlowgridError, isFlowgridError } from '../../../domain/base/errors';
import { parseFilter } from '../../../domain/probe/filter';
import { EXIT, type Io, type ProbeCapture, type ProbeOptions } from '../../../interface/cli/programs';
import { defaultKeyPath, readGridKey } from '../grid-key';
import { connectBus } from '../bus';
import { withMnodes, type Mnodes } from '../leader-access';
import type { WallClock } from '../wall-clock';
import { Collector, type CaptureOrder } from './collector';
import { ProbeInterfaces } from './interfaces';
import { join } from './join';
import { CaptureOutput } from './output';
import { agentSources, socketSource, type ProbeSource } from './source';
import { FileTaking, InterfaceTaking, LineTaking, type InterfaceCounts, type Taking } from './takings';
import { issueToken, readToken } from './token';

const HOUR_MS = 3_600_000;
/** A token that is made for this program alone. */
const OWN_TOKEN_MS = HOUR_MS / 60;

/**
 * `flowgrid probe`: captures frames on links and interfaces of a running grid, joins captures of several points, or
 * issues a token that lets somebody attach them.
 * Ctrl-C, a reader that goes away and a grid that ends are ways for a capture to end well: exit 0. Exit 4 when it was refused:
 * without a valid token, or because there is no room.
 *
 * @throws FlowgridError `not-found` for points that are not there or a grid that does
 *   not run, `usage` for a filter, an output or an interface that cannot be used, `unsupported` where there are no interfaces.
 */
export async function probe(options: ProbeOptions, io: Io): Promise<number> {
  const { act } = options;
  if (act.kind === 'capture') {
    try {
      return await capture(options, act, io);
    } catch (error) {
      if (!isFlowgridError(error, 'rejected')) throw error;
      io.err(`flowgrid: ${error.message}`);
      if (error.remedy !== undefined) io.err(`  remedy: ${error.remedy}`);
      return EXIT.findings;
    }
  }
  if (act.kind === 'join') return join(act, options.json, io);
  const token = issueToken(secretOf(options), act.name, Date.now() + act.hours * HOUR_MS);
  io.out(options.json ? JSON.stringify({ name: act.name, token }) : token);
  return EXIT.ok;
}

async function capture(options: ProbeOptions, act: ProbeCapture, io: Io): Promise<number> {
  const { filter, raw, ringBytes, seconds, write } = act;
  if (filter !== undefined) parseFilter(filter);
  const order = {
    points: act.points,
    view: raw ? 'raw' : 'restored',
    ...(filter === undefined ? {} : { filter }),
    ...(ringBytes === undefined ? {} : { ringBytes }),
    ...(seconds === undefined ? {} : { withinMs: 1000 * seconds }),
  } as const;
  const token = tokenOf(options);
  const interfaces = act.interface === undefined ? undefined : await ProbeInterfaces.open(act.interface);
  let output: CaptureOutput | undefined;
  try {
    output = write === undefined ? undefined : await CaptureOutput.open(write, io.interrupted);
    if (write !== undefined && output === undefined) return EXIT.ok;
    return await withSources(options, token, async (sources, mnodes, clock) => {
      const collector = await Collector.attach(sources, mnodes, clock, order);
      const taken = await take(collector, order, { options, act, output, interfaces }, io);
      summarise(collector, taken, options, act, io);
      return EXIT.ok;
    });
  } finally {
    await output?.close();
    interfaces?.close();
  }
}

/** What is captured, and where it goes. */
interface Job {
  readonly options: ProbeOptions;
  readonly act: ProbeCapture;
  readonly output: CaptureOutput | undefined;
  readonly interfaces: ProbeInterfaces | undefined;
}

interface Taken {
  readonly frames: number;
  readonly interfaces: readonly InterfaceCounts[];
}

/** Captures until the end, and detaches the points. */
async function take(collector: Collector, order: CaptureOrder, job: Job, io: Io): Promise<Taken> {
  const framesMax = job.act.frames ?? Infinity;
  let frames = 0;
  let takings: readonly Taking[] = [];
  try {
    takings = takingsOf(collector, job, io);
    for (const taking of takings) await taking.begin();
    io.err(`capturing at ${collector.probes.map(({ name }) => name).join(', ')}; Ctrl-C ends it`);
    await collector.run(order, io.interrupted, async (captured) => {
      for (const frame of captured) {
        const shown = frames < framesMax ? collector.shown(frame) : undefined;
        if (shown === undefined) continue;
        for (const taking of takings) taking.add(frame, shown);
        frames++;
      }
      const going = await Promise.all(takings.map((taking) => taking.flush()));
      return going.every((goes) => goes) && frames < framesMax;
    });
  } finally {
    await collector.detach();
  }
  for (const taking of takings) await taking.end();
  const [onInterfaces] = takings.filter((taking) => taking instanceof InterfaceTaking);
  return { frames, interfaces: onInterfaces?.counts ?? [] };
}

function takingsOf(collector: Collector, { options, output, interfaces }: Job, io: Io): Taking[] {
  const takings: Taking[] = [];
  if (output !== undefined) takings.push(new FileTaking(collector, output));
  if (interfaces !== undefined) {
    const taking = new InterfaceTaking(collector.probes, interfaces);
    for (const { interface: name, points } of taking.counts) io.err(`interface ${name}: ${points.join(', ')}`);
    takings.push(taking);
  }
  return takings.length > 0 ? takings : [new LineTaking(collector, options.json, io)];
}

/** Reaches whoever hosts the grid's nodes while `use` runs: the program on the data directory, or agents. */
async function withSources(
  options: ProbeOptions,
  token: () => string,
  use: (sources: readonly ProbeSource[], mnodes: Mnodes, clock: WallClock) => Promise<number>,
): Promise<number> {
  return withMnodes(options, async (mnodes, clock) => {
    const { nats, grid } = options;
    if (nats === undefined || grid === undefined) return use([socketSource(options.data, token)], mnodes, clock);
    const bus = await connectBus(options, clock, 'flowgrid probe');
    try {
      return await use(await agentSources(bus, grid, token), mnodes, clock);
    } finally {
      await bus.close();
    }
  });
}

function summarise(collector: Collector, taken: Taken, { json }: ProbeOptions, act: ProbeCapture, io: Io): void {
  const { probes, counts } = collector;
  const { frames, interfaces } = taken;
  const points = probes.map(({ id, name }) => ({ point: name, ...(counts.get(id) ?? { captured: 0, dropped: 0 }) }));
  if (json) {
    io.out(JSON.stringify({ frames, points, ...(interfaces.length > 0 ? { interfaces } : {}) }));
    return;
  }
  const isStdoutTaken = act.write === '-' || (act.write === undefined && act.interface === undefined);
  const say = isStdoutTaken ? io.err : io.out;
  say(`${frames} frames`);
  for (const { host } of collector.gone) io.err(`  ${host} answered no more: what it captured last is not here`);
  for (const { point, captured, dropped } of points) {
    say(`  ${point.padEnd(16)} ${captured} captured${dropped === 0 ? '' : `, ${dropped} not: the ring was full`}`);
  }
  for (const { interface: name, frames: shown, dropped } of interfaces) {
    say(`  ${name.padEnd(16)} ${shown} shown${dropped === 0 ? '' : `, ${dropped} not: the interface had no room`}`);
  }
}

/** The token that each request carries: the one given, or one that is made with the grid's key, where that can be read. */
function tokenOf(options: ProbeOptions): () => string {
  const { token } = options;
  if (token !== undefined) return () => token;
  if (options.tokenFile !== undefined) {
    const read = readToken(options.tokenFile);
    return () => read;
  }
  const secret = secretOf(options);
  const { username } = userInfo();
  return () => issueToken(secret, username, Date.now() + OWN_TOKEN_MS);
}

function secretOf({ key, data }: ProbeOptions): Uint8Array {
  try {
    return readGridKey(key ?? defaultKeyPath(data));
  } catch (error) {
    if (!isFlowgridError(error, 'not-found')) throw error;
    throw new FlowgridError('not-found', error.message, {
      remedy: 'name the key with --key, or give a token: --token-file FILE, or FLOWGRID_PROBE_TOKEN',
      cause: error,
    });
  }
}
