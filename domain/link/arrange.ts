import type { ClusterId, Millis } from '../base/ids';
import type { ClusterSettings } from '../cluster/events';
import type { GridState } from '../grid-state';
import { isRejection, reject, type Decision, type Rejection } from '../message';
import { lackOf, unlinkedSteps } from '../path/steps';
import { namedVlans } from '../topology/state';
import type { VirtualLink } from '../topology/topology';
import type { ArrangeLinks } from './commands';
import { deletion, invalidLink, isSame } from './decide';
import type { LinkEvent } from './events';
import { evolveLinks } from './evolve';
import { settleVlans } from './vlan-manager';

/**
 * Creates, changes and deletes links as one whole: all of it is one commit, or nothing is. Each is judged among the links that
 * there will be, so that names, VLAN IDs of operators and directions that others listen to can change hands. What leaves a path
 * without a link that carried it before is refused.
 */
export function arrangeLinks(state: GridState, data: ArrangeLinks['data'], at: Millis): Decision<LinkEvent> {
  const misplaced = misplacedLink(state, data);
  if (misplaced !== undefined) return misplaced;
  const after = withLinks(state, data);
  for (const link of [...data.change, ...data.create]) {
    const refusal = invalidLink(after, link);
    if (refusal !== undefined) return refusal;
  }
  const events = new Events(after, at);
  for (const id of data.delete) {
    const link = state.links.links[id];
    const refusal = link === undefined ? undefined : events.delete(link, state);
    if (refusal !== undefined) return refusal;
  }
  for (const link of data.change) {
    const refusal = events.set(link, isSame(state.links.links[link.id]!, link) ? undefined : 'VirtualLinkChanged');
    if (refusal !== undefined) return refusal;
  }
  for (const link of data.create) {
    const refusal = events.set(link, isThere(state, data, link) ? undefined : 'VirtualLinkCreated');
    if (refusal !== undefined) return refusal;
  }
  return unlinked(state, after) ?? events.all;
}

/** What is to be changed and is not there, or is to be created and is there as another. */
function misplacedLink({ links: { links } }: GridState, data: ArrangeLinks['data']): Rejection | undefined {
  const lost = data.change.find(({ id }) => links[id] === undefined || data.delete.includes(id));
  if (lost !== undefined) return reject('not-found', `there is no link ${lost.id}`);
  const present = data.create.find(
    (link) => links[link.id] !== undefined && !data.delete.includes(link.id) && !isSame(links[link.id]!, link),
  );
  if (present === undefined) return undefined;
  return reject('exists', `link ${present.id} exists already, as ${links[present.id]!.name}`);
}

function isThere({ links: { links } }: GridState, data: ArrangeLinks['data'], { id }: VirtualLink): boolean {
  return links[id] !== undefined && !data.delete.includes(id);
}

/** The state with the links that there will be; VLAN IDs are as they were. */
function withLinks(state: GridState, data: ArrangeLinks['data']): GridState {
  const { links } = state.links;
  const gone = new Set(data.delete);
  const kept = Object.values(links).filter(({ id }) => !gone.has(id));
  const all = [...kept, ...data.change, ...data.create].map((link) => [link.id, link] as const);
  return { ...state, links: { ...state.links, links: Object.fromEntries(all) } };
}

/** The events of an arrangement, in order, and the VLAN IDs as they leave them. */
class Events {
  readonly all: LinkEvent[] = [];

  /** @param state with the links that there will be */
  constructor(
    private state: GridState,
    private readonly at: Millis,
  ) {}

  delete(link: VirtualLink, before: GridState): Rejection | undefined {
    const decision = deletion(link, { ...this.state.links, probes: before.links.probes });
    return isRejection(decision) ? decision : this.take(decision);
  }

  /** A link as it will be, with the VLAN IDs of its ways; without a type it is as it was. */
  set(link: VirtualLink, type?: 'VirtualLinkCreated' | 'VirtualLinkChanged'): Rejection | undefined {
    if (type !== undefined) this.all.push({ type, v: 1, data: link });
    const decision = settleVlans(this.state, link, this.at);
    return isRejection(decision) ? decision : this.take(decision);
  }

  private take(events: readonly LinkEvent[]): undefined {
    this.all.push(...events);
    const { links } = this.state.links;
    const { topology, clusters } = this.state;
    const around = { clusters, isNamed: (vlan: number): boolean => namedVlans(topology).has(vlan) };
    const after = events.reduce((now, event) => evolveLinks(now, event, this.at, around), this.state.links);
    this.state = { ...this.state, links: { ...after, links } };
  }
}

/** A step of a path that had its links before and would have none; what was missing before is no reason. */
function unlinked(before: GridState, after: GridState): Rejection | undefined {
  const settingsOf = (id: ClusterId): ClusterSettings | undefined => before.clusters[id]?.settings;
  const nameOf = (id: ClusterId): string => settingsOf(id)?.name ?? String(id);
  const linksOf = ({ links }: GridState): VirtualLink[] => Object.values(links.links);
  for (const path of Object.values(before.paths)) {
    const lacked = unlinkedSteps(path, settingsOf, linksOf(before));
    const lost = unlinkedSteps(path, settingsOf, linksOf(after)).find(
      ({ from, to }) =>
        !lacked.some(
          (step) => (step.from === from && step.to === to) || (!step.isHalf && step.from === to && step.to === from),
        ),
    );
    if (lost === undefined) continue;
    const remedy = 'give it another link first, or in the same step';
    return reject('in-use', `path ${path.name}: ${lackOf(lost, nameOf)} then (${remedy})`);
  }
  return undefined;
}
