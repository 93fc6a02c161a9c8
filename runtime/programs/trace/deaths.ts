import { Obituary } from '../../../dataplane/select/liveness';
import { nodeRef, type Incarnation, type Micros, type NodeRef } from '../../../domain/base/ids';
import type { TopologyEvent } from '../../../domain/events';
import type { Commit } from '../../../domain/log/commit';
import { effectOf, type FlowsProjection } from '../../../projections';

/** A death as the log tells it. */
interface Death {
  readonly node: NodeRef;
  readonly incarnation: Incarnation;
  /** The last sign of life: from then on neighbours may have held it dead. */
  readonly silentFrom: Micros;
  /** When its neighbours acted on it, which is before the control plane held it failed. */
  at: Micros;
}

/** Who was dead at any time, by what the log tells. */
export class Deaths {
  private readonly deaths: Death[] = [];

  constructor(commits: readonly Commit<TopologyEvent>[], flows: FlowsProjection) {
    for (const commit of commits) {
      for (const event of commit.events) {
        if (event.type !== 'NodeFailed') continue;
        const { cluster, node, incarnation, lastSeen, detectedAt } = event.data;
        const death = {
          node: nodeRef(cluster, node),
          incarnation,
          silentFrom: lastSeen * 1_000,
          at: detectedAt * 1_000,
        };
        this.deaths.push(death);
        this.lookForActs(death, flows);
      }
    }
  }

  /** The dead at a time, as every neighbour knew them. */
  obituaryAt(at: Micros): Obituary {
    const obituary = new Obituary();
    for (const death of this.deaths) if (death.at <= at) obituary.record(death.node, death.incarnation);
    return obituary;
  }

  /** The dead at a time, with those whom some neighbours may have known to be dead before anybody told. */
  suspectedAt(at: Micros): Obituary {
    const obituary = new Obituary();
    for (const death of this.deaths) if (death.silentFrom <= at) obituary.record(death.node, death.incarnation);
    return obituary;
  }

  /** Neighbours repair locally first: the first flow that they moved away tells when they knew. */
  private lookForActs(death: Death, flows: FlowsProjection): void {
    for (const { changes } of flows.records()) {
      for (const { event } of changes) {
        if (!('from' in event) || event.from !== death.node) continue;
        const at = effectOf(event);
        if (at >= death.silentFrom && at < death.at) death.at = at;
      }
    }
  }
}
