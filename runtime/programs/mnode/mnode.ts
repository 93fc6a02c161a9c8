import { connectBus } from '../bus';
import { subjectsOf } from '../../../adapters/bus/subjects';
import { FlowgridError } from '../../../domain/base/errors';
import type { Bus } from '../../../domain/seams/bus';
import { EXIT, type Io, type MnodeOptions } from '../../../interface/cli/programs';
import { serveAgents } from '../../control/agent-endpoints';
import { BusAnnouncer } from '../../control/bus-endpoints';
import { createControlPlane, type ControlPlane } from '../../control/control-plane';
import { applyDesired, loadGridFile, type DesiredGrid } from '../../control/grid-file';
import { LoadListener } from '../../control/load-listener';
import { LinkWatch } from '../../control/link-watch';
import { StatusTeller } from '../../control/mnode-status';
import { NodeStatusTeller } from '../../control/node-status';
import { answerCommand, answerCommands } from '../../control/remote-commands';
import { StatisticsTeller } from '../../control/statistics-teller';
import type { Alert } from '../../control/effects';
import { createWorkflowJournal } from '../../control/workflow-journal';
import { WorkflowDesk } from '../../control/workflow-requests';
import { readConnections } from '../connections';
import { readGridFile } from '../grid-text';
import { Provisioner, stuckAlert, type ProvisionerOptions } from '../provisioner';
import { temporalPlace, type TemporalPlace } from '../temporal/place';
import { TemporalProvisioner } from '../temporal/temporal-provisioner';
import { WallClock } from '../wall-clock';
import { answerRequest } from './requests';
import { Helm } from './helm';
import { LeaderWork } from './leader-work';
import { BusWatch } from './bus-watch';
import { Progress } from './progress';
import { openSeat, type Seat } from './seat';
import { Standing } from './standing';

/**
 * `flowgrid mnode`: the control plane of a grid as a program of its own, in real time. Of several over one log one leads
 * and the others stand by. Ends in good order, and hands over, on SIGTERM or Ctrl-C.
 *
 * @throws FlowgridError for a wrong grid file, a log or bus that cannot be reached, a refused topic or directory.
 */
export async function mnode(options: MnodeOptions, io: Io): Promise<number> {
  const desired = options.file === undefined ? undefined : loadGridFile(readGridFile(options.file), options.file);
  const grid = gridName(options, desired);
  const clock = new WallClock();
  let program: Mnode | undefined;
  const seat = await openSeat(options, grid, async (bytes) => {
    if (program === undefined) throw new FlowgridError('closed', 'the MNODE is starting', { canRetry: true });
    return program.answer(bytes);
  });
  let bus: Bus | undefined;
  try {
    bus = await connectBus(options, clock, options.name);
    const place = await placeOf(options, grid);
    program = new Mnode(options, grid, desired, seat, bus, clock, new Progress(io, options.json, clock), place);
    await program.run(io.interrupted);
    return EXIT.ok;
  } finally {
    await program?.close();
    await seat.close();
    await bus?.close();
  }
}

function gridName({ grid, file }: MnodeOptions, desired: DesiredGrid | undefined): string {
  const name = desired?.settings.name ?? grid;
  if (name === undefined || (grid !== undefined && grid !== name)) {
    throw new FlowgridError(
      'usage',
      name === undefined ? 'which grid?' : `${file} describes grid ${name}, not ${grid}`,
      {
        remedy: 'name a grid file, or with --grid a grid whose log exists',
      },
    );
  }
  return name;
}

/** Where on a Temporal server workflows run; undefined: in this process, journalled in the log. */
async function placeOf(
  { temporal, name, connections }: MnodeOptions,
  grid: string,
): Promise<TemporalPlace | undefined> {
  if (temporal === undefined) return undefined;
  const { address, namespace, taskQueue = `flowgrid-${grid}` } = temporal;
  const { temporal: security } = readConnections(connections);
  const place = { address, namespace, taskQueue, identity: name };
  return temporalPlace({ ...place, ...(security === undefined ? {} : { security }) });
}

/**
 * Hellos come over a bus, ten a second: neighbours find a death out by themselves, and much faster. When nobody at all is
 * heard it is the bus that is gone; agents need some seconds to be back after it.
 */
const PATIENCE = { detectionMs: 1_000, blackoutMs: 15_000 };

/** Agents ship what they observe at once; it is known for good, with the commit that anchors it, not much later. */
const ANCHOR_WITHIN_MS = 5_000;

/** One MNODE: log, bus and control plane, wired together. */
class Mnode {
  private readonly plane: ControlPlane;
  private readonly helm: Helm;
  private readonly work: LeaderWork;
  private readonly teller: StatusTeller;
  private readonly standing: Standing;
  private readonly endpoints: { close(): void }[] = [];
  private failure: unknown;
  private fail: (error: unknown) => void = () => undefined;

  constructor(
    private readonly options: MnodeOptions,
    grid: string,
    private readonly desired: DesiredGrid | undefined,
    seat: Seat,
    bus: Bus,
    private readonly clock: WallClock,
    private readonly progress: Progress,
    place: TemporalPlace | undefined,
  ) {
    const subjects = subjectsOf(grid);
    const announcer = new BusAnnouncer(bus, subjects);
    const onAlert = (alert: Alert): void => {
      announcer.alert(alert);
      progress.say(`alert: ${alert.about}: ${alert.text}`, alert);
    };
    this.plane = createControlPlane({
      log: seat.log,
      clock,
      timers: clock,
      name: options.name,
      listeners: [announcer],
      patience: PATIENCE,
      anchorWithinMs: ANCHOR_WITHIN_MS,
      autoscale: true,
      onAlert,
      onCommit: (commit, state) => {
        this.work.folded(commit);
        nodes.folded(commit, state);
      },
      onDeposed: (error) => {
        progress.say(`deposed: ${(error as Error).message}`);
        this.helm.deposed();
      },
    });
    this.work = new LeaderWork(() => {
      const onStuck = (workflow: string, error: unknown): void => onAlert(stuckAlert(workflow, error, clock.now()));
      const counted: ProvisionerOptions['counted'] = (node) => statistics.counted(node);
      const common = { control: this.plane, log: seat.log, clock, timers: clock, onStuck, counted };
      if (place === undefined) return new Provisioner(common);
      const onServer = (text: string): void => onAlert({ at: clock.now(), about: 'grid', text });
      return new TemporalProvisioner({ ...common, place, onServer });
    });
    const journal = createWorkflowJournal(this.plane, seat.log, clock);
    const desk = new WorkflowDesk(this.plane, journal, clock, () => this.work.current);
    const links = new LinkWatch();
    const teller = (this.teller = new StatusTeller(options.name, this.plane, bus, subjects, clock, clock, links));
    const commands = answerCommands(this.plane, bus, subjects);
    const loads = new LoadListener(this.plane, bus, subjects, clock);
    const agents = serveAgents(this.plane, bus, subjects, {
      clock,
      onOutrun: (epoch) => progress.say(`not answering: agents know of epoch ${epoch}`),
      onReport: (agent, report) => links.report(agent, report),
      onBatch: (bytes) => loads.batch(bytes),
    });
    const statistics = new StatisticsTeller(options.name, this.plane, bus, subjects, clock);
    const nodes = new NodeStatusTeller(options.name, this.plane, bus, subjects, clock);
    const workflows = desk.serve(bus, subjects);
    this.endpoints.push(agents, teller, statistics, nodes, loads, {
      close: () => {
        commands.unsubscribe();
        workflows.unsubscribe();
      },
    });
    this.helm = new Helm(this.plane, seat, clock, {
      leading: async () => {
        nodes.tell();
        await this.leading();
        teller.tell();
      },
      standingBy: () => {
        this.standingBy();
        teller.tell();
      },
      failed: (error) => progress.say(`cannot lead yet: ${(error as Error).message}`),
    });
    this.standing = new Standing(
      seat,
      { elected: () => this.helm.elected(), lost: () => this.helm.lost() },
      clock,
      (error) => progress.say(`cannot stand for leadership yet: ${(error as Error).message}`),
    );
    const watch = new BusWatch(bus, clock, { lost: () => this.busLost(), found: () => this.busFound() });
    this.endpoints.push(watch);
    this.answer = (bytes) =>
      answerRequest(bytes, {
        status: () => teller.answer(),
        command: (command) => answerCommand(this.plane, command),
        workflow: (asked) => desk.answer(asked),
      });
  }

  /** Answers other programs of this machine, over the socket of an embedded log. */
  readonly answer: (bytes: Uint8Array) => Promise<Uint8Array>;

  /** Follows the log, stands for leadership and stays until interrupted. */
  async run(interrupted: AbortSignal): Promise<void> {
    await this.plane.follow();
    this.standingBy();
    await this.standing.begin();
    await new Promise<void>((end, fail) => {
      this.fail = fail;
      if (this.failure !== undefined) fail(this.failure);
      if (interrupted.aborted) end();
      else interrupted.addEventListener('abort', () => end(), { once: true });
    });
    this.progress.say('ending');
  }

  async close(): Promise<void> {
    await this.standing.close();
    await this.helm.close();
    await this.work.end();
    for (const endpoint of this.endpoints) endpoint.close();
    // What cannot be anchored now is when somebody leads again.
    if (this.plane.isLeading) await this.plane.anchor().catch(() => undefined);
    await this.plane.stop();
  }

  /** Whoever leads has to hear agents and operators: another may. Nobody is held dead for what cannot be heard. */
  private busLost(): void {
    this.progress.say('the bus is lost: another MNODE may lead', { bus: false });
    this.plane.canHear(false);
    this.standing.want(false);
  }

  private busFound(): void {
    this.progress.say('the bus is back', { bus: true });
    this.plane.canHear(true);
    this.standing.want(true);
  }

  private async leading(): Promise<void> {
    const { seq } = this.plane.head;
    const { epoch } = this.plane.state;
    this.progress.say(`leading since ${new Date(this.clock.now()).toISOString()}, epoch ${epoch}, commit ${seq}`, {
      role: 'leading',
      epoch,
      seq,
    });
    this.work.begin();
    if (this.desired === undefined) return;
    try {
      const commits = await applyDesired(this.plane, this.desired, {
        by: `mnode:${this.options.name}`,
        clock: this.clock,
      });
      if (commits > 0)
        this.progress.say(`${this.options.file}: ${commits} commits bring the grid to it`, { applied: commits });
    } catch (error) {
      // A leader that was deposed meanwhile leaves it to its successor; a file that is refused is the operator's business.
      if (this.plane.role !== 'leading') return;
      this.failure = error;
      this.fail(error);
    }
  }

  private standingBy(): void {
    void this.work.end();
    const { seq, behind } = this.teller.status();
    const lag = behind === null ? '' : `, ${behind} behind`;
    this.progress.say(`standby at commit ${seq}${lag}`, { role: 'following', seq, behind });
  }
}
