import { userInfo } from 'node:os';
import { FlowgridError, isFlowgridError } from '../../../domain/base/errors';
import { parseFilter } from '../../../domain/probe/filter';
import { EXIT, type Io, type ProbeCapture, type ProbeOptions } from '../../../interface/cli/programs';
import type { CapturedFrame } from '../../../dataplane/probes/captured-frames';
import { restored } from '../../../dataplane/probes/restore';
import { defaultKeyPath, readGridKey } from '../grid-key';
import { connectBus } from '../bus';
import { withMnodes, type Mnodes } from '../leader-access';
import { wallMicros, type WallClock } from '../wall-clock';
import { CaptureWriter } from './capture-writer';
import { Collector } from './collector';
import { frameJson, frameLine } from './frame-lines';
import { join } from './join';
import { CaptureOutput } from './output';
import { agentSources, socketSource, type ProbeSource } from './source';
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
 *   not run, `usage` for a filter or output that cannot be used.
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
  const output = write === undefined ? undefined : await CaptureOutput.open(write, io.interrupted);
  if (write !== undefined && output === undefined) return EXIT.ok;
  try {
    return await withSources(options, token, async (sources, mnodes, clock) => {
      const collector = await Collector.attach(sources, mnodes, clock, order);
      const taking = output === undefined ? new Lines(collector, options.json, io) : new File(collector, output);
      let taken = 0;
      try {
        await taking.begin();
        io.err(`capturing at ${collector.probes.map(({ name }) => name).join(', ')}; Ctrl-C ends it`);
        await collector.run(order, io.interrupted, async (frames) => {
          for (const frame of frames) if (taken < (act.frames ?? Infinity) && taking.add(frame)) taken++;
          return (await taking.flush()) && taken < (act.frames ?? Infinity);
        });
      } finally {
        await collector.detach();
      }
      await taking.end();
      summarise(collector, taken, options, io);
      return EXIT.ok;
    });
  } finally {
    await output?.close();
  }
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

/** Where frames go. */
interface Taking {
  begin(): Promise<void>;
  /** Whether it was a frame to be shown. */
  add(frame: CapturedFrame): boolean;
  /** False when nobody takes any more. */
  flush(): Promise<boolean>;
  end(): Promise<void>;
}

class File implements Taking {
  private readonly writer: CaptureWriter;

  constructor(
    private readonly collector: Collector,
    private readonly output: CaptureOutput,
  ) {
    this.writer = new CaptureWriter(collector.probes, collector.names, collector.by);
  }

  async begin(): Promise<void> {
    await this.output.write(this.writer.take());
  }

  add(frame: CapturedFrame): boolean {
    return this.writer.add(frame);
  }

  async flush(): Promise<boolean> {
    this.writer.addCounts(this.collector.counts, wallMicros(), false);
    await this.output.write(this.writer.take());
    return !this.output.isGone;
  }

  async end(): Promise<void> {
    this.writer.addCounts(this.collector.counts, wallMicros(), true);
    await this.output.write(this.writer.take());
  }
}

class Lines implements Taking {
  constructor(
    private readonly collector: Collector,
    private readonly json: boolean,
    private readonly io: Io,
  ) {}

  async begin(): Promise<void> {}

  add(frame: CapturedFrame): boolean {
    const { probes, names } = this.collector;
    const { name: point, view } = probes.find(({ id }) => id === frame.probe)!;
    if (view === 'restored' && restored(frame) === undefined) return false;
    this.io.out(this.json ? frameJson(frame, point, names) : frameLine(frame, point, names));
    return true;
  }

  async flush(): Promise<boolean> {
    return true;
  }

  async end(): Promise<void> {}
}

function summarise(collector: Collector, taken: number, { json, act }: ProbeOptions, io: Io): void {
  const { probes, counts } = collector;
  const points = probes.map(({ id, name }) => ({ point: name, ...(counts.get(id) ?? { captured: 0, dropped: 0 }) }));
  const isPiped = act.kind === 'capture' && act.write === '-';
  if (json) {
    io.out(JSON.stringify({ frames: taken, points }));
    return;
  }
  const say = isPiped || act.kind !== 'capture' || act.write === undefined ? io.err : io.out;
  say(`${taken} frames`);
  for (const { host } of collector.gone) io.err(`  ${host} answered no more: what it captured last is not here`);
  for (const { point, captured, dropped } of points) {
    say(`  ${point.padEnd(16)} ${captured} captured${dropped === 0 ? '' : `, ${dropped} not: the ring was full`}`);
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
