import { resolve } from 'node:path';
import { subjectsOf } from '../../../adapters/bus/subjects';
import { endpointText } from '../../../domain/base/endpoint';
import { lanAddress } from '../../../domain/agent/state';
import type { PublishedTopology } from '../../../domain/topology/topology';
import { FlowgridError } from '../../../domain/base/errors';
import { PACKAGE_FUNCTION } from '../../../domain/package/state';
import { FunctionRegistry } from '../../../dataplane/functions/registry';
import { EXIT, type AgentProgramOptions, type Io } from '../../../interface/cli/programs';
import { Agent, type AgentEvents } from '../../agent/agent';
import { ProbeDesk } from '../../agent/probe-desk';
import { reachProblems } from '../../agent/reach-problems';
import { PackageStore } from '../../agent/package-store';
import { connectBus } from '../bus';
import { readGridKey } from '../grid-key';
import { endProbes, serveProbes } from '../probe/serving';
import { verifyToken } from '../probe/token';
import { Progress } from '../mnode/progress';
import { WallClock } from '../wall-clock';
import { startHosting } from './hosting';
import { realTime } from './real-time';

/** Addresses that mean every interface: nobody else can send to them. */
const EVERY_INTERFACE = ['0.0.0.0', '::'];

/** How often collectors are looked for that are gone, milliseconds. */
const SWEEP_MS = 1_000;

/**
 * `flowgrid agent`: hosts nodes of a grid, in real time, as its log places them. Ends in good order on SIGTERM or Ctrl-C:
 * what its nodes observed is shipped, and if nobody is left to carry on the flows of one of its INODEs they end first.
 * Exit 4 when a newer process of the same name has taken its place.
 *
 * @throws FlowgridError for a key, address or bus that cannot be used.
 */
export async function agent(options: AgentProgramOptions, io: Io): Promise<number> {
  const address = advertised(options);
  const { grid, name, underlay, networks, nodes, pinned } = options;
  const clock = new WallClock();
  const progress = new Progress(io, options.json, clock);
  const time = realTime();
  const secret = readGridKey(options.key);
  const baseDirectory = resolve(options.modules);
  const packages = options.packages === undefined ? {} : { packages: resolve(options.packages) };
  const store = packages.packages === undefined ? {} : { packages: new PackageStore(packages.packages) };
  const host = await startHosting({ agent: name, underlay, networks, secret, baseDirectory, time, ...packages });
  try {
    const bus = await connectBus(options, clock, name);
    try {
      const end = endOf(io.interrupted);
      const it = new Agent({
        name,
        life: clock.now(),
        offer: {
          address,
          capacity: nodes,
          functions: offered(options),
          networks: networks.flatMap(({ names }) => names),
          pinned,
        },
        bus,
        subjects: subjectsOf(grid),
        clock,
        timers: clock,
        host,
        ...store,
        events: eventsOf(progress, end.replaced, ({ topology }) =>
          reachProblems(topology, {
            agent: name,
            address,
            ...(host.linkMtu === undefined ? {} : { mtu: host.linkMtu }),
          }),
        ),
      });
      const desk = new ProbeDesk({
        host,
        clock: time.micros,
        verify: (token) => verifyToken(secret, token, clock.now()),
        topology: () => it.topologies.newest?.topology,
      });
      serveProbes(desk, bus, subjectsOf(grid).agentProbe(name));
      const sweeping = setInterval(() => void desk.sweep(), SWEEP_MS);
      progress.say(`agent ${name} of grid ${grid}: nodes are reached at ${address}`, { listening: address });
      it.start();
      const code = await end.code;
      progress.say('ending');
      clearInterval(sweeping);
      const isShipped = await it.stop(it.holdsLastDoor ? time.micros() : undefined);
      await endProbes(desk);
      if (!isShipped)
        progress.say('nobody took what the nodes observed last: the log will lack it', { shipped: false });
      return code;
    } finally {
      await bus.close();
    }
  } finally {
    await host.close();
  }
}

/** The functions that it offers: those it was told to, or all that are built in; and packages, if it has a place for them. */
function offered({ functions, packages }: AgentProgramOptions): string[] {
  const named = functions ?? new FunctionRegistry().list().map((each) => each.name);
  return [...new Set([...named, ...(packages === undefined ? [] : [PACKAGE_FUNCTION])])];
}

/** Where others reach the nodes here: on a LAN that is for information alone. */
function advertised({ underlay }: AgentProgramOptions): string {
  if (underlay.kind === 'lan') return lanAddress(underlay.interface);
  const { listen, advertise } = underlay;
  const address = advertise ?? listen;
  if (advertise === undefined && (EVERY_INTERFACE.includes(listen.host) || listen.port === 0)) {
    throw new FlowgridError('usage', `--listen ${endpointText(listen)}: other agents cannot send there`, {
      remedy: 'name the address that they reach with --advertise HOST:PORT',
    });
  }
  return endpointText(address);
}

/** Why the program ends, as its exit code. */
function endOf(interrupted: AbortSignal): { readonly code: Promise<number>; readonly replaced: () => void } {
  let replaced!: () => void;
  const code = new Promise<number>((end) => {
    replaced = () => end(EXIT.findings);
    const interrupt = (): void => end(EXIT.ok);
    if (interrupted.aborted) interrupt();
    else interrupted.addEventListener('abort', interrupt, { once: true });
  });
  return { code, replaced };
}

/** @param problems what of a topology does not fit this agent; each is told once */
function eventsOf(
  progress: Progress,
  replaced: () => void,
  problems: (published: PublishedTopology) => readonly string[],
): AgentEvents {
  let refusal = '';
  const known = new Set<string>();
  const unfit = new Map<string, string>();
  return {
    registered: () => progress.say('registered', { registered: true }),
    refused: (why) => {
      if (why !== refusal) progress.say(`not registered: ${why}`, { registered: false });
      refusal = why;
    },
    replaced: () => {
      progress.say('a newer agent of the same name has taken over', { replaced: true });
      replaced();
    },
    placed: (nodes) => progress.say(`hosts ${nodes.length === 0 ? 'no nodes' : nodes.join(', ')}`, { nodes }),
    installed: (published) => {
      const { version } = published.topology;
      progress.say(`topology ${version} is installed`, { topology: version });
      for (const problem of problems(published)) {
        if (!known.has(problem)) progress.say(problem, { problem });
        known.add(problem);
      }
    },
    stamped: (version) => progress.say(`new flows get topology ${version}`, { stamped: version }),
    unfit: (node, why) => {
      if (unfit.get(node) !== why) progress.say(`${node} does not begin: ${why}`, { unfit: node, why });
      unfit.set(node, why);
    },
    repaired: (interfaces) =>
      progress.say(`interfaces that were lost, or others than they should be, are back: ${interfaces}`, {
        repaired: interfaces,
      }),
    failed: (error) => progress.say(`failed: ${(error as Error).message}`),
  };
}
