import { placedWith } from '../domain/agent/placement';
import { nodeRef, type Incarnation, type Millis, type NodeRef } from '../domain/base/ids';
import type { GridState } from '../domain/grid-state';

/** A life of a node. */
export interface Accused {
  readonly ref: NodeRef;
  readonly incarnation: Incarnation;
}

/**
 * A life that says hello for so long after its neighbours held it dead goes on saying it. One that is really dead has fallen
 * silent by then, and what follows is known from its silence.
 */
export const ACCUSED_MS = 500;

/**
 * Which lives the nodes of agents hold dead. To its neighbours a node that was silent for a moment is dead for ever, though the
 * control plane may have heard it all the while: then somebody has to end that life, so that the next can begin.
 */
export class Accusations {
  private readonly byAgent = new Map<string, readonly Accused[]>();
  private readonly since = new Map<string, Millis>();

  /** All that an agent's nodes hold dead now. */
  told(agent: string, dead: readonly Accused[], at: Millis): void {
    this.byAgent.set(agent, dead);
    const accused = new Set([...this.byAgent.values()].flat().map(keyOf));
    for (const key of accused) if (!this.since.has(key)) this.since.set(key, at);
    for (const key of this.since.keys()) if (!accused.has(key)) this.since.delete(key);
  }

  clear(): void {
    this.byAgent.clear();
    this.since.clear();
  }

  /**
   * Whether a life that was heard at `heardAt` is dead to its neighbours. Of agents that hold each other's nodes dead those
   * are believed that fewer others accuse: one that is cut off accuses everybody, and everybody accuses it.
   */
  isDead(state: GridState, life: Accused, heardAt: Millis): boolean {
    const since = this.since.get(keyOf(life));
    if (since === undefined || heardAt < since + ACCUSED_MS) return false;
    const accusers = this.accusers(life);
    return accusers.some((agent) => this.mostAccusers(state, agent) <= accusers.length);
  }

  private accusers(life: Accused): string[] {
    const key = keyOf(life);
    return [...this.byAgent].flatMap(([agent, dead]) => (dead.some((each) => keyOf(each) === key) ? [agent] : []));
  }

  /** By how many agents the most accused of an agent's own nodes is held dead. */
  private mostAccusers(state: GridState, agent: string): number {
    const counts = placedWith(state, agent).map(({ cluster, node }) => {
      const ref = nodeRef(cluster.settings.id, node.node);
      return this.accusers({ ref, incarnation: node.incarnation }).length;
    });
    return Math.max(0, ...counts);
  }
}

function keyOf({ ref, incarnation }: Accused): string {
  return `${ref}@${incarnation}`;
}
