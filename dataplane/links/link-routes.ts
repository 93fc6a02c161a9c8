import { clusterOf, NODE_REF_COUNT, type NodeRef } from '../../domain/base/ids';
import { standsFor } from '../../domain/link/sides';
import type { VirtualInterface } from './virtual-interface';

/** What {@link LinkRoutes.place} returns where no link goes from one node to the other. */
export const NO_ROUTE = -1;
const UNKNOWN = -2;

/**
 * By which interface a node's frames leave for another node: on the first link that takes flows from one to the other, of a
 * resilient one to the end that is connected. So do hellos, which find whether that way works; where no link of flows goes from
 * one to the other, control frames take a `control` link ([0036 a]), and so does what nodes of one cluster tell each other about flows.
 *
 * Each pair is looked up once; then it is a place in a table.
 */
export class LinkRoutes {
  /** By sender: 2 places for each receiver, of its flows' frames and of control frames. */
  private readonly tables = new Map<NodeRef, Int16Array>();

  /** @param interfaces in the order in which they are to be preferred */
  constructor(private readonly interfaces: readonly VirtualInterface[]) {}

  /** Place of the interface among those given, or {@link NO_ROUTE}. */
  place(from: NodeRef, to: NodeRef, isControl: boolean): number {
    let table = this.tables.get(from);
    if (table === undefined) this.tables.set(from, (table = new Int16Array(2 * NODE_REF_COUNT).fill(UNKNOWN)));
    const at = 2 * to + (isControl ? 1 : 0);
    if (table[at] === UNKNOWN) table[at] = this.find(from, to, isControl);
    return table[at];
  }

  private find(from: NodeRef, to: NodeRef, isControl: boolean): number {
    const ofFlows = this.first(from, to, false);
    const isOpen = ofFlows !== NO_ROUTE;
    // Whoever is told late of another end would be mute to the root for so long, and dead.
    const mayCut = isOpen && isControl && this.interfaces[ofFlows].settings.kind === 'resilient';
    if (isOpen && !mayCut) return ofFlows;
    const mayUseControl = isControl || clusterOf(from) === clusterOf(to);
    const ofControl = mayUseControl ? this.first(from, to, true) : NO_ROUTE;
    return ofControl === NO_ROUTE ? ofFlows : ofControl;
  }

  private first(from: NodeRef, to: NodeRef, isControl: boolean): number {
    return this.interfaces.findIndex(
      ({ ref, settings }) =>
        ref === from &&
        !settings.isIdle &&
        settings.isControl === isControl &&
        settings.receivers?.some((member) => standsFor(member, to)) === true,
    );
  }
}
