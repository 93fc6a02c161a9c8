import type { Incarnation, Micros, NodeRef } from '../../domain/base/ids';
import { roundsOfDoubt } from '../../domain/grid/timing';
import type { Timing } from '../../domain/topology/topology';
import { CONTROL_HELLO, type ControlCursor } from './control-frames';
import { HELLOS_RECEIVED, HELLOS_SENT } from './counters';
import type { Node } from './node';

/** Most deaths that one hello names; the rest follows in later ones. */
const DEATHS_MAX = 256;

/** Whether those who are silent have stopped speaking, or this node hears nobody, or it is too soon to say. */
type Fault = 'theirs' | 'own' | 'unclear';

/** A node found that a neighbour is dead, by its own clock of hello rounds or by another's hello. */
export interface Detection {
  readonly node: NodeRef;
  readonly incarnation: Incarnation;
  readonly by: NodeRef;
  readonly at: Micros;
}

/** The latest life known of a node, and whether the node is heard. */
export interface Hearing {
  readonly incarnation: Incarnation;
  readonly isHeard: boolean;
}

/**
 * Who of the neighbours lives: hellos in band, and every frame received, are signs of life; a neighbour that gave none
 * for `detectMultiplier` rounds is dead (as BFD counts). Hellos say who the sender holds dead, and the receiver holds
 * it dead too: so all neighbours of a dead node, its backup first of all, agree within one round, whatever link failed.
 *
 * Silence is counted in rounds that this node itself took part in, not in time: a gap in time, in which nobody sent,
 * kills nobody.
 *
 * A node that hears no other agent any more is rather deaf itself than everybody else dead: it finds nobody dead, takes
 * nothing over, and says in its hellos, which may well be heard, that the others should go on without it. While others seem to
 * follow those who are silent it waits for whether all do.
 */
export class Watch {
  private readonly lastHeard = new Map<NodeRef, number>();
  /** The life of each neighbour that the latest topology names; empty while this node is no member, and judges nobody. */
  private lives = new Map<NodeRef, Incarnation>();
  private neighbours: NodeRef[] = [];
  private neighboursOf = 0;
  /** Of these, those that live with other agents, and how many agents that is. */
  private elsewhere: NodeRef[] = [];
  private agents = 0;
  private isDeaf = false;
  /** In which round nodes that are no members were answered last. */
  private readonly answered = new Map<NodeRef, number>();

  constructor(
    private readonly node: Node,
    private readonly died: (ref: NodeRef, incarnation: Incarnation) => void,
    private readonly detected: (detection: Detection) => void,
  ) {}

  /** A frame came from a neighbour. */
  heard(from: NodeRef): void {
    this.lastHeard.set(from, this.node.ctx.round);
  }

  /** Greets the neighbours. */
  greet(): void {
    this.refresh();
    for (const neighbour of this.neighbours) if (!this.greetOne(neighbour)) return;
  }

  /** Adds every node that was ever a neighbour, in the latest life known of it, and whether it was heard in the detection time. */
  reportHearing(report: Map<NodeRef, Hearing>): void {
    const view = this.node.ctx.topologies.latest;
    if (view === undefined) return;
    for (const ref of this.lastHeard.keys()) {
      const known = report.get(ref);
      const incarnation = Math.max(view.incarnationOf(ref), this.node.obituary.latest(ref), known?.incarnation ?? 0);
      if (incarnation === 0) continue;
      const isHeard = known?.isHeard === true || this.silence(ref) < view.topology.timing.detectMultiplier;
      report.set(ref, { incarnation, isHeard });
    }
  }

  /** Looks for neighbours that have been silent for too long. */
  check(): void {
    this.refresh();
    const view = this.node.ctx.topologies.latest;
    if (view === undefined) return;
    const { timing } = view.topology;
    const { detectMultiplier } = timing;
    const fault = this.whoseFault(timing);
    this.isDeaf = fault === 'own';
    if (fault !== 'theirs') return;
    for (const [neighbour, incarnation] of this.lives) {
      if (this.node.obituary.isDead(neighbour, incarnation)) continue;
      if (this.silence(neighbour) >= detectMultiplier) this.bury(neighbour, incarnation);
    }
  }

  /**
   * It is this node's own when all neighbours that live with other agents are silent, one for the detection time and the others,
   * who do not speak at the same instant, for a round less. With one other agent nobody can say which of the two it is.
   */
  private whoseFault(timing: Timing): Fault {
    if (this.agents < 2) return 'theirs';
    let [shortest, longest] = [Infinity, 0];
    for (const ref of this.elsewhere) {
      const silent = this.silence(ref);
      shortest = Math.min(shortest, silent);
      longest = Math.max(longest, silent);
    }
    const { detectMultiplier } = timing;
    if (shortest < detectMultiplier - roundsOfDoubt(timing)) return 'theirs';
    return shortest >= detectMultiplier - 1 && longest >= detectMultiplier ? 'own' : 'unclear';
  }

  /** Rounds since a neighbour was heard. */
  private silence(neighbour: NodeRef): number {
    const { round } = this.node.ctx;
    return round - (this.lastHeard.get(neighbour) ?? round);
  }

  /** A hello: its sender lives, as this incarnation, and holds others dead. */
  onHello(body: ControlCursor, from: NodeRef, incarnation: Incarnation): void {
    this.node.counters.values[HELLOS_RECEIVED]++;
    // Read whole before anything is done about it: repair writes frames of its own with the cursor.
    const deaths = Array.from({ length: body.readU16() }, () => [body.readU16(), body.readU32()] as const);
    const isMember = this.isMember(from, incarnation);
    if (isMember) {
      this.node.figures.read(body);
      this.node.flood.read(body, from);
    }
    // A new life ends the one before.
    if (incarnation > 1 && !this.node.obituary.isDead(from, incarnation - 1)) this.bury(from, incarnation - 1);
    // Nobody greets a node that is no member: what it holds dead only fell silent to it.
    if (!isMember) return this.answer(from);
    const saysDead = (ref: NodeRef, life: Incarnation): boolean =>
      deaths.some(([each, dead]) => each === ref && dead >= life);
    if (saysDead(from, incarnation)) {
      this.bury(from, incarnation);
      return;
    }
    // One that does not hear this node may be the one that is cut off: what it says of others is not believed.
    if (saysDead(this.node.ref, this.node.incarnation)) return;
    for (const [ref, dead] of deaths) if (!this.node.obituary.isDead(ref, dead)) this.bury(ref, dead);
  }

  /** The control plane knows of a death. */
  bury(ref: NodeRef, incarnation: Incarnation): void {
    if (!this.node.obituary.record(ref, incarnation)) return;
    this.detected({ node: ref, incarnation, by: this.node.ref, at: this.node.ctx.now });
    this.died(ref, incarnation);
  }

  /** A node that nobody greets is answered, once a round: so it knows whom it can hear. */
  private answer(from: NodeRef): void {
    const { round } = this.node.ctx;
    if (this.answered.get(from) === round) return;
    this.answered.set(from, round);
    this.greetOne(from);
  }

  /** False when no slot is free. */
  private greetOne(neighbour: NodeRef): boolean {
    const { control, ref, incarnation, counters } = this.node;
    if (!control.begin(incarnation)) return false;
    this.writeDeaths(control);
    this.node.figures.write(control);
    this.node.flood.write(control);
    if (control.send(ref, neighbour, CONTROL_HELLO, 0)) counters.values[HELLOS_SENT]++;
    return true;
  }

  /** Whether the latest topology names this life of a node. */
  private isMember(ref: NodeRef, incarnation: Incarnation): boolean {
    return this.node.ctx.topologies.latest?.incarnationOf(ref) === incarnation;
  }

  private writeDeaths(control: ControlCursor): void {
    const deaths: [NodeRef, Incarnation][] = [];
    this.node.obituary.forEach((ref, incarnation) => deaths.push([ref, incarnation]));
    if (this.isDeaf) deaths.push([this.node.ref, this.node.incarnation]);
    const told = deaths.slice(-DEATHS_MAX);
    control.u16(told.length);
    for (const [ref, incarnation] of told) {
      control.u16(ref);
      control.u32(incarnation);
    }
  }

  /** Neighbours as the latest topology has them; a new one, or a new life of an old one, counts as heard now. */
  private refresh(): void {
    const view = this.node.ctx.topologies.latest;
    if (view === undefined || view.topology.version === this.neighboursOf) return;
    this.neighboursOf = view.topology.version;
    this.neighbours = view.neighbours(this.node.ref);
    const { round } = this.node.ctx;
    const before = this.lives;
    this.lives = new Map(
      this.isMember(this.node.ref, this.node.incarnation)
        ? this.neighbours.map((neighbour) => [neighbour, view.incarnationOf(neighbour)])
        : [],
    );
    for (const [neighbour, incarnation] of this.lives) {
      if (before.get(neighbour) !== incarnation) this.lastHeard.set(neighbour, round);
    }
    const own = view.agentOf(this.node.ref);
    this.elsewhere = [...this.lives.keys()].filter((neighbour) => view.agentOf(neighbour) !== own);
    this.agents = new Set(this.elsewhere.map((neighbour) => view.agentOf(neighbour))).size;
  }
}
