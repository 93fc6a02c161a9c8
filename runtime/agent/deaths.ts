import type { ToldLife } from '../../adapters/codec/agent-messages';
import { nodeRef, type Incarnation, type NodeRef } from '../../domain/base/ids';
import type { Topology } from '../../domain/topology/topology';
import type { Detection } from '../../dataplane/node/watch';

/** Whom one life here holds dead: of each node, the latest life. */
interface Obituaries {
  readonly incarnation: Incarnation;
  readonly dead: Map<NodeRef, Incarnation>;
}

/** Which members the nodes of an agent hold dead. A life's opinion is for good, and goes with that life. */
export class Deaths {
  private readonly heldBy = new Map<NodeRef, Obituaries>();

  /** @param present the life that a node lives here; undefined = none. */
  constructor(private readonly present: (ref: NodeRef) => Incarnation | undefined) {}

  /** Nodes here found others dead. */
  add(detections: readonly Detection[]): void {
    for (const { node, incarnation, by } of detections) {
      const dead = this.of(by);
      dead?.set(node, Math.max(incarnation, dead.get(node) ?? 0));
    }
  }

  /** Members of a topology, in the lives that it names, that some life here holds dead. */
  among({ clusters }: Pick<Topology, 'clusters'>): ToldLife[] {
    const latest = new Map<NodeRef, Incarnation>();
    for (const [by, { incarnation, dead }] of this.heldBy) {
      if (this.present(by) !== incarnation) this.heldBy.delete(by);
      else for (const [ref, life] of dead) latest.set(ref, Math.max(life, latest.get(ref) ?? 0));
    }
    return clusters.flatMap(({ id, members }) =>
      members
        .filter(({ node, incarnation }) => (latest.get(nodeRef(id, node)) ?? 0) >= incarnation)
        .map(({ node, incarnation }) => ({ cluster: id, node, incarnation })),
    );
  }

  private of(by: NodeRef): Map<NodeRef, Incarnation> | undefined {
    const incarnation = this.present(by);
    if (incarnation === undefined) return undefined;
    let held = this.heldBy.get(by);
    if (held?.incarnation !== incarnation) this.heldBy.set(by, (held = { incarnation, dead: new Map() }));
    return held.dead;
  }
}
