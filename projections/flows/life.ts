import { clusterOf, nodeOf, type FlowId, type Micros, type NodeRef } from '../../domain/base/ids';
import type { FlowStarted } from '../../domain/flow/events';
import { beginOf, effectOf, hasBegun, type FlowChange, type FlowRecord } from './record';

/** A life of which nothing is known yet. */
export function emptyLife(flow: FlowId): FlowRecord {
  return { flow, route: [], backups: [], completions: [], changes: [] };
}

/** A copy whose lists grow on their own. */
export function copied(record: FlowRecord): FlowRecord {
  return { ...record, completions: [...record.completions], changes: [...record.changes] };
}

/** Whether a life that others told of first may be the one that the ingress INODE says began at this time. */
export function awaitsBegin(life: FlowRecord, at: Micros): boolean {
  return !hasBegun(life) && (life.ended === undefined || life.ended.at > at);
}

/** The ID began its next life then; nothing to say where this one's end was told. */
export function supersede(life: FlowRecord, at: Micros): void {
  if (life.ended === undefined) life.supersededAt = Math.min(at, life.supersededAt ?? at);
}

/** What was told of a new life before its start was known stands in the life before: it moves over. */
export function moveLater(before: FlowRecord, life: FlowRecord): void {
  const at = beginOf(life);
  take(before.completions, (event) => event.at >= at).forEach((event) => life.completions.push(event));
  take(before.changes, ({ event }) => event.at >= at).forEach((change) => insert(life.changes, change));
  if (before.ended !== undefined && before.ended.at > at) {
    life.ended = before.ended;
    delete life.supersededAt;
    delete before.ended;
  }
  setRoute(before);
}

/** Removes and returns what matches, in its order. */
function take<Item>(items: Item[], matches: (item: Item) => boolean): Item[] {
  const taken = items.filter(matches);
  if (taken.length > 0) items.splice(0, items.length, ...items.filter((item) => !matches(item)));
  return taken;
}

/** In the order in which changes took effect; of two at once, the one told first. */
export function insert(changes: FlowChange[], change: FlowChange): void {
  let at = changes.length;
  while (at > 0 && effectOf(changes[at - 1]!.event) > effectOf(change.event)) at--;
  changes.splice(at, 0, change);
}

/** The route of a life's beginning, from what all who saw it begin know. */
export function setRoute(life: FlowRecord): void {
  const told = life.started === undefined ? life.completions : [life.started, ...life.completions];
  life.route = told.reduce<readonly NodeRef[]>((route, event) => completed(route, along(told, event, event.route)), []);
  life.backups = told.reduce<readonly NodeRef[]>(
    (backups, event) => completed(backups, along(told, event, event.backups)),
    [],
  );
}

/** What one end told, by the clusters of the path that the first told: a function may have put others in on the way. */
function along(told: readonly FlowStarted[], { route }: FlowStarted, list: readonly NodeRef[]): readonly NodeRef[] {
  return told[0]!.route.map((first) => list[route.findIndex((ref) => clusterOf(ref) === clusterOf(first))] ?? 0);
}

/** Fills in what one end knew and the other did not. */
function completed(known: readonly NodeRef[], told: readonly NodeRef[]): readonly NodeRef[] {
  if (known.length === 0) return told;
  return known.map((node, i) => (nodeOf(node) === 0 ? told[i] || node : node));
}
