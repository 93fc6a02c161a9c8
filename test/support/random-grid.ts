import { join } from 'node:path';
import { nodeRef, type Micros, type NodeRef } from '../../domain/base/ids';
import { createPrng, type Prng } from '../../domain/base/prng';
import type { ClusterMode, FailurePolicy, FunctionSpec, SelectorKind } from '../../domain/topology/topology';
import type { Verdicts } from '../../projections/verdicts';
import { ORACLE_PORT } from '../unit/dataplane/node/asker';
import { ACK, FIN, numbered, SYN, tcp, udp } from '../unit/dataplane/node/frames';
import {
  CLIENT_NETWORK,
  ENTRANCE,
  PublishedGrid,
  SERVER_NETWORK,
  type PublishedGridOptions,
  type StageShape,
} from './published-grid';

const STEPS = 90;
const ASKER = join(__dirname, '../unit/dataplane/node/asker');
/** Rounds until a stage has recovered from a death: detection, hearsay, and the feeding of the next backups. */
const RECOVERED = 16;

const POLICIES: readonly FailurePolicy[] = ['backup', 'redirect', 'discard'];
const SELECTORS: readonly SelectorKind[] = ['hash', 'round-robin', 'weighted-round-robin', 'least-flows', 'feedback'];

/** Rounds until all neighbours of a dead node know of it. */
const KNOWN = 7;

/** Functions that a stage is drawn from, when they are drawn; each NAT stage shows an address of its own. */
function functionsOf(stage: number): readonly FunctionSpec[] {
  return [
    { name: 'pass', config: {} },
    { name: 'packet-filter', config: { mode: 'strict' } },
    { name: 'nat', config: { addresses: [`203.0.113.${stage}`] } },
    { name: 'rate-limiter', config: { per: 'flow', unit: 'packets', rate: 200, burst: 6 } },
  ];
}

/** The function that opens flows of its own; each stage asks from ports of its own. */
function askerOf(stage: number): FunctionSpec {
  return { name: 'module', config: { path: ASKER, port: 53, offset: 10_000 * stage } };
}

/** Few frames a round are too many for a node; one stage in four takes what comes. */
function congestionOf(prng: Prng): Pick<StageShape, 'congestion'> {
  const framesPerSecond = 50 * (1 + prng.below(6));
  return prng.below(4) === 0 ? {} : { congestion: { above: 60, below: 30, framesPerSecond } };
}

export interface RandomGridOptions {
  /** Whether stages run functions that keep state, or `pass` alone. */
  readonly functions?: boolean;
  /** Whether every second stage asks an oracle about each request, which answers now and then. */
  readonly asks?: boolean;
  /** Whether nodes of most stages are congested by little traffic, so that flows move. */
  readonly congestion?: boolean;
  /** Whether some grids have a narrow first link, and packets that do not fit through it. */
  readonly narrow?: boolean;
  /** Modes that stages are switched to now and then, mostly for flows that live too; they stay by default. */
  readonly modes?: readonly ClusterMode[];
  /** Whether nodes die and return; default: they do. */
  readonly deaths?: boolean;
  /** INODEs at either end; default: drawn. */
  readonly inodes?: number;
  /** Whether one cluster of INODEs has both networks. */
  readonly returning?: boolean;
  readonly onTap?: PublishedGridOptions['onTap'];
  readonly onFlowEvent?: PublishedGridOptions['onFlowEvent'];
  readonly onCommit?: PublishedGridOptions['onCommit'];
}

interface Conversation {
  readonly port: number;
  readonly isTcp: boolean;
  sent: number;
  answered: number;
  /** Number of the last request's frame: its reply comes only if that arrived. */
  request: number;
}

/** A random grid of the real control plane and nodes, under random traffic, deaths, returns and changes of size. */
export class RandomGrid {
  readonly grid: PublishedGrid;
  readonly counts = { frames: 0, kills: 0, revivals: 0, scalings: 0, questions: 0, answers: 0, switches: 0 };
  /** Replies that came out of the grid with another destination than who asked, by frame number. */
  readonly misdirected: string[] = [];
  /** Replies that came back to who asked although a function had changed the address that was answered. */
  translatedBack = 0;
  /** When each frame that left did, by frame number. */
  readonly leftAt = new Map<number, Micros>();
  /** How each conversation's frame left, by frame number. */
  private readonly requests = new Map<number, Uint8Array>();
  private readonly prng: Prng;
  /** Draws apart, so that the rest of a grid is the same with narrow links and without. */
  private readonly sizes: Prng;
  private readonly answers: Prng;
  /** What functions asked an oracle, and it has not answered. */
  private readonly questions: Uint8Array[] = [];
  private readonly isNarrow: boolean;
  private readonly modes: readonly ClusterMode[];
  private readonly switches: Prng;
  private readonly hasDeaths: boolean;
  /** At either end. */
  private readonly inodes: number;
  private readonly stages: StageShape[];
  private readonly flows: Conversation[] = [];
  /** Who asked what each reply answers, and whether its address was another there. */
  private readonly asker = new Map<number, { readonly port: number; readonly isTranslated: boolean }>();
  private readonly dead: NodeRef[] = [];
  private readonly kills: { readonly from: Micros; readonly rounds: number; until: Micros }[] = [];
  private readonly quietSince = new Map<number, number>();
  private rounds = 0;

  constructor(seed: number, options: RandomGridOptions = {}) {
    this.prng = createPrng(seed);
    this.sizes = createPrng(seed).fork('sizes');
    this.isNarrow = options.narrow === true && this.sizes.below(3) === 0;
    this.inodes = options.inodes ?? 1 + createPrng(seed).fork('inodes').below(3);
    this.modes = options.modes ?? [];
    this.hasDeaths = options.deaths ?? true;
    this.switches = createPrng(seed).fork('modes');
    // Drawn apart, so that the rest of a grid is the same with functions and without.
    const functions = createPrng(seed ^ 0x5eed);
    const limits = createPrng(seed).fork('congestion');
    const asks = (this.answers = createPrng(seed).fork('answers'));
    this.stages = Array.from({ length: 1 + this.prng.below(3) }, (_, i) => ({
      nodes: 2 + this.prng.below(4),
      spares: this.prng.below(3),
      failure: this.pick(POLICIES),
      selector: this.pick(SELECTORS),
      ...(options.functions === true ? { function: functionsOf(i + 2)[functions.below(4)]! } : {}),
      ...(options.congestion === true ? congestionOf(limits) : {}),
      ...(options.asks === true && asks.below(2) === 0 ? { function: askerOf(i + 2) } : {}),
    }));
    this.grid = new PublishedGrid({
      stages: this.stages,
      inodes: this.inodes,
      selection: this.prng.below(2) === 0 ? 'centralized' : 'distributed',
      seed: this.prng.next(),
      udpIdleMs: 300,
      ...(this.isNarrow ? { narrow: 1400 } : {}),
      meshed: options.modes !== undefined,
      returning: options.returning === true,
      apart: nodeRef(2, 1),
      ...(options.onTap === undefined ? {} : { onTap: options.onTap }),
      ...(options.onFlowEvent === undefined ? {} : { onFlowEvent: options.onFlowEvent }),
      ...(options.onCommit === undefined ? {} : { onCommit: options.onCommit }),
      onLeft: (network, frameNo, bytes) => this.left(network, frameNo, bytes),
    });
  }

  async run(): Promise<Verdicts> {
    await this.grid.up();
    for (let i = 0; i < STEPS; i++) await this.step();
    for (let i = 0; i < 2 * RECOVERED; i++) await this.round();
    return this.grid.verdicts();
  }

  /** Whether a node had died and not every neighbour knew of it yet. */
  isUnsettledAt(time: Micros): boolean {
    return this.kills.some(({ from, until }) => time >= from && time < until);
  }

  private async step(): Promise<void> {
    if (this.modes.length > 0 && this.switches.below(6) === 0) await this.switchMode();
    switch (this.prng.below(12)) {
      case 0:
        return this.kill();
      case 1:
        return this.revive();
      case 2:
        return this.scale();
      case 3:
        return this.reweigh();
      case 4:
      case 5:
      case 6:
        return this.round();
      default:
        for (let n = 1 + this.prng.below(5); n > 0; n--) await this.talk();
    }
  }

  private async round(): Promise<void> {
    this.rounds++;
    await this.grid.round();
    for (const kill of this.kills) if (kill.rounds === this.rounds) kill.until = this.grid.now;
  }

  /** A new flow's first frame, or the next of one that goes on, from either side. */
  private async talk(): Promise<void> {
    if (this.questions.length > 0 && this.answers.below(2) === 0) {
      const question = this.questions.splice(this.answers.below(this.questions.length), 1)[0]!;
      this.counts.answers++;
      await this.grid.send(SERVER_NETWORK, udp({ ...answerTo(question), payload: numbered(this.counts.answers) }));
    }
    if (this.flows.length === 0 || this.prng.below(4) === 0) {
      const port = 3000 + this.flows.length;
      this.flows.push({ port, isTcp: this.prng.below(2) === 0, sent: 0, answered: 0, request: -1 });
    }
    const flow = this.prng.below(2) === 0 ? this.flows[this.flows.length - 1]! : this.pick(this.flows);
    this.counts.frames++;
    const { port } = flow;
    const there = { from: '10.0.0.1', to: '10.9.0.1', fromPort: port, toPort: 53 };
    if (flow.request >= 0 && this.grid.left.has(flow.request) && this.prng.below(2) === 0) {
      const payload = numbered(++flow.answered, this.size());
      const back = answerTo(this.requests.get(flow.request)!);
      const flags = flow.answered === 1 ? SYN | ACK : ACK;
      this.asker.set(this.grid.frames, { port, isTranslated: back.to !== there.from || back.toPort !== port });
      await this.grid.send(SERVER_NETWORK, flow.isTcp ? tcp({ ...back, payload, flags }) : udp({ ...back, payload }));
      return;
    }
    const payload = numbered(++flow.sent, this.size());
    const flags = flow.sent === 1 ? SYN : this.prng.below(8) === 0 ? FIN | ACK : ACK;
    const frame = flow.isTcp ? tcp({ ...there, payload, flags }) : udp({ ...there, payload });
    flow.request = await this.grid.send(CLIENT_NETWORK, frame);
  }

  /** Bytes of a payload; where a link is narrow, now and then more than fit through it. */
  private size(): number {
    return this.isNarrow && this.sizes.below(6) === 0 ? 1000 + this.sizes.below(3000) : 24;
  }

  private left(network: number, frameNo: number, bytes: Uint8Array): void {
    this.leftAt.set(frameNo, this.grid.now);
    // What a packet that was cut says of its ends stands in its first fragment.
    if (isLaterFragment(bytes)) return;
    if (network === SERVER_NETWORK && answerTo(bytes).fromPort === ORACLE_PORT) {
      this.counts.questions++;
      this.questions.push(bytes);
      return;
    }
    if (network === SERVER_NETWORK) this.requests.set(frameNo, bytes);
    const asker = this.asker.get(frameNo);
    if (network !== CLIENT_NETWORK || asker === undefined) return;
    const { from: address, fromPort: port } = answerTo(bytes);
    if (address !== '10.0.0.1' || port !== asker.port) this.misdirected.push(`${frameNo} to ${address}:${port}`);
    else if (asker.isTranslated) this.translatedBack++;
  }

  /** A node of a stage, or an INODE, that has recovered from what happened to it last, and has another left, dies. */
  private async kill(): Promise<void> {
    if (!this.hasDeaths) return;
    const ends = this.inodes > 1 && this.prng.below(4) === 0;
    const stage = ends ? this.pick([ENTRANCE, this.grid.exit]) : this.stage();
    const members = this.activeIn(stage);
    if (members.length < 2 || !this.isQuiet(stage)) return;
    const victim = nodeRef(stage, this.pick(members));
    this.quietSince.set(stage, this.rounds);
    this.dead.push(victim);
    this.counts.kills++;
    this.kills.push({ from: this.grid.now, until: Infinity, rounds: this.rounds + KNOWN });
    await this.grid.kill(victim);
  }

  private async revive(): Promise<void> {
    const ref = this.dead[0];
    if (ref === undefined || !this.isQuiet(ref >>> 7)) return;
    this.dead.shift();
    this.quietSince.set(ref >>> 7, this.rounds);
    this.counts.revivals++;
    await this.grid.revive(ref);
  }

  private async scale(): Promise<void> {
    const stage = this.stage();
    const serving = this.activeIn(stage).length;
    if (serving < 2 || !this.isQuiet(stage)) return;
    const grows = this.prng.below(2) === 0;
    this.counts.scalings++;
    await this.grid.scale(stage, grows ? serving + 1 : Math.max(2, serving - 1));
  }

  private async reweigh(): Promise<void> {
    const stage = this.stage();
    const node = this.pick(this.activeIn(stage));
    const weight = 1 + this.prng.below(100);
    await this.grid.command({ type: 'ConfigureNode', data: { cluster: stage, node, weight } });
    await this.grid.conductor.obey();
  }

  private async switchMode(): Promise<void> {
    const cluster = `A${2 + this.switches.below(this.stages.length)}`;
    const mode = this.modes[this.switches.below(this.modes.length)]!;
    this.counts.switches++;
    await this.grid.command({
      type: 'SwitchClusterMode',
      data: { cluster, mode, existing: this.switches.below(4) > 0 },
    });
    await this.grid.conductor.obey();
  }

  private isQuiet(stage: number): boolean {
    return this.rounds - (this.quietSince.get(stage) ?? -RECOVERED) >= RECOVERED;
  }

  private activeIn(stage: number): number[] {
    return Object.values(this.grid.control.state.clusters[stage]!.nodes)
      .filter(({ status, node }) => status === 'active' && !this.dead.includes(nodeRef(stage, node)))
      .map(({ node }) => node);
  }

  private stage(): number {
    return 2 + this.prng.below(this.stages.length);
  }

  private pick<Item>(items: readonly Item[]): Item {
    return items[this.prng.below(items.length)]!;
  }
}

/** The ends of an answer to an IPv4 frame with ports: whoever sent it gets it, at the address that it shows. */
export function answerTo(frame: Uint8Array): { from: string; to: string; fromPort: number; toPort: number } {
  const view = new DataView(frame.buffer, frame.byteOffset);
  const address = (at: number): string => frame.subarray(at, at + 4).join('.');
  return { from: address(30), to: address(26), fromPort: view.getUint16(36), toPort: view.getUint16(34) };
}

function isLaterFragment(frame: Uint8Array): boolean {
  return (new DataView(frame.buffer, frame.byteOffset).getUint16(20) & 0x1fff) !== 0;
}
