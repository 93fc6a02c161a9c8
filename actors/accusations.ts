import { clusterOf, nodeOf, type Incarnation, type Millis, type NodeRef } from '../domain/base/ids';
import { nodesOf } from '../domain/cluster/state';
import type { GridState } from '../domain/grid-state';
import { isLive, type NodeState } from '../domain/node/state';

/** A life of a node. */
export interface Accused {
  readonly ref: NodeRef;
  readonly incarnation: Incarnation;
}

/** What an agent says of the nodes of others. */
export interface Opinion {
  /** Lives that its nodes hold dead. */
  readonly dead: readonly Accused[];
  /** Present and former neighbours that its nodes do not hear. */
  readonly mute: readonly Accused[];
}

/** When the life of a node was heard last by the control plane; undefined: another life, or none. */
interface Heard {
  of(ref: NodeRef): { readonly incarnation: Incarnation; readonly seenAt: Millis } | undefined;
}

/**
 * A life that says hello for so long after its neighbours held it dead goes on saying it. One that is really dead has fallen
 * silent by then, and what follows is known from its silence.
 */
export const ACCUSED_MS = 500;
/** What an agent said is not believed for longer: it repeats it each second. */
export const OPINION_MS = 3_000;
/**
 * After so long another life is tried all the same: who does not hear whom is hearsay. No sooner, because a life costs two
 * topologies, and their wire IDs are few.
 */
export const RETRY_MS = 60_000;

/** Which lives are to end, by what is known at one moment. */
export interface Judgement {
  /** Whether a life that was heard at `heardAt` is to end all the same. */
  isDead(life: Accused, heardAt: Millis): boolean;
}

const NOBODY_IS_DEAD: Judgement = { isDead: () => false };

interface Told extends Opinion {
  readonly at: Millis;
}

/** One agent's nodes hold lives of another agent's nodes dead. */
interface Charge {
  readonly by: string;
  readonly against: string;
}

/**
 * What agents say of each other's nodes. To its neighbours a node that was silent for a moment is dead for ever, though the
 * control plane may have heard it all the while: then somebody has to end that life, so that the next can begin.
 */
export class Accusations {
  private readonly byAgent = new Map<string, Told>();
  /** Since when an agent has held a life dead, and since when it has not heard one. */
  private readonly since = new Map<string, Millis>();
  private readonly muteSince = new Map<string, Millis>();

  /** What an agent says now: all of it. */
  told(agent: string, opinion: Opinion, at: Millis): void {
    const before = this.byAgent.get(agent);
    this.byAgent.set(agent, { ...opinion, at });
    follow(this.since, agent, before?.dead, opinion.dead, at);
    follow(this.muteSince, agent, before?.mute, opinion.mute, at);
  }

  clear(): void {
    this.byAgent.clear();
    this.since.clear();
    this.muteSince.clear();
  }

  /**
   * What follows from it for lives that are heard. Of agents that hold each other's nodes dead the fewest are blamed that explain
   * it: one that is cut off accuses everybody, or everybody accuses it, or both.
   */
  judge(state: GridState, heard: Heard, now: Millis): Judgement {
    if (this.since.size === 0) return NOBODY_IS_DEAD;
    const charges = this.charges(state, heard, now);
    const blamed = toBlame(charges);
    return {
      isDead: (life, heardAt) => {
        const agent = agentOf(state, life);
        return agent !== undefined && blamed.has(agent) && this.isToEnd(state, life, agent, heardAt, charges, blamed);
      },
    };
  }

  /** Whether the life of one that is to blame is itself accused, or its agent accuses one that is not to blame. */
  private isToEnd(
    state: GridState,
    life: Accused,
    agent: string,
    heardAt: Millis,
    charges: readonly Charge[],
    blamed: ReadonlySet<string>,
  ): boolean {
    const isStanding = (by: string, against: Accused): boolean =>
      (this.since.get(keyOf(by, against)) ?? Infinity) + ACCUSED_MS <= heardAt;
    if ([...this.byAgent.keys()].some((by) => isStanding(by, life))) return true;
    return charges.some(
      ({ by, against }) =>
        by === agent &&
        !blamed.has(against) &&
        this.byAgent.get(by)!.dead.some((each) => agentOf(state, each) === against && isStanding(by, each)),
    );
  }

  /**
   * Whether an agent's nodes and those of others do not hear each other, so that their next lives would be held dead too.
   * From time to time it is tried all the same.
   */
  isCutOff(state: GridState, agent: string, now: Millis): boolean {
    return [...this.byAgent].some(([by, { mute, at }]) => {
      if (now - at > OPINION_MS) return false;
      return mute.some(
        (life) => separates(state, agent, by, life) && now - this.muteSince.get(keyOf(by, life))! < RETRY_MS,
      );
    });
  }

  /** Who holds whom dead though it has been heard since. */
  private charges(state: GridState, heard: Heard, now: Millis): Charge[] {
    const charges = new Map<string, Charge>();
    for (const [by, { dead, at }] of this.byAgent) {
      // Once the lives of the one to blame are over nobody is at odds with it any more, and what it said would stand alone.
      if (now - at > OPINION_MS || !hasLife(state, by)) continue;
      for (const life of dead) {
        const against = agentOf(state, life);
        const told = heard.of(life.ref);
        if (against === undefined || against === by || told?.incarnation !== life.incarnation) continue;
        const since = this.since.get(keyOf(by, life))!;
        // All that one agent holds against others counts from one moment on, whoever of them was heard first.
        if (now < since + ACCUSED_MS || told.seenAt < since + ACCUSED_MS / 2) continue;
        charges.set(`${by}\n${against}`, { by, against });
      }
    }
    return [...charges.values()];
  }
}

/** The fewest agents, nearly, that have a part in every charge: again and again the one with the most. */
function toBlame(charges: readonly Charge[]): Set<string> {
  const blamed = new Set<string>();
  for (let open = charges; open.length > 0; open = charges.filter((charge) => !isExplained(charge, blamed))) {
    const worst = [...new Set(open.flatMap(({ by, against }) => [by, against]))]
      .map((agent) => ({
        agent,
        others: new Set(open.flatMap(({ by, against }) => (by === agent ? [against] : against === agent ? [by] : [])))
          .size,
        accusers: open.filter(({ against }) => against === agent).length,
      }))
      .reduce((one, other) => (isWorse(other, one) ? other : one));
    blamed.add(worst.agent);
  }
  return blamed;
}

function isExplained({ by, against }: Charge, blamed: ReadonlySet<string>): boolean {
  return blamed.has(by) || blamed.has(against);
}

interface Share {
  readonly agent: string;
  readonly others: number;
  readonly accusers: number;
}

/** More others are at odds with it, or more of them accuse it; of equals one is chosen, the same by everybody. */
function isWorse(one: Share, other: Share): boolean {
  if (one.others !== other.others) return one.others > other.others;
  if (one.accusers !== other.accusers) return one.accusers > other.accusers;
  return one.agent > other.agent;
}

/** The agent that hosts a life; undefined: none, or the life is over. */
function agentOf(state: GridState, { ref, incarnation }: Accused): string | undefined {
  const node = nodeAt(state, ref);
  if (node === undefined || node.incarnation !== incarnation || !isLive(node)) return undefined;
  return node.placement.agent === '' ? undefined : node.placement.agent;
}

function hasLife(state: GridState, agent: string): boolean {
  return Object.values(state.clusters).some((cluster) =>
    nodesOf(cluster).some((node) => isLive(node) && node.placement.agent === agent),
  );
}

function nodeAt(state: GridState, ref: NodeRef): NodeState | undefined {
  return state.clusters[clusterOf(ref)]?.nodes[nodeOf(ref)];
}

/** Whether it keeps an agent from beginning its nodes' next lives that `by` does not hear this one: its own, or others' to it. */
function separates(state: GridState, agent: string, by: string, { ref, incarnation }: Accused): boolean {
  const node = nodeAt(state, ref);
  if (node?.incarnation !== incarnation) return false;
  const { placement } = node;
  return by === agent
    ? isLive(node) && placement.agent !== agent
    : placement.agent === agent && placement.incarnation === incarnation;
}

/** Keeps since when each of these is so. */
function follow(
  since: Map<string, Millis>,
  agent: string,
  before: readonly Accused[] = [],
  now: readonly Accused[],
  at: Millis,
): void {
  const keys = new Set(now.map((life) => keyOf(agent, life)));
  for (const life of before) if (!keys.has(keyOf(agent, life))) since.delete(keyOf(agent, life));
  for (const key of keys) if (!since.has(key)) since.set(key, at);
}

function keyOf(agent: string, { ref, incarnation }: Accused): string {
  return `${ref}@${incarnation} ${agent}`;
}
