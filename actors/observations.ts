import { Accusations } from './accusations';
import type { Incarnation, Millis, NodeRef, WireId } from '../domain/base/ids';

/**
 * What nodes have told the present leader and nobody needs to remember: it is asked again by the next one. Volatile,
 * never hashed, never logged; everything is cleared when a node's life ends.
 */
export class Observations {
  private readonly nodes = new Map<NodeRef, NodeObservation>();
  private readonly agents = new Map<string, AgentObservation>();
  /** Which lives agents' nodes hold dead. */
  readonly accusations = new Accusations();

  /** What the node told in its present life; undefined if it said nothing yet. */
  of(ref: NodeRef): NodeObservation | undefined {
    return this.nodes.get(ref);
  }

  /** A sign of life. A new incarnation begins with nothing told. */
  hello(ref: NodeRef, incarnation: Incarnation, at: Millis): void {
    const known = this.nodes.get(ref);
    if (known === undefined || known.incarnation < incarnation) {
      this.nodes.set(ref, {
        incarnation,
        seenAt: at,
        installed: 0,
        done: new Set(),
        wires: undefined,
        stamps: undefined,
        flows: undefined,
      });
    } else if (known.incarnation === incarnation && at > known.seenAt) {
      known.seenAt = at;
    }
  }

  /** An agent's sign of life. Older processes of its name do not count. */
  agentHello(name: string, life: number, at: Millis): void {
    const known = this.agents.get(name);
    if (known === undefined || known.life < life) this.agents.set(name, { life, seenAt: at });
    else if (known.life === life && at > known.seenAt) known.seenAt = at;
  }

  /** The newest process of the agent that was heard; undefined if none was. */
  agent(name: string): Readonly<AgentObservation> | undefined {
    return this.agents.get(name);
  }

  /** The node installed a topology: all its tables, ready to be stamped. */
  installed(ref: NodeRef, version: number): void {
    const known = this.nodes.get(ref);
    if (known !== undefined && version > known.installed) known.installed = version;
  }

  /** The node holds nothing of a topology any more, and never will. */
  done(ref: NodeRef, version: number): void {
    this.nodes.get(ref)?.done.add(version);
  }

  /** Nobody asks about this topology any more. */
  forgetTopology(version: number): void {
    for (const known of this.nodes.values()) known.done.delete(version);
  }

  /** The wire IDs that an FNODE's live flows carry, the one it stamps included. */
  liveWires(ref: NodeRef, wires: Iterable<WireId>, at: Millis): void {
    const known = this.nodes.get(ref);
    if (known !== undefined) known.wires = { at, ids: new Set(wires) };
  }

  /** The FNODE stamps this topology, or a newer one, from now on. */
  stamps(ref: NodeRef, version: number, at: Millis): void {
    const known = this.nodes.get(ref);
    if (known !== undefined && version > (known.stamps?.version ?? 0)) known.stamps = { version, since: at };
  }

  /** Live flows that have the node as primary / as backup. */
  flows(ref: NodeRef, primary: number, backup: number, at: Millis): void {
    const known = this.nodes.get(ref);
    if (known !== undefined) known.flows = { at, primary, backup };
  }

  clear(): void {
    this.nodes.clear();
    this.agents.clear();
    this.accusations.clear();
  }
}

export interface AgentObservation {
  readonly life: number;
  seenAt: Millis;
}

export interface NodeObservation {
  readonly incarnation: Incarnation;
  seenAt: Millis;
  /** Version of the newest topology that it installed. */
  installed: number;
  /** Versions that it said to hold nothing of. */
  readonly done: Set<number>;
  wires: { readonly at: Millis; readonly ids: ReadonlySet<WireId> } | undefined;
  /** Version of the topology that it stamps, and when that was first heard. */
  stamps: { readonly version: number; readonly since: Millis } | undefined;
  flows: { readonly at: Millis; readonly primary: number; readonly backup: number } | undefined;
}
